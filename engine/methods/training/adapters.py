"""Put adapters on a network's linear layers, and say which parameters they train."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def linear_names(network: nn.Module) -> list[str]:
    """Full names of every linear layer of a network."""
    return [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]


def attach_lora(
    network: nn.Module,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: Sequence[str],
) -> None:
    """Freeze a network and add low-rank adapters to it in place.

    ``W x`` becomes ``W x + (alpha / rank) B A x`` with B starting at zero (Hu et al. 2021,
    arXiv:2106.09685, section 4.1).

    Parameters
    ----------
    network : nn.Module
    rank : int
    alpha : float
    dropout : float
        On the adapter's input.
    targets : sequence of str
        Names, or last parts of names, of the linear layers to adapt.
    """
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(targets), bias="none"
    )
    # Freezes all but the adapters.
    inject_adapter_in_model(config, network)


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that will be trained, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def without_gradient(module: nn.Module) -> list[str]:
    """Names of trainable parameters that the last backward pass did not reach.

    A LoRA ``A`` matrix has a zero gradient as long as its ``B`` is zero, so that only a missing
    gradient counts for it; a zero gradient counts for all others.
    """
    silent = []
    for name, parameter in trainable(module).items():
        gradient = parameter.grad
        if gradient is None or (".lora_A." not in name and not gradient.any()):
            silent.append(name)
    return silent
