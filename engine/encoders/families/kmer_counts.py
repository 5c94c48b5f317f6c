"""Baseline: how often each k-mer occurs, for k = 1 to 5 together or for one k.

Which k serves a task best is found by naming several of them in a study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.encoders.base import EncoderCard, FeatureEncoder, LoadRequest
from engine.encoders.tokenizers.tiny_tokens import N_CODE, RULES, encode, places

#: Encoder -> its k.
LENGTHS = {"kmer": range(1, 6), **{f"kmer{k}": range(k, k + 1) for k in (3, 4, 5, 6)}}


def width(lengths: range) -> int:
    """Number of k-mers over the letters A, C, G, T."""
    return sum(4**k for k in lengths)


def count(sequences: Sequence[str], lengths: range) -> npt.NDArray[np.float32]:
    """Frequencies of all k-mers of each sequence.

    Parameters
    ----------
    sequences : sequence of str, length N
    lengths : range
        Every k.

    Returns
    -------
    ndarray, shape (N, sum of 4^k), float32
        For each k, the overlapping k-mers in the order AA.., AC.., divided by how many there are
        (all zero where there are none). K-mers with a letter other than A, C, G, T are left out.
    """
    codes, bases = encode(sequences)
    counts = np.zeros((len(bases), width(lengths)), dtype=np.float32)
    row, _ = places(bases)
    is_base = codes < N_CODE
    index = np.zeros(codes.size, dtype=np.int64)
    valid = np.ones(codes.size, dtype=bool)
    first = 0
    for k in range(1, lengths.stop):
        # From the k-mer that starts at each place to the one a letter longer.
        size = codes.size - k + 1
        index = index[:size] * 4 + codes[k - 1 :]
        valid = valid[:size] & is_base[k - 1 :]
        if k not in lengths:
            continue
        kinds = 4**k
        flat = np.bincount(row[:size][valid] * kinds + index[valid], minlength=len(bases) * kinds)
        block = flat.reshape(len(bases), kinds)
        counts[:, first : first + kinds] = block / np.maximum(block.sum(axis=1, keepdims=True), 1)
        first += kinds
    return counts


def features(sequences: Sequence[str], lengths: range = LENGTHS["kmer"]) -> npt.NDArray[np.float32]:
    """`count` in parts, so that the tables of a large task fit in memory."""
    if not len(sequences):
        return np.zeros((0, width(lengths)), dtype=np.float32)
    step = 4096
    starts = range(0, len(sequences), step)
    return np.concatenate([count(sequences[n : n + step], lengths) for n in starts])


def load(request: LoadRequest) -> FeatureEncoder:
    """Build the encoder; see `engine.encoders.registry.load_encoder`."""
    name = request.card.name
    if request.weights != "hub":
        raise UserError(f"encoder '{name}': weights '{request.weights}', but it has no weights")
    lengths = LENGTHS[name]
    rules = hashlib.sha256(f"L1-normalized counts of {_said(lengths)}s; {RULES}".encode())
    return FeatureEncoder(
        name,
        width(lengths),
        f"{name}:{rules.hexdigest()[:16]}",
        partial(features, lengths=lengths),
    )


def _said(lengths: range) -> str:
    return f"{lengths[0]}-mer" if len(lengths) == 1 else f"{lengths[0]}- to {lengths[-1]}-mer"


CARDS = tuple(
    EncoderCard(
        name=name,
        family="kmer",
        kind="features",
        load=load,
        tokens=f"{_said(lengths)} counts",
        hidden_size=width(lengths),
        parameters=0,
        max_tokens=0,
        max_bases=0,
        poolings=("features",),
        trained_on="nothing",
        licence="Apache-2.0",
        source="this repository",
        citation="",
    )
    for name, lengths in LENGTHS.items()
)
