"""Frozen embeddings: one forward pass serves every pooling and layer asked for.

Sequences come as a stream and are taken shard by shard. While the network runs over one shard, the
next is tokenized in the background. Within a shard windows of about equal length share a batch, so
that little is padded; a batch that does not fit into memory is halved. The shards of equal inputs
are equal, so that who keeps them can go on after the last one it has.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.encoders import Encoder, FeatureEncoder, TokenBatch
from engine.encoders.base import pooled_width
from engine.errors import UserError
from engine.pooling import pool
from engine.windows import Windows, length_batches, reverse_complement, windows

log = logging.getLogger(__name__)

#: Tokens of one batch, padding counted. Small batches are faster on a CPU (they stay in cache).
TOKEN_BUDGET = {"cpu": 2048, "cuda": 65536}

#: Estimate of what a token takes on a GPU while a layer runs, in hidden states; and what share of
#: the free memory a batch may take.
VALUES_PER_TOKEN = 64
MEMORY_SHARE = 0.5
SMALLEST_BUDGET = 1024

#: Bases of a shard, at most: what is done again after a kill, and what is sorted by length.
SHARD_BASES = {"cpu": 2**18, "cuda": 2**22}
SHARD_ROWS = 8192

#: Values (layers x poolings x width) that a shard holds, at most.
SHARD_VALUES = 2**25

#: What decides which rows make a shard: parts of another plan are not parts of this one.
SHARD_PLAN = (tuple(SHARD_BASES.items()), SHARD_ROWS, SHARD_VALUES)

Embeddings = dict[tuple[str, int], npt.NDArray[np.floating]]


@dataclass(frozen=True)
class Recipe:
    """What is made of each sequence.

    Attributes
    ----------
    poolings : tuple of str
        See `engine.pooling.pool`; ``features`` for a `FeatureEncoder`.
    layers : tuple of int
        See `engine.encoders.Encoder.layer_states`; -1 is the last hidden state.
    truncate : str
        See `engine.windows.windows`. The vectors of several windows are averaged.
    both_strands : bool
        Whether a sequence and its reverse complement are averaged.
    dtype : {"float32", "float16"}
        Of the result; pooling is in float32 either way.
    """

    poolings: tuple[str, ...] = ("mean",)
    layers: tuple[int, ...] = (-1,)
    truncate: str = "center"
    both_strands: bool = False
    dtype: Literal["float32", "float16"] = "float32"


@dataclass(frozen=True)
class Shard:
    """Embeddings of a run of sequences.

    Attributes
    ----------
    number : int
        From 0; equal inputs give equal shards.
    rows : ndarray, shape (R,), int64
        Rows of the sequences among all.
    arrays : mapping
        ``(pooling, layer)`` -> ndarray, shape (R, `engine.encoders.base.pooled_width`).
    """

    number: int
    rows: npt.NDArray[np.int64]
    arrays: Embeddings


def embed(
    encoder: Encoder | FeatureEncoder,
    sequences: Sequence[str],
    poolings: Sequence[str] = ("mean",),
    layers: Sequence[int] | Literal["all"] = (-1,),
    *,
    truncate: str = "center",
    both_strands: bool = False,
    dtype: Literal["float32", "float16"] = "float32",
    token_budget: int | None = None,
) -> Embeddings:
    """Embed sequences with a frozen encoder.

    Parameters
    ----------
    encoder : Encoder or FeatureEncoder
    sequences : sequence of str, length N
    poolings, truncate, both_strands, dtype
        See `Recipe`.
    layers : sequence of int or "all"
        Hidden states, from 0 (what enters the first layer) to the number of layers, or from the
        end.
    token_budget : int, optional
        Padded tokens of one batch.

    Returns
    -------
    dict
        ``(pooling, layer)`` -> ndarray, shape (N, `engine.encoders.base.pooled_width`), rows
        in the order given.

    Raises
    ------
    UserError
        For a sequence that is too long where ``truncate`` is ``error``, or that does not fit into
        memory alone.
    ValueError
        For a pooling or layer that the encoder does not have.
    """
    if layers == "all":
        layers = range(encoder.depth + 1) if isinstance(encoder, Encoder) else (-1,)
    recipe = Recipe(tuple(poolings), tuple(layers), truncate, both_strands, dtype)
    check_recipe(encoder, recipe)
    result: Embeddings = {
        (pooling, layer): np.zeros(
            (len(sequences), pooled_width(pooling, encoder.hidden_size)), dtype
        )
        for pooling in recipe.poolings
        for layer in recipe.layers
    }
    for shard in embed_shards(encoder, sequences, recipe, token_budget=token_budget):
        for key, values in shard.arrays.items():
            result[key][shard.rows] = values
    return result


def check_recipe(encoder: Encoder | FeatureEncoder, recipe: Recipe) -> None:
    """Make sure that an encoder has what a recipe asks for.

    Raises
    ------
    ValueError
        For a pooling or layer that the encoder does not have.
    """
    if isinstance(encoder, FeatureEncoder):
        if recipe.poolings != ("features",) or recipe.layers != (-1,):
            raise ValueError(
                f"'{encoder.name}' has no hidden states to pool; ask for 'features', layer -1"
            )
        return
    for layer in recipe.layers:
        encoder.layer_number(layer)
    token = torch.zeros(1, 1)
    for pooling in recipe.poolings:
        pool(torch.zeros(1, 1, 1), token, token, pooling, encoder.summary_index)


@dataclass(frozen=True)
class Part:
    """Sequences of a shard.

    Attributes
    ----------
    number : int
    start : int
        Row of the first among all.
    sequences : list of str, length R
    """

    number: int
    start: int
    sequences: list[str]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Rows among all, shape (R,)."""
        return np.arange(self.start, self.start + len(self.sequences), dtype=np.int64)


def embed_shards(
    encoder: Encoder | FeatureEncoder,
    sequences: Iterable[str],
    recipe: Recipe,
    skip: Collection[int] = (),
    token_budget: int | None = None,
) -> Iterator[Shard]:
    """Embed a stream of sequences shard by shard; memory is bounded by a shard.

    Parameters
    ----------
    encoder : Encoder or FeatureEncoder
    sequences : iterable of str
    recipe : Recipe
    skip : collection of int
        Numbers of shards that are not needed; their sequences are read and passed over.
    token_budget : int, optional

    Yields
    ------
    Shard
        In order.
    """
    parts = (part for part in parts_of(encoder, sequences, recipe) if part.number not in skip)
    yield from embed_parts(encoder, parts, recipe, token_budget)


def parts_of(
    encoder: Encoder | FeatureEncoder, sequences: Iterable[str], recipe: Recipe
) -> Iterator[Part]:
    """Cut a stream into shards by what decides their size: bases, rows, values made of them."""
    device = encoder.device.type if isinstance(encoder, Encoder) else "cpu"
    values = sum(pooled_width(pooling, encoder.hidden_size) for pooling in recipe.poolings)
    rows = min(SHARD_ROWS, max(1, SHARD_VALUES // max(1, values * len(recipe.layers))))
    number = start = bases = 0
    part: list[str] = []
    for sequence in sequences:
        if part and (len(part) >= rows or bases + len(sequence) > SHARD_BASES[device]):
            yield Part(number, start, part)
            number, start, bases, part = number + 1, start + len(part), 0, []
        part.append(sequence)
        bases += len(sequence)
    if part:
        yield Part(number, start, part)


def embed_parts(
    encoder: Encoder | FeatureEncoder,
    parts: Iterable[Part],
    recipe: Recipe,
    token_budget: int | None = None,
) -> Iterator[Shard]:
    """Embed the sequences of shards; see `embed_shards`."""
    if isinstance(encoder, FeatureEncoder):
        for part in parts:
            values = _features(encoder, part.sequences, recipe)
            yield Shard(part.number, part.rows, {("features", -1): values})
        return
    budget = Budget(token_budget) if token_budget else Budget.of(encoder)

    def tokenize(part: Part) -> list[Windows]:
        return [
            windows(encoder, strand, recipe.truncate, part.start)
            for strand in _strands(part.sequences, recipe)
        ]

    for part, tokenized in _ahead(tokenize, parts):
        arrays = _vectors(encoder, tokenized, len(part.sequences), recipe, budget)
        yield Shard(part.number, part.rows, arrays)


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


def _strands(sequences: list[str], recipe: Recipe) -> list[list[str]]:
    """The sequences and, where both strands are wanted, their reverse complements."""
    if not recipe.both_strands:
        return [sequences]
    return [sequences, [reverse_complement(sequence) for sequence in sequences]]


def _features(
    encoder: FeatureEncoder, sequences: list[str], recipe: Recipe
) -> npt.NDArray[np.floating]:
    strands = [encoder.features(strand) for strand in _strands(sequences, recipe)]
    return _stored(np.mean(strands, axis=0, dtype=np.float32), recipe)


def _stored(values: npt.NDArray[np.float32], recipe: Recipe) -> npt.NDArray[np.floating]:
    """Values in the precision asked for.

    Raises
    ------
    UserError
        If one is too large for it.
    """
    with np.errstate(over="ignore"):
        stored = values.astype(recipe.dtype, copy=False)
    if recipe.dtype == "float16" and not np.isfinite(stored).all() and np.isfinite(values).all():
        raise UserError(
            f"embedding.stored_as: float16 ends at 65,504 and an embedding reaches "
            f"{np.abs(values).max():,.0f}; choose float32"
        )
    return stored


def _ahead(
    function: Callable[[Part], list[Windows]], parts: Iterable[Part]
) -> Iterator[tuple[Part, list[Windows]]]:
    """Each part with its value, which is computed in the background while the last is in use."""
    waiting: deque[tuple[Part, Future[list[Windows]]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="tokenize") as background:
        for part in parts:
            waiting.append((part, background.submit(function, part)))
            if len(waiting) > 1:
                ready, future = waiting.popleft()
                yield ready, future.result()
        for ready, future in waiting:
            yield ready, future.result()


def _vectors(
    encoder: Encoder, strands: list[Windows], sequences: int, recipe: Recipe, budget: Budget
) -> Embeddings:
    """Pooled vectors of sequences: the mean over a strand's windows, then over the strands."""
    means = [_strand_vectors(encoder, strand, sequences, recipe, budget) for strand in strands]
    return {
        key: _stored(np.mean([m[key] for m in means], axis=0, dtype=np.float32), recipe)
        for key in means[0]
    }


def _strand_vectors(
    encoder: Encoder, tokenized: Windows, sequences: int, recipe: Recipe, budget: Budget
) -> dict[tuple[str, int], npt.NDArray[np.float32]]:
    owners = tokenized.owners
    totals = {
        (pooling, layer): np.zeros(
            (sequences, pooled_width(pooling, encoder.hidden_size)), np.float32
        )
        for pooling in recipe.poolings
        for layer in recipe.layers
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
            pooled = _try(encoder, tokenized.batch(rows), recipe)
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


def _try(
    encoder: Encoder, tokens: TokenBatch, recipe: Recipe
) -> dict[tuple[str, int], Tensor] | None:
    """`_pooled`, or none where it does not fit into memory."""
    try:
        return _pooled(encoder, tokens, recipe)
    except torch.OutOfMemoryError:
        return None


def _pooled(encoder: Encoder, tokens: TokenBatch, recipe: Recipe) -> dict[tuple[str, int], Tensor]:
    """Every pooling of every layer of one batch, in float32, on the encoder's device."""
    device = encoder.device
    if device.type == "cuda":
        tokens = TokenBatch(*(t.pin_memory().to(device, non_blocking=True) for t in tokens))
    states = encoder.layer_states(tokens.input_ids, tokens.attention_mask, recipe.layers)
    pooled = {}
    for layer, state in zip(recipe.layers, states, strict=True):
        hidden = state.float()
        for pooling in recipe.poolings:
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
    """Pooled vectors on their way to the host, so that the device goes on meanwhile.

    Parameters
    ----------
    pooled : dict of Tensor
    """

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
