"""Sequences as windows of tokens: tokenized once, and never longer than the encoder takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from engine.basics.errors import UserError
from engine.encoders import Encoder, TokenBatch

TRUNCATIONS = ("center", "start", "chunk", "error")

#: More special tokens than any tokenizer adds to a sequence.
SPECIAL_TOKENS = 8

#: Bases that are tokenized at once, those of about equally long sequences.
GROUP_BASES = 2**19

#: Complements of the IUPAC letters; what pairs with itself stands for itself.
COMPLEMENT = str.maketrans("ACGTURYKMBDHVacgturykmbdhv", "TGCAAYRMKVHDBtgcaayrmkvhdb")


@dataclass(frozen=True)
class Windows:
    """Windows of tokens, one or more of each sequence.

    Attributes
    ----------
    input_ids : tuple of Tensor, shape (T_w,), int32
        Tokens of each of the W windows, without padding.
    special : tuple of Tensor, shape (T_w,), bool
        True at tokens that stand for no base.
    owners : ndarray, shape (W,), int64
        Row of the sequence that a window belongs to; ascending.
    cut : tuple of int
        Rows of the sequences that did not fit whole, and lost bases or were split.
    """

    input_ids: tuple[Tensor, ...]
    special: tuple[Tensor, ...]
    owners: npt.NDArray[np.int64]
    cut: tuple[int, ...]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Tokens of each window, shape (W,)."""
        return np.array([len(ids) for ids in self.input_ids], dtype=np.int64)

    def batch(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> TokenBatch:
        """Some windows as a batch, padded on the right to the longest of them."""
        ids = pad_sequence([self.input_ids[i] for i in rows], batch_first=True)
        special = pad_sequence(
            [self.special[i] for i in rows], batch_first=True, padding_value=True
        )
        lengths = torch.tensor([len(self.input_ids[i]) for i in rows])
        attended = torch.arange(ids.shape[1]) < lengths[:, None]
        return TokenBatch(ids.long(), attended.long(), special.long())


def reverse_complement(sequence: str) -> str:
    """The other strand of a sequence, read in its own direction."""
    return sequence.translate(COMPLEMENT)[::-1]


def length_batches(
    lengths: npt.NDArray[np.number], budget: float
) -> Iterator[npt.NDArray[np.int64]]:
    """Cut rows, longest first, into batches whose padded size stays within a budget.

    Longest first, so that a batch that does not fit into memory fails at once and not at the end.

    Parameters
    ----------
    lengths : ndarray, shape (N,)
    budget : float
        Largest rows x longest row of a batch; a single longer row is a batch of its own.

    Yields
    ------
    ndarray, shape (B,)
        Indices of the rows of a batch; every row comes once.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        rows = max(1, int(budget // max(1, lengths[order[start]])))
        yield order[start : start + rows]
        start += rows


def windows(
    encoder: Encoder, sequences: Sequence[str], truncate: str = "center", first_row: int = 0
) -> Windows:
    """Tokenize sequences; those that are too long for an encoder are cut or split between tokens.

    Special tokens stay: a window starts and ends as a whole sequence does.

    Parameters
    ----------
    sequences : sequence of str, length N
    truncate : {"center", "start", "chunk", "error"}
        What is kept of a sequence of more than ``encoder.max_tokens``: its middle, its start, all
        of it in the fewest windows side by side (equal to one token), or nothing.
    first_row : int
        Row of the first sequence in its data, for messages.

    Returns
    -------
    Windows
        With ``chunk`` W may exceed N, else it is N.

    Raises
    ------
    UserError
        For a sequence that is too long, where ``truncate`` is ``error``.
    ValueError
        For an unknown ``truncate``.
    """
    if truncate not in TRUNCATIONS:
        raise ValueError(f"unknown truncation '{truncate}'; one of {', '.join(TRUNCATIONS)}")
    tokens = _tokenize(encoder, sequences, first_row)
    kept: list[tuple[Tensor, Tensor]] = []
    owners: list[int] = []
    cut: list[int] = []
    for row, (ids, special) in enumerate(tokens):
        mine = [(ids, special)]
        if len(ids) > encoder.max_tokens:
            cut.append(row)
            if truncate == "error":
                raise UserError(
                    f"sequence {first_row + row + 1} has {len(ids):,} tokens and "
                    f"{encoder.name} takes {encoder.max_tokens:,}; shorten it, or choose "
                    "truncate: center, start or chunk"
                )
            mine = list(_pieces(ids, special, encoder.max_tokens, truncate))
        kept += mine
        owners += [row] * len(mine)
    return Windows(
        tuple(ids for ids, _ in kept),
        tuple(special for _, special in kept),
        np.array(owners, dtype=np.int64),
        tuple(cut),
    )


def too_long(encoder: Encoder, sequences: Sequence[str]) -> int:
    """How many sequences have more tokens than an encoder takes."""
    # No tokenizer makes more tokens than one a base and a few special ones.
    long = [s for s in sequences if len(s) + SPECIAL_TOKENS > encoder.max_tokens]
    count = 0
    for group in length_batches(np.array([len(s) for s in long], dtype=np.int64), GROUP_BASES):
        attended = encoder.tokenize([long[row] for row in group]).attention_mask
        count += int((attended.sum(dim=1) > encoder.max_tokens).sum())
    return count


def _tokenize(
    encoder: Encoder, sequences: Sequence[str], first_row: int
) -> list[tuple[Tensor, Tensor]]:
    """Ids (int32) and special mask (bool) of each sequence, without padding."""
    rows: list[tuple[Tensor, Tensor]] = [(torch.empty(0), torch.empty(0))] * len(sequences)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    for group in length_batches(lengths, GROUP_BASES):
        try:
            batch = encoder.tokenize([sequences[row] for row in group])
        except UserError:
            _find_fault(encoder, sequences, first_row)
            raise
        ids, special = batch.input_ids.int(), batch.special_tokens_mask.bool()
        for place, count in enumerate(batch.attention_mask.sum(dim=1).tolist()):
            # Copies: a view would keep the whole group alive.
            rows[group[place]] = ids[place, :count].clone(), special[place, :count].clone()
    return rows


def _find_fault(encoder: Encoder, sequences: Sequence[str], first_row: int) -> None:
    """Raise for the first sequence that cannot be tokenized, with its row."""
    for row, sequence in enumerate(sequences):
        try:
            encoder.tokenize([sequence])
        except UserError as error:
            raise UserError(f"row {first_row + row + 1}: {error}") from None


def _starts(tokens: int, room: int, truncate: str) -> list[int]:
    """Where the windows of a sequence start, and where the last one ends, in tokens."""
    if truncate == "chunk":
        parts = math.ceil(tokens / room)
        return [tokens * part // parts for part in range(parts + 1)]
    start = (tokens - room) // 2 if truncate == "center" else 0
    return [start, start + room]


def _pieces(
    ids: Tensor, special: Tensor, max_tokens: int, truncate: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows of a tokenized sequence, each between the special tokens around the sequence."""
    bases = torch.nonzero(~special).flatten()
    first, last = int(bases[0]), int(bases[-1]) + 1
    edges = _starts(last - first, max_tokens - (len(ids) - (last - first)), truncate)
    for start, stop in pairwise(edges):
        keep = [slice(0, first), slice(first + start, first + stop), slice(last, len(ids))]
        yield torch.cat([ids[k] for k in keep]), torch.cat([special[k] for k in keep])
