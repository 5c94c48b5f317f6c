"""Tokenizers: non-overlapping 6-mers, and single bases.

Both read a whole batch as one array of letters, so that the cost per sequence is small. A tokenizer
never truncates: who calls it keeps sequences within the encoder's ``max_tokens``.

Letters, in either case: A, C, G, T; U is T; the other IUPAC letters (N R Y S W K M B D H V) are N.
Anything else is a `UserError`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError

if TYPE_CHECKING:
    from engine.encoders.base import TokenBatch

Ids = npt.NDArray[np.int64]

BASES = "ACGT"
AMBIGUOUS = "NRYSWKMBDHV"
K = 6
KMERS = tuple("".join(letters) for letters in itertools.product(BASES, repeat=K))

RULES = f"U is T, {AMBIGUOUS} are N"
"""How letters are read; part of every fingerprint."""

N_CODE = 4
_END, _UNKNOWN = 5, 6


def _letter_codes() -> npt.NDArray[np.uint8]:
    """Table from an ASCII letter to its code."""
    table = np.full(256, _UNKNOWN, dtype=np.uint8)
    table[0] = _END
    for letters, codes in ((BASES, range(4)), ("U", [3]), (AMBIGUOUS, [N_CODE] * len(AMBIGUOUS))):
        for letter, code in zip(letters, codes, strict=True):
            table[[ord(letter), ord(letter.lower())]] = code
    return table


_CODES = _letter_codes()


def encode(sequences: Sequence[str]) -> tuple[npt.NDArray[np.uint8], Ids]:
    """Letters of a batch as codes: A, C, G, T are 0 to 3, any ambiguous letter is 4.

    Parameters
    ----------
    sequences : sequence of str

    Returns
    -------
    codes : ndarray, shape (sum of (length + 1),), uint8
        All sequences one after the other, each followed by an end mark (5).
    lengths : ndarray, shape (N,), int64
        Bases of each sequence.

    Raises
    ------
    UserError
        If a letter is no IUPAC nucleotide.
    """
    lengths = np.fromiter((len(s) for s in sequences), dtype=np.int64, count=len(sequences))
    text = "\0".join((*sequences, "")).encode("ascii", errors="replace")
    codes = _CODES[np.frombuffer(text, dtype=np.uint8)]
    ends = np.cumsum(lengths + 1) - 1
    wrong = codes == _UNKNOWN
    wrong[np.setdiff1d(np.flatnonzero(codes == _END), ends)] = True
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        row = int(np.searchsorted(ends, at))
        letter = sequences[row][at - int(ends[row] - lengths[row])]
        raise UserError(
            f"sequence {row} of the batch has {letter!r}, which is no IUPAC nucleotide letter; "
            f"use A, C, G, T or N"
        )
    return codes, lengths


@dataclass(frozen=True)
class SixMerTokenizer:
    """Non-overlapping 6-mers, single bases where none fits, after a CLS token.

    A sequence is read from left to right: six letters of A, C, G, T are one token; else the next
    letter is a token of its own (around N and at the tail), as in Nucleotide Transformer
    (Dalla-Torre et al. 2024).
    """

    vocabulary: tuple[str, ...] = ("<pad>", "<cls>", "<mask>", "<unk>", *KMERS, *BASES, "N")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the vocabulary and the rules."""
        return _fingerprint("6-mers from the left, single bases around N and at the tail", self)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch; see `engine.encoders.base.TokenBatch`."""
        codes, lengths = encode(sequences)
        first_kmer, first_base = self.vocabulary.index(KMERS[0]), self.vocabulary.index("A")
        size = codes.size
        place = np.arange(size)

        # A run is a stretch of A, C, G, T; a run of L letters is L // 6 tokens and L % 6 letters.
        is_break = codes >= N_CODE
        last_break = np.maximum.accumulate(np.where(is_break, place, -1))
        next_break = np.minimum.accumulate(np.where(is_break, place, size)[::-1])[::-1]
        in_run = place - last_break - 1
        run_length = next_break - last_break - 1
        in_kmer = in_run < run_length - run_length % K
        starts_token = ~in_kmer | (in_run % K == 0)

        padded = np.concatenate([codes, np.zeros(K, dtype=np.uint8)])
        kmer = np.zeros(size, dtype=np.int64)
        for offset in range(K):
            kmer = kmer * 4 + padded[offset : offset + size]
        ids = np.where(in_kmer, first_kmer + kmer, first_base + codes.astype(np.int64))

        row = np.repeat(np.arange(len(lengths)), lengths + 1)
        keep = starts_token & (codes != _END)
        special = self.vocabulary.index("<cls>")
        return _batch(ids[keep], row[keep], len(lengths), special=special, in_front=True)


@dataclass(frozen=True)
class BaseTokenizer:
    """One token per base and an end token, the only one from which a causal network sees all."""

    vocabulary: tuple[str, ...] = ("<pad>", "<mask>", "<end>", *BASES, "N")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the vocabulary and the rules."""
        return _fingerprint("single bases, then an end token", self)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch; see `engine.encoders.base.TokenBatch`."""
        codes, lengths = encode(sequences)
        ids = codes.astype(np.int64) + self.vocabulary.index("A")
        row = np.repeat(np.arange(len(lengths)), lengths + 1)
        keep = codes != _END
        special = self.vocabulary.index("<end>")
        return _batch(ids[keep], row[keep], len(lengths), special=special, in_front=False)


def _fingerprint(rules: str, tokenizer: SixMerTokenizer | BaseTokenizer) -> str:
    text = json.dumps([rules, RULES, tokenizer.vocabulary])
    return hashlib.sha256(text.encode()).hexdigest()


def _batch(ids: Ids, row: Ids, rows: int, *, special: int, in_front: bool) -> TokenBatch:
    """Tokens of all rows, in order, as a batch padded on the right with id 0.

    Every row gets one special token, in front of its other tokens or after them.
    """
    import torch

    from engine.encoders.base import TokenBatch

    counts = np.bincount(row, minlength=rows)
    first = np.cumsum(counts) - counts
    column = np.arange(counts.max(initial=-1) + 1)
    input_ids = np.zeros((rows, column.size), dtype=np.int64)
    input_ids[row, np.arange(ids.size) - first[row] + int(in_front)] = ids
    special_place = np.zeros_like(counts) if in_front else counts
    input_ids[np.arange(rows), special_place] = special
    is_token = column <= counts[:, None]
    is_base = is_token & (column != special_place[:, None])
    return TokenBatch(
        torch.from_numpy(input_ids),
        torch.from_numpy(is_token.astype(np.int64)),
        torch.from_numpy((~is_base).astype(np.int64)),
    )
