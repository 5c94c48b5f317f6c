"""The embedding stage over a cluster: the shards of one encoder, all tasks together, on Ray Data.

Every worker is an actor that loads the encoder once, reads the sequences of its shards itself, and
puts the vectors straight into the store's drafts. What travels is small: which shard, and how many
rows. A shard is the same here and in `engine.embedding.stored.prepare`, and so are its bits; either
goes on where the other was cut off.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
from ray.exceptions import RayTaskError

from engine.basics.errors import UserError
from engine.cluster.capacity import Shape
from engine.cluster.workers import cause_of, options
from engine.embedding.embed import Part, embed_parts, parts_of
from engine.embedding.stored import (
    Prepared,
    PrepareRequest,
    about,
    checked_task,
    count_too_long,
    describe,
    loaded,
    look_up,
    named,
    split_of,
)
from engine.store import Store

log = logging.getLogger(__name__)

#: Shards that an actor takes at once: it tokenizes one while the network runs over another.
SHARDS_AT_ONCE = 4

#: Of a row that names a shard: place of its request, split, key, number, first row, rows.
COLUMNS = ("request", "split", "key", "number", "start", "rows")


@dataclass(frozen=True)
class Missing:
    """A split that the store lacks, and the shards that are left to do.

    Attributes
    ----------
    request : int
        Place of its request in the list.
    count : int
        Rows.
    shards : tuple of (int, int, int)
        Number, first row and rows of each.
    """

    request: int
    split: str
    key: str
    count: int
    shards: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Survey:
    """What there is to do for the requests of one encoder.

    Attributes
    ----------
    prepared : tuple of Prepared
        As they will be once nothing is missing; none of their sequences counted as run.
    there : tuple of int
        Sequences of each request that are in the store already.
    """

    prepared: tuple[Prepared, ...]
    there: tuple[int, ...]
    missing: tuple[Missing, ...]


def survey(requests: Sequence[PrepareRequest], root: str, reuse: bool) -> Survey:
    """See what the store lacks; runs in a worker, since keys take the encoder's weights."""
    store = Store(root)
    prepared: list[Prepared] = []
    there: list[int] = []
    missing: list[Missing] = []
    for place, request in enumerate(requests):
        task = checked_task(request)
        encoder = loaded(request, task.max_bases)
        keys: dict[str, str] = {}
        truncated = rows = 0
        for name in request.splits:
            sequences = split_of(task, name).sequences
            truncated += count_too_long(encoder, sequences)
            if not request.poolings:
                continue
            keys[name], done = look_up(encoder, request, sequences, store, reuse)
            rows += len(sequences)
            if done is not None:
                shards = tuple(
                    (part.number, part.start, len(part.sequences))
                    for part in parts_of(encoder, sequences, request.recipe)
                    if part.number not in done
                )
                missing.append(Missing(place, name, keys[name], len(sequences), shards))
                rows -= sum(count for _, _, count in shards)
        there.append(rows)
        prepared.append(describe(encoder, request.encoder, keys, truncated, 0))
    return Survey(tuple(prepared), tuple(there), tuple(missing))


class Embedder:
    """An actor of Ray Data: loads one encoder once, embeds shards of any of its requests."""

    def __init__(self, requests: Sequence[PrepareRequest], root: str):
        self.requests = requests
        self.store = Store(root)
        self.kept: dict[tuple[int, str], tuple[Sequence[str], int]] = {}

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Embed some shards into their drafts; hand back key, number and rows of each."""
        # Neighbours of one split share a stream, so that one is tokenized while another runs.
        streams: defaultdict[tuple[int, str, str], list[list[int]]] = defaultdict(list)
        columns = (batch[name].tolist() for name in COLUMNS)
        for place, split, key, *shard in zip(*columns, strict=True):
            streams[place, split, key].append(shard)
        for (place, split, key), shards in streams.items():
            request = self.requests[place]
            sequences, max_bases = self._sequences(place, split)
            encoder = loaded(request, max_bases)
            parts = (Part(n, at, list(sequences[at : at + rows])) for n, at, rows in shards)
            for made in embed_parts(encoder, parts, request.recipe):
                self.store.draft(key).add(made.number, made.rows, named(made))
        return {name: np.asarray(batch[name]) for name in ("request", "rows")}

    def _sequences(self, place: int, split: str) -> tuple[Sequence[str], int]:
        """Sequences of a split and the longest of its task; the last split is kept."""
        if (place, split) not in self.kept:
            task = checked_task(self.requests[place])
            self.kept = {(place, split): (split_of(task, split).sequences, task.max_bases)}
        return self.kept[place, split]


def embed_over_cluster(
    requests: Sequence[PrepareRequest],
    root: str,
    reuse: bool,
    resources: Shape,
    workers: int,
) -> Iterator[tuple[PrepareRequest, int | Prepared]]:
    """Embed the tasks of one encoder with all workers of a cluster.

    Parameters
    ----------
    requests, reuse
        All of one encoder; see `engine.embedding.stored.prepare`.
    root : str
        Root of the store, which every node reaches.
    resources : Shape
        What a worker asks for.
    workers : int
        Actors, at most.

    Yields
    ------
    PrepareRequest, int or Prepared
        How many more sequences of a request are in the store; and once all are, what came of it.
    """
    # On a GPU the worker ends with its call, so that the card is free for the actors.
    asked = options(resources)
    remote = ray.remote(**asked, max_calls=1 if resources.gpus else 0)(survey)
    try:
        found: Survey = ray.get(remote.remote(list(requests), root, reuse))
    except RayTaskError as error:
        raise cause_of(error) from None
    yield from zip(requests, found.there, strict=True)
    items = [
        dict(zip(COLUMNS, (gap.request, gap.split, gap.key, *shard), strict=True))
        for gap in found.missing
        for shard in gap.shards
    ]
    ran = [0] * len(requests)
    if items:
        at_once = max(1, min(SHARDS_AT_ONCE, len(items) // workers))
        blocks = -(-len(items) // at_once)
        shards = ray.data.from_items(items, override_num_blocks=blocks)
        done = shards.map_batches(
            Embedder,
            fn_constructor_args=(list(requests), root),
            batch_size=at_once,
            concurrency=(1, max(1, min(workers, blocks))),
            **asked,
        )
        try:
            for row in done.iter_rows():
                place, rows = int(row["request"]), int(row["rows"])
                ran[place] += rows
                yield requests[place], rows
        except RayTaskError as error:
            raise cause_of(error) from None
    store = Store(root)
    for gap in found.missing:
        try:
            store.draft(gap.key).finish(gap.count, about(requests[gap.request], gap.split))
        except ValueError as error:
            raise UserError(
                f"store {store.place.shown}: not all that the workers embedded is there ({error}); "
                "every node must share the store"
            ) from None
    for request, prepared, forwards in zip(requests, found.prepared, ran, strict=True):
        made = replace(prepared, forwards=forwards)
        store.write_note(request.key, asdict(made))
        yield request, made
