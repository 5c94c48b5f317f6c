"""Baseline: which base stands at each position."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.encoders.base import EncoderCard, FeatureEncoder, LoadRequest
from engine.encoders.tokenizers.tiny_tokens import N_CODE, RULES, encode, places

MOST_POSITIONS = 1024


def features(sequences: Sequence[str], positions: int) -> npt.NDArray[np.float32]:
    """One-hot bases by position.

    Parameters
    ----------
    sequences : sequence of str, length N
    positions : int
        A longer sequence keeps its middle (one letter more is cut on the right where the surplus
        is odd); a shorter one is aligned on the left and followed by zeros.

    Returns
    -------
    ndarray, shape (N, 4 * positions), float32
        Position by position A, C, G, T; all four zero for any other letter.
    """
    values = np.zeros((len(sequences), positions, 4), dtype=np.float32)
    middles = []
    for sequence in sequences:
        cut = max(0, len(sequence) - positions) // 2
        middles.append(sequence[cut : cut + positions])
    codes, lengths = encode(middles)
    row, position = places(lengths)
    is_base = codes < N_CODE
    values[row[is_base], position[is_base], codes[is_base]] = 1.0
    return values.reshape(len(sequences), 4 * positions)


def load(request: LoadRequest) -> FeatureEncoder:
    """Build the encoder for a longest sequence; see `engine.encoders.registry.load_encoder`."""
    name = request.card.name
    if request.weights != "hub":
        raise UserError(f"encoder '{name}': weights '{request.weights}', but it has no weights")
    if request.max_bases < 1:
        raise UserError(f"encoder '{name}': max_bases is {request.max_bases}; give at least 1")
    positions = min(request.max_bases, MOST_POSITIONS)
    rules = hashlib.sha256(f"one-hot of {positions} positions, middle kept; {RULES}".encode())
    return FeatureEncoder(
        name,
        4 * positions,
        f"{name}:{rules.hexdigest()[:16]}",
        partial(features, positions=positions),
    )


CARDS = (
    EncoderCard(
        name="onehot",
        family="onehot",
        kind="features",
        load=load,
        tokens="bases by position",
        hidden_size=0,
        parameters=0,
        max_tokens=0,
        max_bases=MOST_POSITIONS,
        poolings=("features",),
        trained_on="nothing",
        licence="Apache-2.0",
        source="this repository",
        citation="",
    ),
)
