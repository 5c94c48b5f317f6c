"""Overlapping k-mers, one starting at every base: the tokens of DNABERT and SpeciesLM.

Letters are read as in `engine.encoders.tokenizers.tiny_tokens`. A k-mer that holds an N is the
unknown token, as the published tokenizers make it. A sequence shorter than k is one unknown token,
so that something stands for its bases; an empty one has special tokens alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.basics.errors import UserError
from engine.encoders.base import TokenBatch
from engine.encoders.tokenizers.published import check_rows, check_words, read_text
from engine.encoders.tokenizers.tiny_tokens import (
    BASES,
    RULES,
    all_kmers,
    digest,
    encode,
    kmer_ids,
    kmer_numbers,
    lay_out,
    places,
)

if TYPE_CHECKING:
    from engine.encoders.tokenizers.tiny_tokens import Ids

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In order of their published ids."""


def published_order(k: int) -> tuple[str, ...]:
    """Special tokens and all k-mers in order of their ids: DNABERT's bases are in order A T C G."""
    return (*SPECIAL, *all_kmers(k, "ATCG"))


@dataclass(frozen=True)
class OverlappingKmers:
    """Every k-mer of a sequence, between special tokens.

    Attributes
    ----------
    vocabulary : tuple of str
        Tokens in order of their ids; see `check_kmers`.
    front : tuple of str
        Special tokens in front of the k-mers; [SEP] stands behind them.
    """

    vocabulary: tuple[str, ...]
    front: tuple[str, ...] = ("[CLS]",)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the vocabulary and the rules."""
        rules = "k-mers from every base; with N, or of a shorter sequence, unknown"
        return digest(rules, RULES, self.vocabulary, self.front)

    @cached_property
    def k(self) -> int:
        """Bases of a token."""
        return len(next(token for token in self.vocabulary if set(token) <= set(BASES)))

    @cached_property
    def _ids(self) -> Ids:
        return kmer_ids(self.vocabulary, self.k, "[UNK]")

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch."""
        codes, lengths = encode(sequences)
        row, place = places(lengths)
        counts = np.where(lengths >= self.k, lengths - self.k + 1, np.minimum(lengths, 1))
        ids = self._ids[kmer_numbers(codes, self.k)[place < counts[row]]]
        padding, last, *front = map(self.vocabulary.index, ("[PAD]", "[SEP]", *self.front))
        return lay_out(ids, counts, padding, front=front, back=[last])


def check_kmers(vocabulary: Sequence[str], where: object, rows: int) -> None:
    """Find that a vocabulary is one of overlapping k-mers.

    Parameters
    ----------
    vocabulary : sequence of str
        Tokens in order of their ids.
    where : object
        Its file, for messages.
    rows : int
        Tokens that the network has.

    Raises
    ------
    UserError
        If the k-mers of one length are not all there, or see `check_words` and `check_rows`.
    """
    check_words(vocabulary, where, SPECIAL)
    kmers = {token for token in vocabulary if token and set(token) <= set(BASES)}
    lengths = sorted({len(token) for token in kmers})
    if len(lengths) != 1 or len(kmers) != 4 ** lengths[0]:
        raise UserError(
            f"{where}: it has {len(kmers)} k-mers with k of {lengths}; all 4^k of one k are needed"
        )
    check_rows(vocabulary, where, rows)


def read_kmers(path: Path, rows: int) -> OverlappingKmers:
    """Tokenizer of a published ``vocab.txt`` for a network of so many rows; see `check_kmers`."""
    vocabulary = tuple(read_text(path).split())
    check_kmers(vocabulary, path, rows)
    return OverlappingKmers(vocabulary)
