"""A network whose layers see special tokens with a learned vector added to each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from engine.encoders import Encoder
from engine.methods.training.adaptation import Adapted
from engine.methods.training.parameters import train_only


class SpecialTokens(nn.Module):
    """A network with vectors for each of its L layers and S kinds of special tokens.

    Parameters
    ----------
    network : nn.Module
        As an `Encoder` holds it.
    blocks : str
        Path in it of the list of layers; each takes the hidden state first, (B, T, H), or
        (attended tokens, H) without padding.
    special_ids : list of int, length S
    hidden_size : int
    """

    special_ids: Tensor

    def __init__(
        self, network: nn.Module, blocks: str, special_ids: list[int], hidden_size: int
    ) -> None:
        super().__init__()
        self.network = network
        layers = list(network.get_submodule(blocks).children())
        self.vectors = nn.Parameter(torch.zeros(len(layers), len(special_ids), hidden_size))
        self.register_buffer("special_ids", torch.tensor(special_ids), persistent=False)
        self.where, self.attended = torch.zeros(0), torch.zeros(0)
        for number, layer in enumerate(layers):
            layer.register_forward_pre_hook(partial(self._add, number), with_kwargs=True)

    def get_input_embeddings(self) -> nn.Module:
        """Module that turns ``input_ids`` into ``inputs_embeds``."""
        table: nn.Module = self.network.get_input_embeddings()  # type: ignore[operator]
        return table

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, inputs_embeds: Tensor | None = None
    ) -> Tensor:
        """Run the network; last hidden state (B, T, H)."""
        kinds = input_ids[..., None] == self.special_ids
        # One at a special token of a kind, (B, T, S); the layers take it from here.
        self.attended = attention_mask.bool()
        self.where = (kinds & self.attended[..., None]).float()
        hidden: Tensor = self.network(input_ids, attention_mask, inputs_embeds)
        return hidden

    def _add(
        self, number: int, _: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments of a layer, with its vectors added to the hidden state."""
        hidden: Tensor = args[0] if args else named["hidden_states"]
        where = self.where if hidden.dim() == 3 else self.where[self.attended]
        changed = hidden + (where @ self.vectors[number]).to(hidden.dtype)
        if args:
            return (changed, *args[1:]), named
        return args, {**named, "hidden_states": changed}


def with_special_tokens(encoder: Encoder, special_ids: list[int]) -> Adapted:
    """Freeze a network and give its layers vectors for some special tokens."""
    train_only(encoder.network, [])
    network = SpecialTokens(encoder.network, encoder.blocks, special_ids, encoder.hidden_size)
    network.to(encoder.device)
    return Adapted(replace(encoder, network=network, blocks=f"network.{encoder.blocks}"))
