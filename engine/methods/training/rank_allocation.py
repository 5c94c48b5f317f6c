"""AdaLoRA's budget of ranks, through PEFT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.methods.training.peft_adapters import ADAPTER


@dataclass(frozen=True)
class RankAllocation:
    """PEFT's allocator, told of every step; see `engine.methods.training.adaptation.Allocation`.

    Attributes
    ----------
    tuner : AdaLoraModel
        Around the network, whose own call does not run through it.
    """

    tuner: Any

    @property
    def config(self) -> Any:
        """Its schedule, and which ranks are left."""
        return self.tuner.peft_config[ADAPTER]

    def penalty(self) -> Tensor:
        """Mean over the adapters' matrices of ``|P^T P - I|`` (Frobenius), times its weight."""
        distances = []
        for name, parameter in self.tuner.model.named_parameters():
            if parameter.requires_grad and (".lora_A." in name or ".lora_B." in name):
                rows = parameter if ".lora_A." in name else parameter.T
                gram = rows @ rows.T
                distances.append(torch.linalg.norm(gram - torch.eye(len(gram)).to(gram)))
        mean = torch.stack(distances).mean()
        penalty: Tensor = self.config.orth_reg_weight * mean
        return penalty

    def update(self, step: int) -> None:
        """Note the importance of each rank, and take the least important ones away."""
        self.tuner.update_and_allocate(step)

    def state(self) -> dict[str, Any]:
        """Running means of importance, and which ranks are left."""
        allocator = self.tuner.rankallocator
        return {
            "importance": dict(allocator.ipt),
            "mean": dict(allocator.exp_avg_ipt),
            "deviation": dict(allocator.exp_avg_unc),
            "pattern": self.config.rank_pattern,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        allocator = self.tuner.rankallocator
        device = next(self.tuner.model.parameters()).device
        for kept, name in (
            (allocator.ipt, "importance"),
            (allocator.exp_avg_ipt, "mean"),
            (allocator.exp_avg_unc, "deviation"),
        ):
            kept.update({key: value.to(device) for key, value in state[name].items()})
        self.config.rank_pattern = state["pattern"]
