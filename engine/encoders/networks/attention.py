"""Parts of attention networks: rotary positions, and attention over packed tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders.networks.packing import Grid

Rotation = tuple[Tensor, Tensor]
"""Cosine and sine of rotary positions, (T, D) each."""


def rotation(length: int, head_size: int, like: Tensor) -> Rotation:
    """Rotary positions (Su et al. 2021, RoFormer, eq. 15), in the dtype of a tensor."""
    frequency = 10000.0 ** (-torch.arange(0, head_size, 2, device=like.device) / head_size)
    angle = torch.outer(torch.arange(length, device=like.device), frequency).repeat(1, 2)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn each pair (i, i + D/2) of x, shape (..., T, D), by its position's angle."""
    left, right = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-right, left], dim=-1) * sine


class SelfAttention(nn.Module):
    """Multi-head attention under the names of BERT; rotary positions where given."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)

    def forward(self, hidden: Tensor, grid: Grid, positions: Rotation | None = None) -> Tensor:
        """Hidden states (N, H) to mixed values (N, H)."""
        head_size = hidden.shape[1] // self.heads
        query, key, value = (
            grid.unpack(project(hidden).view(-1, self.heads, head_size)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        if positions is not None:
            query, key = rotate(query, *positions), rotate(key, *positions)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=grid.attended)
        return grid.pack(mixed.transpose(1, 2).flatten(2))


class Dense(nn.Module):
    """A linear layer under the published name ``dense``."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """(N, inputs) to (N, outputs)."""
        out: Tensor = self.dense(hidden)
        return out
