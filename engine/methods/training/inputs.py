"""Sequences of a split as a training loop takes them: tokenized once, in batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.embedding.windows import Windows, reverse_complement, windows
from engine.encoders import Encoder, TokenBatch


@dataclass(frozen=True)
class Inputs:
    """Sequences of a split, tokenized once.

    Attributes
    ----------
    first : ndarray, shape (N + 1,), int64
        Windows ``first[i]`` to ``first[i + 1]`` are those of sequence i.
    tokens : ndarray, shape (N,), int64
        Tokens of the longest window of each sequence.
    """

    windows: Windows
    first: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]

    @staticmethod
    def of(encoder: Encoder, sequences: Sequence[str], truncate: str) -> Inputs:
        """Tokenize sequences."""
        made = windows(encoder, sequences, truncate)
        first = np.searchsorted(made.owners, np.arange(len(sequences) + 1))
        longest = np.maximum.reduceat(made.counts, first[:-1]) if len(sequences) else made.counts
        return Inputs(made, first, longest)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Tokens of all windows of each sequence, each as long as the longest; shape (N,)."""
        return self.tokens * np.diff(self.first)

    @cached_property
    def attended(self) -> npt.NDArray[np.int64]:
        """Tokens of all windows of each sequence, padding left out; shape (N,)."""
        return np.diff(np.concatenate([[0], self.windows.counts.cumsum()])[self.first])

    def cut(self, strands: int = 1) -> int:
        """How many sequences do not fit whole; each stands there from so many strands."""
        sequences = len(self.tokens) // strands
        return len({row % sequences for row in self.windows.cut})

    def batch(
        self, rows: npt.NDArray[np.int64], device: torch.device
    ) -> tuple[TokenBatch, Tensor | None]:
        """All windows of some sequences, and their owners as a classifier wants them."""
        spans = [np.arange(self.first[row], self.first[row + 1]) for row in rows]
        tokens = self.windows.batch(np.concatenate(spans))
        moved = TokenBatch(*(t.to(device, non_blocking=True) for t in tokens))
        if len(tokens.input_ids) == len(rows):
            return moved, None
        owners = np.repeat(np.arange(len(rows)), [len(span) for span in spans])
        return moved, torch.from_numpy(owners).to(device)


def both_strands(sequences: Sequence[str]) -> list[str]:
    """N sequences, then their N reverse complements."""
    return [*sequences, *map(reverse_complement, sequences)]


def epoch_batches(
    lengths: npt.NDArray[np.int64], batch_size: int, strands: int, seed: int, epoch: int
) -> list[npt.NDArray[np.int64]]:
    """Batches of about equal length in random order: little padding, a new mix each epoch.

    Rows are shuffled, cut into pools of 32 batches, sorted by length within a pool, and the batches
    of all pools are shuffled again. One batch has fewer rows where they do not divide. The draws
    depend on seed and epoch alone, so that an epoch that was cut off can be gone on with.

    Parameters
    ----------
    lengths : ndarray, shape (strands * N,)
        Of N sequences, and of their N reverse complements where there are two strands.
    batch_size : int
    strands : {1, 2}
        With two, each sequence comes once an epoch, from either strand by the toss of a coin.
    seed, epoch : int

    Returns
    -------
    list of ndarray
        Indices into ``lengths``.
    """
    rng = np.random.default_rng([seed, epoch])
    count = len(lengths) // strands
    order = rng.permutation(count)
    if strands == 2:
        order = order + count * rng.integers(2, size=count)
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, count, 32 * batch_size):
        pool_rows = order[start : start + 32 * batch_size]
        pool_rows = pool_rows[np.argsort(lengths[pool_rows], kind="stable")]
        batches += [pool_rows[i : i + batch_size] for i in range(0, len(pool_rows), batch_size)]
    return [batches[index] for index in rng.permutation(len(batches))]
