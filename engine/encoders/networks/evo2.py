"""The model object of the package ``evo2`` as a network of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

from torch import Tensor, nn

from engine.encoders.checkpoint import tensor_hash


class Evo2Model(Protocol):
    """What is used of ``evo2.Evo2``.

    Attributes
    ----------
    model : nn.Module
        The StripedHyena 2 itself; ``model.blocks`` are its layers.
    """

    model: nn.Module

    def __call__(
        self, input_ids: Tensor, return_embeddings: bool, layer_names: list[str]
    ) -> tuple[Any, dict[str, Tensor]]:
        """Logits, and hidden states (B, T, H) by name of layer."""


class Evo2Network(nn.Module):
    """Hidden states of one layer of an Evo 2.

    Parameters
    ----------
    evo2 : Evo2Model
    block : int
        The block whose states are read. `blocks` ends with it: those behind are run by the package,
        but what leaves them is no hidden state of this network.
    """

    def __init__(self, evo2: Evo2Model, block: int):
        super().__init__()
        self.evo2 = evo2
        self.layer = f"blocks.{block}"
        self.stripes = evo2.model
        # The same modules once more, so that names of parameters stay those of the model.
        self.blocks = nn.ModuleList(list(evo2.model.blocks)[: block + 1])  # type: ignore[arg-type]

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """See `engine.encoders.networks.network.Network`; the states have no gradient.

        The mask is not needed: padding stands on the right, where a causal network does not see it.

        Raises
        ------
        ValueError
            For embeddings in place of ids, which the package does not take.
        """
        if inputs_embeds is not None:
            raise ValueError("Evo 2 takes token ids only, no embeddings in their place")
        _, states = self.evo2(input_ids.int(), return_embeddings=True, layer_names=[self.layer])
        # The layer may stand on another GPU than the first.
        return states[self.layer].to(input_ids.device)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        # The package has put each weight on its device and in its precision; poles of filters do
        # not bear bfloat16, and a model split over GPUs may not be moved.
        return self


def parameters_hash(network: nn.Module) -> str:
    """`tensor_hash` of the parameters.

    Not of the state dict: Transformer Engine keeps entries there that are no tensors.
    """
    return tensor_hash(dict(network.named_parameters()))
