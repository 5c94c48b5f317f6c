"""Attended tokens without their padding, and back: what runs on each token alone skips padding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.basics.errors import UserError


@dataclass(frozen=True)
class Grid:
    """Where packed tokens (N, ...) stand on the padded grid (B, T, ...).

    Attributes
    ----------
    tokens : Tensor, shape (N,), int64, or None
        Their places, counted row by row; None where all B T places are tokens.
    attended : Tensor, shape (B, 1, 1, T), bool, or None
        True at tokens; None where all are, so that attention may take its fastest path.
    """

    batch: int
    length: int
    tokens: Tensor | None
    attended: Tensor | None

    @classmethod
    def of(cls, mask: Tensor) -> Grid:
        """Grid of a mask (B, T), bool, that is true at tokens."""
        batch, length = mask.shape
        if mask.all():
            return cls(batch, length, None, None)
        return cls(batch, length, mask.flatten().nonzero()[:, 0], mask[:, None, None, :])

    def pack(self, padded: Tensor) -> Tensor:
        """(B, T, ...) to (N, ...)."""
        flat = padded.flatten(0, 1)
        return flat if self.tokens is None else flat.index_select(0, self.tokens)

    def unpack(self, packed: Tensor) -> Tensor:
        """(N, ...) to (B, T, ...), zero at padding."""
        if self.tokens is not None:
            empty = packed.new_zeros(self.batch * self.length, *packed.shape[1:])
            packed = empty.index_copy(0, self.tokens, packed)
        return packed.view(self.batch, self.length, *packed.shape[1:])

    def positions(self, table: nn.Embedding, first: int = 0) -> Tensor:
        """Learned positions (N, H) of the tokens; row ``first`` of the table is the first one's.

        Raises
        ------
        UserError
            If there are more tokens than learned positions.
        """
        limit = table.num_embeddings - first
        if self.length > limit:
            raise UserError(
                f"a sequence has {self.length} tokens and the encoder has positions for {limit}; "
                f"cut the sequences (N can take a token per base)"
            )
        place = torch.arange(self.length, device=table.weight.device).repeat(self.batch)
        out: Tensor = table(first + (place if self.tokens is None else place[self.tokens]))
        return out
