"""Frozen embeddings: one forward pass over the sequences serves every pooling asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from engine.encoders import Encoder, FeatureEncoder
from engine.pooling import pool

#: Tokens of one batch, padding counted. Small batches are faster on a CPU (they stay in cache).
TOKEN_BUDGET = {"cpu": 4096, "cuda": 65536}
FEATURE_ROWS = 4096

Embeddings = dict[tuple[str, int], npt.NDArray[np.float32]]


def max_bases(encoder: Encoder) -> int:
    """Longest sequence, in bases, that fits an encoder's tokens beside two special ones."""
    return int((encoder.max_tokens - 2) / encoder.tokens_per_base)


def truncate(encoder: Encoder, sequences: Sequence[str]) -> tuple[list[str], int]:
    """Cut sequences that are too long for an encoder to their centre.

    Returns
    -------
    list of str
        Sequences of at most `max_bases`.
    int
        How many were cut.
    """
    limit = max_bases(encoder)
    cut = 0
    kept = []
    for sequence in sequences:
        if len(sequence) > limit:
            cut += 1
            start = (len(sequence) - limit) // 2
            sequence = sequence[start : start + limit]
        kept.append(sequence)
    return kept, cut


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


def embed(
    encoder: Encoder | FeatureEncoder,
    sequences: Sequence[str],
    poolings: Sequence[str] = ("mean",),
    layers: Sequence[int] = (-1,),
    token_budget: int | None = None,
) -> Embeddings:
    """Embed sequences with a frozen encoder.

    Parameters
    ----------
    encoder : Encoder or FeatureEncoder
    sequences : sequence of str, length N
        Those longer than the encoder takes are cut to their centre (see `truncate`).
    poolings : sequence of str
        See `engine.pooling.pool`; ``features`` for a `FeatureEncoder`.
    layers : sequence of int
        Only the last hidden state, -1, is available.
    token_budget : int, optional
        Padded tokens of one batch.

    Returns
    -------
    dict
        ``(pooling, layer)`` -> ndarray, shape (N, H), float32, rows in the order given.

    Raises
    ------
    ValueError
        For a pooling or layer that the encoder does not have.
    """
    if tuple(layers) != (-1,):
        raise ValueError(f"layers {tuple(layers)}: only the last hidden state (-1,) is available")
    if isinstance(encoder, FeatureEncoder):
        if tuple(poolings) != ("features",):
            raise ValueError(f"'{encoder.name}' has no hidden states to pool; ask for 'features'")
        parts = [
            encoder.features(sequences[start : start + FEATURE_ROWS])
            for start in range(0, len(sequences), FEATURE_ROWS)
        ]
        empty = np.zeros((0, encoder.hidden_size), np.float32)
        return {("features", -1): np.concatenate(parts) if parts else empty}
    shape = (len(sequences), encoder.hidden_size)
    result: Embeddings = {(p, -1): np.zeros(shape, np.float32) for p in poolings}
    sequences, _ = truncate(encoder, sequences)
    lengths = np.array([len(s) for s in sequences], dtype=np.int64)
    budget = token_budget or TOKEN_BUDGET[encoder.device.type]
    with torch.inference_mode():
        for rows in length_batches(lengths * encoder.tokens_per_base + 2, budget):
            tokens = encoder.tokenize([sequences[i] for i in rows])
            tokens = type(tokens)(*(t.to(encoder.device) for t in tokens))
            hidden = encoder(tokens.input_ids, tokens.attention_mask)
            for pooling in poolings:
                vectors: Any = pool(
                    hidden,
                    tokens.attention_mask,
                    tokens.special_tokens_mask,
                    pooling,
                    encoder.summary_index,
                )
                result[pooling, -1][rows] = vectors.cpu().numpy()
    return result
