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
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.encoders.base import TokenBatch

Ids = npt.NDArray[np.int64]

BASES = "ACGT"
AMBIGUOUS = "NRYSWKMBDHV"
K = 6


def all_kmers(k: int, letters: str = BASES) -> tuple[str, ...]:
    """Every k-mer, counted up in an order of the letters."""
    return tuple("".join(kmer) for kmer in itertools.product(letters, repeat=k))


KMERS = all_kmers(K)

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


def places(lengths: Ids) -> tuple[Ids, Ids]:
    """Row of each code of `encode`, end marks among them, and its place in that row."""
    row = np.repeat(np.arange(len(lengths)), lengths + 1)
    return row, np.arange(row.size) - (np.cumsum(lengths + 1) - lengths - 1)[row]


def kmer_numbers(codes: npt.NDArray[np.uint8], k: int) -> Ids:
    """Number of the k-mer that starts at each code of `encode`, its letters counting as 0 to 3.

    4^k where it holds an ambiguous letter or does not end within its sequence.
    """
    padded = np.concatenate([codes, np.full(k, _END, dtype=np.uint8)])
    number = np.zeros(codes.size, dtype=np.int64)
    unknown = np.zeros(codes.size, dtype=np.bool_)
    for offset in range(k):
        letter = padded[offset : offset + codes.size]
        number = number * 4 + letter
        unknown |= letter >= N_CODE
    return np.where(unknown, 4**k, number)


def kmer_ids(vocabulary: Sequence[str], k: int, unknown: str) -> Ids:
    """Id of each number of `kmer_numbers`; the last is that of the unknown token."""
    ids = {token: index for index, token in enumerate(vocabulary)}
    return np.array([*(ids[kmer] for kmer in all_kmers(k)), ids[unknown]], dtype=np.int64)


def lay_out(
    ids: npt.NDArray[Any],
    counts: Ids,
    padding: int,
    *,
    front: Sequence[int] = (),
    back: Sequence[int] = (),
) -> TokenBatch:
    """Tokens of all rows, one row after the other, as a batch padded on the right.

    Parameters
    ----------
    ids : ndarray, shape (sum of counts,)
        Of the tokens that stand for bases.
    counts : ndarray, shape (N,), int64
        How many of them each row has.
    padding : int
        Id of what stands in the padding.
    front, back : sequence of int
        Ids of the special tokens that stand before and behind those of every row.
    """
    import torch

    end = len(front) + counts
    ends = end + len(back)
    column = np.arange(max(1, ends.max()) if ends.size else 0)
    is_base = (column >= len(front)) & (column < end[:, None])
    input_ids = np.full(is_base.shape, padding, dtype=np.int64)
    input_ids[:, : len(front)] = front
    input_ids[is_base] = ids
    for place, token in enumerate(back):
        input_ids[np.arange(len(end)), end + place] = token
    return TokenBatch(
        torch.from_numpy(input_ids),
        torch.from_numpy((column < ends[:, None]).astype(np.int64)),
        torch.from_numpy((~is_base).astype(np.int64)),
    )


def digest(*parts: Any) -> str:
    """SHA-256 of what a tokenizer follows: rules and a vocabulary, as JSON."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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
        """Hash of the vocabulary and the rules."""
        rules = "6-mers from the left, single bases around N and at the tail"
        return digest(rules, RULES, self.vocabulary)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
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
        keep = (~in_kmer | (in_run % K == 0)) & (codes != _END)

        ids = np.where(in_kmer, first_kmer + kmer_numbers(codes, K), first_base + codes.astype(int))
        row, _ = places(lengths)
        counts = np.bincount(row[keep], minlength=len(lengths))
        return lay_out(ids[keep], counts, 0, front=[self.vocabulary.index("<cls>")])


@dataclass(frozen=True)
class BaseTokenizer:
    """One token per base and an end token, the only one from which a causal network sees all."""

    vocabulary: tuple[str, ...] = ("<pad>", "<mask>", "<end>", *BASES, "N")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the rules."""
        return digest("single bases, then an end token", RULES, self.vocabulary)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        codes, lengths = encode(sequences)
        ids = codes[codes <= N_CODE].astype(np.int64) + self.vocabulary.index("A")
        return lay_out(ids, lengths, 0, back=[self.vocabulary.index("<end>")])
