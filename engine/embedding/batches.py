"""Pooled vectors of windows: batches within memory, and copies that the device does not wait for.

Windows of about equal length share a batch, so that little is padded; a batch that does not fit
into memory is halved, and so is what waits behind it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.basics.errors import UserError
from engine.embedding.pooling import pool
from engine.embedding.windows import Windows, length_batches
from engine.encoders import Encoder, TokenBatch
from engine.encoders.base import pooled_width

log = logging.getLogger(__name__)

#: Tokens of one batch, padding counted. Small batches are faster on a CPU (they stay in cache).
TOKEN_BUDGET = {"cpu": 2048, "cuda": 65536}

#: Estimate of what a token takes on a GPU while a layer runs, in hidden states; and what share of
#: the free memory a batch may take.
VALUES_PER_TOKEN = 64
MEMORY_SHARE = 0.5
SMALLEST_BUDGET = 1024


@dataclass
class Budget:
    """Tokens of one batch, padding counted; halves where memory is short."""

    tokens: int

    @staticmethod
    def of(encoder: Encoder) -> Budget:
        """What is fast on the encoder's device, or less where its free memory is small."""
        tokens = TOKEN_BUDGET[encoder.device.type]
        if encoder.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(encoder.device)
            # What this process holds and does not use is free for it too.
            free += torch.cuda.memory_reserved(encoder.device)
            free -= torch.cuda.memory_allocated(encoder.device)
            element = next(encoder.network.parameters()).element_size()
            room = MEMORY_SHARE * free / (VALUES_PER_TOKEN * encoder.hidden_size * element)
            tokens = max(SMALLEST_BUDGET, min(tokens, int(room)))
        return Budget(tokens)


def mean_vectors(
    encoder: Encoder,
    tokenized: Windows,
    sequences: int,
    poolings: Sequence[str],
    layers: Sequence[int],
    budget: Budget,
) -> dict[tuple[str, int], npt.NDArray[np.float32]]:
    """Pooled hidden states of sequences, the mean over the windows of each.

    Parameters
    ----------
    tokenized : Windows
        Of all sequences.
    sequences : int
        How many, R.
    poolings : sequence of str
        See `engine.embedding.pooling.pool`.
    layers : sequence of int
        See `engine.encoders.Encoder.layer_states`.
    budget : Budget
        Halves where a batch does not fit into memory; stays so for the next call.

    Returns
    -------
    dict
        ``(pooling, layer)`` -> ndarray, shape (R, `engine.encoders.base.pooled_width`), float32.

    Raises
    ------
    UserError
        For a window that does not fit into memory alone.
    """
    owners = tokenized.owners
    totals = {
        (pooling, layer): np.zeros(
            (sequences, pooled_width(pooling, encoder.hidden_size)), np.float32
        )
        for pooling in poolings
        for layer in layers
    }
    copies: deque[tuple[npt.NDArray[np.int64], Pending]] = deque()

    def collect() -> None:
        rows, pending = copies.popleft()
        for key, vectors in pending.arrays().items():
            if len(owners) == sequences:
                totals[key][rows] = vectors
            else:
                # Unbuffered: windows of one sequence may share a batch.
                np.add.at(totals[key], owners[rows], vectors)

    waiting = deque(length_batches(tokenized.counts, budget.tokens))
    with torch.inference_mode():
        while waiting:
            rows = waiting.popleft()
            pooled = None
            with suppress(torch.OutOfMemoryError):
                pooled = _pooled(encoder, tokenized.batch(rows), poolings, layers)
            if pooled is None:
                waiting = _smaller(budget, tokenized, rows, waiting)
                continue
            copies.append((rows, Pending(pooled)))
            if len(copies) > 1:
                collect()
    while copies:
        collect()
    shares = np.bincount(owners, minlength=sequences).astype(np.float32)[:, None]
    for total in totals.values():
        total /= shares
    return totals


def _pooled(
    encoder: Encoder, tokens: TokenBatch, poolings: Sequence[str], layers: Sequence[int]
) -> dict[tuple[str, int], Tensor]:
    """Every pooling of every layer of one batch, in float32, on the encoder's device."""
    device = encoder.device
    if device.type == "cuda":
        tokens = TokenBatch(*(t.pin_memory().to(device, non_blocking=True) for t in tokens))
    states = encoder.layer_states(tokens.input_ids, tokens.attention_mask, layers)
    pooled = {}
    for layer, state in zip(layers, states, strict=True):
        hidden = state.float()
        for pooling in poolings:
            pooled[pooling, layer] = pool(
                hidden,
                tokens.attention_mask,
                tokens.special_tokens_mask,
                pooling,
                encoder.summary_index,
            )
    return pooled


def _smaller(
    budget: Budget,
    tokenized: Windows,
    rows: npt.NDArray[np.int64],
    waiting: Iterable[npt.NDArray[np.int64]],
) -> deque[npt.NDArray[np.int64]]:
    """Batches of half the tokens, of the rows that did not fit and of all that wait."""
    counts = tokenized.counts
    if len(rows) == 1:
        raise UserError(
            f"a window of {counts[rows[0]]:,} tokens does not fit into memory alone; "
            "choose a smaller encoder, a shorter input, or a device with more memory"
        )
    torch.cuda.empty_cache()
    budget.tokens = max(1, min(budget.tokens, len(rows) * int(counts[rows].max())) // 2)
    log.warning("memory is short: batches of %d tokens from here on", budget.tokens)
    left = np.concatenate([rows, *waiting])
    return deque(left[batch] for batch in length_batches(counts[left], budget.tokens))


class Pending:
    """Pooled vectors on their way to the host, so that the device goes on meanwhile."""

    def __init__(self, pooled: dict[tuple[str, int], Tensor]):
        self.pooled = pooled
        self.event: torch.cuda.Event | None = None
        if any(vectors.is_cuda for vectors in pooled.values()):
            self.pooled = {
                key: torch.empty_like(vectors, device="cpu", pin_memory=True).copy_(
                    vectors, non_blocking=True
                )
                for key, vectors in pooled.items()
            }
            self.event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self.event.record()

    def arrays(self) -> dict[tuple[str, int], npt.NDArray[np.float32]]:
        """The vectors, once they are here."""
        if self.event is not None:
            self.event.synchronize()
        return {key: vectors.numpy() for key, vectors in self.pooled.items()}
