"""Frozen embeddings: one forward pass serves every pooling and layer asked for.

Sequences come as a stream and are taken shard by shard. While the network runs over one shard, the
next is tokenized in the background. The shards of equal inputs are equal, so that who keeps them
can go on after the last one it has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from engine.basics.errors import UserError
from engine.embedding.batches import Budget, mean_vectors
from engine.embedding.pooling import pool
from engine.embedding.windows import Windows, reverse_complement, windows
from engine.encoders import Encoder, FeatureEncoder
from engine.encoders.base import pooled_width

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
        See `engine.embedding.pooling.pool`; ``features`` for a `FeatureEncoder`.
    layers : tuple of int
        See `engine.encoders.Encoder.layer_states`; -1 is the last hidden state.
    truncate : str
        See `engine.embedding.windows.windows`. The vectors of several windows are averaged.
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
        Of the sequences among all.
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
    """Raise ValueError for a pooling or layer of a recipe that the encoder does not have."""
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
    """The sequences of a shard, R of them, from row `start` of all on."""

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
    """Embed a stream of sequences shard by shard, in order; memory is bounded by a shard.

    The sequences of shards whose numbers are to `skip` are read and passed over.
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
            strands = [encoder.features(strand) for strand in _strands(part.sequences, recipe)]
            values = _stored(np.mean(strands, axis=0, dtype=np.float32), recipe)
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


def _strands(sequences: list[str], recipe: Recipe) -> list[list[str]]:
    """The sequences and, where both strands are wanted, their reverse complements."""
    if not recipe.both_strands:
        return [sequences]
    return [sequences, [reverse_complement(sequence) for sequence in sequences]]


def _stored(values: npt.NDArray[np.float32], recipe: Recipe) -> npt.NDArray[np.floating]:
    """Values in the precision asked for; UserError where one is too large for it."""
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
    means = [
        mean_vectors(encoder, strand, sequences, recipe.poolings, recipe.layers, budget)
        for strand in strands
    ]
    return {
        key: _stored(np.mean([m[key] for m in means], axis=0, dtype=np.float32), recipe)
        for key in means[0]
    }
