"""Overlapping k-mers, one starting at every base: the tokens of DNABERT and SpeciesLM.

Letters are read as in `engine.encoders.tokenizers.tiny_tokens`. A k-mer that holds an N is the
unknown token, as the published tokenizers make it. A sequence shorter than k is one unknown token,
so that something stands for its bases; an empty one has special tokens alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.basics.errors import UserError
from engine.encoders.tokenizers.published import check_rows
from engine.encoders.tokenizers.tiny_tokens import BASES, N_CODE, RULES, encode

if TYPE_CHECKING:
    from engine.encoders.base import TokenBatch
    from engine.encoders.tokenizers.tiny_tokens import Ids

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In order of their published ids."""


def published_order(k: int) -> tuple[str, ...]:
    """Special tokens and all k-mers in order of their ids: DNABERT's bases are in order A T C G."""
    return (*SPECIAL, *("".join(letters) for letters in itertools.product("ATCG", repeat=k)))


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
        """SHA-256 of the vocabulary and the rules."""
        rules = "k-mers from every base; with N, or of a shorter sequence, unknown"
        text = json.dumps([rules, RULES, self.vocabulary, self.front])
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def k(self) -> int:
        """Bases of a token."""
        return len(next(token for token in self.vocabulary if set(token) <= set(BASES)))

    @cached_property
    def _ids(self) -> Ids:
        """Ids of the k-mers, in which A, C, G, T count as 0 to 3, and then that of [UNK]."""
        ids = {token: index for index, token in enumerate(self.vocabulary)}
        kmers = ("".join(letters) for letters in itertools.product(BASES, repeat=self.k))
        return np.array([*(ids[kmer] for kmer in kmers), ids["[UNK]"]], dtype=np.int64)

    def __call__(self, sequences: Sequence[str]) -> TokenBatch:
        """Tokenize a batch; see `engine.encoders.base.TokenBatch`."""
        import torch

        from engine.encoders.base import TokenBatch

        codes, lengths = encode(sequences)
        size = codes.size
        padded = np.concatenate([codes, np.zeros(self.k, dtype=np.uint8)])
        kmer = np.zeros(size, dtype=np.int64)
        unknown = np.zeros(size, dtype=np.bool_)
        for offset in range(self.k):
            letter = padded[offset : offset + size]
            kmer = kmer * 4 + letter
            # The mark at the end of a sequence makes that of a shorter one unknown, too.
            unknown |= letter >= N_CODE
        ids = self._ids[np.where(unknown, 4**self.k, kmer)]

        counts = np.where(lengths >= self.k, lengths - self.k + 1, np.minimum(lengths, 1))
        row = np.repeat(np.arange(len(lengths)), lengths + 1)
        place = np.arange(size) - (np.cumsum(lengths + 1) - lengths - 1)[row]
        starts_token = place < counts[row]

        first = len(self.front)
        end = first + counts
        width = int(end.max(initial=first)) + 1
        pad, *front, last = (self.vocabulary.index(t) for t in ("[PAD]", *self.front, "[SEP]"))
        input_ids = np.full((len(lengths), width), pad, dtype=np.int64)
        input_ids[:, :first] = front
        input_ids[row[starts_token], first + place[starts_token]] = ids[starts_token]
        input_ids[np.arange(len(lengths)), end] = last
        column = np.arange(width)
        is_kmer = (column >= first) & (column < end[:, None])
        return TokenBatch(
            torch.from_numpy(input_ids),
            torch.from_numpy((column <= end[:, None]).astype(np.int64)),
            torch.from_numpy((~is_kmer).astype(np.int64)),
        )


def check_kmers(vocabulary: Sequence[str], where: str, rows: int) -> None:
    """Find that a vocabulary is one of overlapping k-mers.

    Parameters
    ----------
    vocabulary : sequence of str
        Tokens in order of their ids.
    where : str
        Its file, for messages.
    rows : int
        Tokens that the network has.

    Raises
    ------
    UserError
        If a special token is missing, a token is there twice, the k-mers of one length are not all
        there, or see `check_rows`.
    """
    missing = [token for token in SPECIAL if token not in vocabulary]
    if missing:
        raise UserError(f"{where}: no token '{missing[0]}' ({len(missing)} missing)")
    if len(set(vocabulary)) < len(vocabulary):
        twice = next(token for token in vocabulary if vocabulary.count(token) > 1)
        raise UserError(f"{where}: token '{twice}' is there twice")
    kmers = {token for token in vocabulary if token and set(token) <= set(BASES)}
    lengths = sorted({len(token) for token in kmers})
    if len(lengths) != 1 or len(kmers) != 4 ** lengths[0]:
        raise UserError(
            f"{where}: it has {len(kmers)} k-mers with k of {lengths}; all 4^k of one k are needed"
        )
    check_rows(vocabulary, where, rows)


def read_kmers(path: Path, rows: int) -> OverlappingKmers:
    """Tokenizer of a published ``vocab.txt``, one token a line.

    Parameters
    ----------
    path : Path
    rows : int
        Tokens that the network has.

    Raises
    ------
    UserError
        If the file is missing, or see `check_kmers`.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a folder laid out as the hub")
    vocabulary = tuple(path.read_text(encoding="utf-8").split())
    check_kmers(vocabulary, str(path), rows)
    return OverlappingKmers(vocabulary)
