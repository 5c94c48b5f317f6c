"""Baseline: how often each k-mer occurs, for k = 1 to 5."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.encoders.base import EncoderCard, FeatureEncoder, LoadRequest
from engine.encoders.tokens import N_CODE, RULES, encode
from engine.errors import UserError

LONGEST = 5
WIDTH = sum(4**k for k in range(1, LONGEST + 1))


def count(sequences: Sequence[str]) -> npt.NDArray[np.float32]:
    """Frequencies of all k-mers of each sequence.

    Parameters
    ----------
    sequences : sequence of str, length N

    Returns
    -------
    ndarray, shape (N, 4 + 16 + 64 + 256 + 1024), float32
        For each k, the overlapping k-mers in the order AA.., AC.., divided by how many there are
        (all zero where there are none). K-mers with a letter other than A, C, G, T are left out.
    """
    codes, lengths = encode(sequences)
    counts = np.zeros((len(lengths), WIDTH), dtype=np.float32)
    row = np.repeat(np.arange(len(lengths)), lengths + 1)
    is_base = codes < N_CODE
    index = np.zeros(codes.size, dtype=np.int64)
    valid = np.ones(codes.size, dtype=bool)
    first = 0
    for k in range(1, LONGEST + 1):
        # From the k-mer that starts at each place to the one a letter longer.
        size = codes.size - k + 1
        index = index[:size] * 4 + codes[k - 1 :]
        valid = valid[:size] & is_base[k - 1 :]
        kinds = 4**k
        flat = np.bincount(row[:size][valid] * kinds + index[valid], minlength=len(lengths) * kinds)
        block = flat.reshape(len(lengths), kinds)
        counts[:, first : first + kinds] = block / np.maximum(block.sum(axis=1, keepdims=True), 1)
        first += kinds
    return counts


def features(sequences: Sequence[str]) -> npt.NDArray[np.float32]:
    """`count` in parts, so that the tables of a large task fit in memory."""
    if not len(sequences):
        return np.zeros((0, WIDTH), dtype=np.float32)
    step = 4096
    parts = [count(sequences[start : start + step]) for start in range(0, len(sequences), step)]
    return np.concatenate(parts)


def load(request: LoadRequest) -> FeatureEncoder:
    """Build the encoder; see `engine.encoders.base.load_encoder`."""
    name = request.card.name
    if request.weights != "hub":
        raise UserError(f"encoder '{name}': weights '{request.weights}', but it has no weights")
    rules = hashlib.sha256(f"L1-normalized counts of 1- to {LONGEST}-mers; {RULES}".encode())
    return FeatureEncoder(name, WIDTH, f"{name}:{rules.hexdigest()[:16]}", features)


CARDS = (
    EncoderCard(
        name="kmer",
        family="kmer",
        kind="features",
        load=load,
        tokens="1- to 5-mer counts",
        hidden_size=WIDTH,
        parameters=0,
        max_tokens=0,
        max_bases=0,
        poolings=("features",),
        trained_on="nothing",
        licence="Apache-2.0",
        source="this repository",
        citation="",
    ),
)
