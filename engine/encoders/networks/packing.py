"""Attended tokens without their padding, and back: what runs on each token alone skips padding."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Grid:
    """Where packed tokens (N, ...) stand on the padded grid (B, T, ...).

    Attributes
    ----------
    batch, length : int
        B and T.
    tokens : Tensor, shape (N,), int64, or None
        Their places, counted row by row; None where all B T places are tokens.
    """

    batch: int
    length: int
    tokens: Tensor | None

    @classmethod
    def of(cls, mask: Tensor) -> Grid:
        """Grid of a mask (B, T), bool, that is true at tokens."""
        batch, length = mask.shape
        return cls(batch, length, None if mask.all() else mask.flatten().nonzero()[:, 0])

    def pack(self, padded: Tensor) -> Tensor:
        """(B, T, ...) to (N, ...)."""
        flat = padded.flatten(0, 1)
        return flat if self.tokens is None else flat.index_select(0, self.tokens)

    def words(self, table: nn.Module, input_ids: Tensor, inputs_embeds: Tensor | None) -> Tensor:
        """Word embeddings (N, H) of a call: of its tokens by the table, or those it gives."""
        if inputs_embeds is None:
            out: Tensor = table(self.pack(input_ids))
            return out
        return self.pack(inputs_embeds)

    def unpack(self, packed: Tensor) -> Tensor:
        """(N, ...) to (B, T, ...), zero at padding."""
        if self.tokens is not None:
            empty = packed.new_zeros(self.batch * self.length, *packed.shape[1:])
            packed = empty.index_copy(0, self.tokens, packed)
        return packed.view(self.batch, self.length, *packed.shape[1:])
