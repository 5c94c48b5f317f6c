"""The embedding stage: what an encoder is, and its embeddings of a task, once, into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.basics.files import content_key, file_hash
from engine.basics.package import PACKAGE
from engine.embedding.embed import SHARD_PLAN, Recipe, Shard, check_recipe, embed_shards
from engine.embedding.windows import too_long
from engine.encoders import Encoder, FeatureEncoder, best_device, find_card, load_encoder
from engine.encoders.hub import cached_commit, hub_source
from engine.encoders.registry import code_of
from engine.records import EncoderSpec, TaskSpec, array_name
from engine.store import Store
from engine.tasks import Split, Task, load_task

#: Changes whenever equal inputs could give other arrays.
EMBEDDING_FORMAT = 3

#: Precision of a frozen network, by device: matrix units of a GPU are for this one.
PRECISION = {"cpu": "float32", "cuda": "bfloat16"}

#: The encoder that this process used last, by what it was asked for.
_kept: dict[tuple[EncoderSpec, str, str, int], Encoder | FeatureEncoder] = {}


@dataclass(frozen=True)
class PrepareRequest:
    """One encoder on one task.

    Attributes
    ----------
    poolings : tuple of str
        What to embed; empty where no cell probes, then only the encoder is identified.
    splits : tuple of str
        Of ``train``, ``validation``, ``test``.
    precision : str
        Of the frozen network; empty for what suits the worker's device. The test split asks for
        that of the others.
    """

    encoder: EncoderSpec
    task: TaskSpec
    task_fingerprint: str
    poolings: tuple[str, ...]
    layers: tuple[int, ...]
    splits: tuple[str, ...]
    precision: str = ""

    @cached_property
    def key(self) -> str:
        """Identity of the request, weight files and encoder code included."""
        return content_key(
            EMBEDDING_FORMAT,
            asdict(self.encoder),
            self.task_fingerprint,
            self.poolings,
            self.layers,
            self.splits,
            self.precision,
            _files_hash(self.encoder),
        )

    @property
    def recipe(self) -> Recipe:
        """What is made of each sequence."""
        spec = self.encoder
        return Recipe(
            tuple(sorted(self.poolings)),
            tuple(sorted(self.layers)),
            spec.truncate,
            spec.both_strands,
            spec.stored_as,
        )


@dataclass(frozen=True)
class Prepared:
    """What came of a request.

    Attributes
    ----------
    encoder_fingerprint : str
        Weights, tokenizer, and how sequences are read.
    precision : str
        Of the frozen network.
    revision : str
        Commit of the hub that the weights came from; empty where they did not.
    truncated : int
        Sequences that were too long for the encoder.
    embeddings : mapping
        Split -> key in the store.
    forwards : int
        Sequences that went through the encoder; 0 where all was in the store.
    """

    encoder_fingerprint: str
    precision: str
    revision: str
    hidden_size: int
    parameters: int
    truncated: int
    embeddings: Mapping[str, str]
    forwards: int


def recall_prepared(request: PrepareRequest, store: Store) -> Prepared | None:
    """What an earlier run prepared for the same request, if its arrays are there and sound."""
    note = store.read_note(request.key)
    if note is None or any(store.load(key) is None for key in note["embeddings"].values()):
        return None
    return Prepared(**{**note, "forwards": 0})


def prepare(request: PrepareRequest, root: str, reuse: bool = True) -> Prepared:
    """Load the encoder, embed what the store lacks, and note the result.

    Parameters
    ----------
    root : str
        Of the store.
    reuse : bool
        Whether arrays that are in the store are taken as they are.

    Raises
    ------
    UserError
        If the encoder or the task cannot be loaded, or the data are not those of the request.
    """
    *_, prepared = prepare_in_steps(request, root, reuse)
    assert isinstance(prepared, Prepared)
    return prepared


def prepare_in_steps(
    request: PrepareRequest, root: str, reuse: bool = True
) -> Iterator[int | Prepared]:
    """As `prepare`; runs in a worker, and tells how it gets on.

    Yields
    ------
    int or Prepared
        How many more of the sequences to embed are in the store; and last what came of it all.
    """
    store = Store(root)
    task = checked_task(request)
    encoder = loaded(request, task.max_bases)
    truncated = forwards = 0
    keys: dict[str, str] = {}
    for name in request.splits:
        sequences = split_of(task, name).sequences
        truncated += count_too_long(encoder, sequences)
        if not request.poolings:
            continue
        key, done = look_up(encoder, request, sequences, store, reuse)
        keys[name] = key
        if done is None:
            yield len(sequences)
            continue
        draft = store.draft(key)
        ran = 0
        for shard in embed_shards(encoder, sequences, request.recipe, skip=done):
            ran += len(shard.rows)
            if len(shard.rows) == len(sequences):
                store.save(key, named(shard), about(request, name))
            else:
                draft.add(shard.number, shard.rows, named(shard))
            yield len(shard.rows)
        if not store.has(key):
            draft.finish(len(sequences), about(request, name))
        forwards += ran
        yield len(sequences) - ran
    prepared = describe(encoder, request.encoder, keys, truncated, forwards)
    store.write_note(request.key, asdict(prepared))
    yield prepared


def prepare_all(
    requests: Sequence[PrepareRequest], root: str, reuse: bool = True
) -> Iterator[tuple[PrepareRequest, int | Prepared]]:
    """Every step of several requests, with its request; those of one encoder load it once."""
    for request in requests:
        for step in prepare_in_steps(request, root, reuse):
            yield request, step


def describe(
    encoder: Encoder | FeatureEncoder,
    spec: EncoderSpec,
    keys: Mapping[str, str],
    truncated: int,
    forwards: int,
) -> Prepared:
    """Result of a request: what the encoder is, and where its embeddings are."""
    revision, parameters = "", 0
    if isinstance(encoder, Encoder):
        revision = encoder.revision
        parameters = sum(p.numel() for p in encoder.network.parameters())
    return Prepared(
        encoder_fingerprint=fingerprint(encoder, spec),
        precision=precision_of(encoder),
        revision=revision,
        hidden_size=encoder.hidden_size,
        parameters=parameters,
        truncated=truncated,
        embeddings=dict(keys),
        forwards=forwards,
    )


def look_up(
    encoder: Encoder | FeatureEncoder,
    request: PrepareRequest,
    sequences: Sequence[str],
    store: Store,
    reuse: bool,
) -> tuple[str, frozenset[int] | None]:
    """See what the store has of a split's embeddings; without ``reuse`` it is removed first.

    Returns
    -------
    str
        Their key.
    frozenset of int or None
        Numbers of the shards that are drafted; none where the entry is whole.

    Raises
    ------
    UserError
        For a pooling or layer that the encoder does not have.
    """
    try:
        check_recipe(encoder, request.recipe)
    except ValueError as error:
        raise UserError(f"{request.encoder.name}: {error}") from None
    key = embedding_key(encoder, request, sequences)
    if not reuse:
        store.discard(key)
        store.draft(key).discard()
    return key, store.draft(key).done() if store.load(key) is None else None


def checked_task(request: PrepareRequest) -> Task:
    """Task of a request; UserError where its data are not those that it was made for."""
    task = load_task(request.task)
    task.check_unchanged(request.task_fingerprint)
    return task


def split_of(task: Task, name: str) -> Split:
    """A split by name; the test split only where a request names it."""
    if name == "test":
        return task.unseal_test()
    return task.train if name == "train" else task.validation


def loaded(request: PrepareRequest, max_bases: int) -> Encoder | FeatureEncoder:
    """The encoder of a request, frozen, on the device of this process.

    A worker keeps the last one: requests of one encoder that follow each other load it once.
    """
    features = find_card(request.encoder.card).kind == "features"
    spec, device, bases = request.encoder, best_device(), max_bases if features else 0
    precision = request.precision or PRECISION[device]
    wanted = (spec, device, precision, bases)
    if wanted not in _kept:
        # Before the next one is loaded: two may not fit into memory together.
        _kept.clear()
        _kept[wanted] = load_encoder(
            spec.card,
            weights=spec.weights,
            seed=spec.seed,
            device=device,
            dtype=precision,
            max_bases=bases,
        )
    return _kept[wanted]


def fingerprint(encoder: Encoder | FeatureEncoder, spec: EncoderSpec) -> str:
    """Identity of what a method sees of an encoder: its values, and how it reads sequences."""
    strands = "both-strands" if spec.both_strands else "one-strand"
    read = (precision_of(encoder), spec.truncate, strands, spec.stored_as)
    return ":".join([encoder.fingerprint, *read, f"v{EMBEDDING_FORMAT}"])


def precision_in(identity: str) -> str:
    """Precision that `fingerprint` tells of; empty where the text is not one of its own."""
    parts = identity.rsplit(":", 5)
    return parts[1] if len(parts) == 6 else ""


def embedding_key(
    encoder: Encoder | FeatureEncoder, request: PrepareRequest, sequences: Sequence[str]
) -> str:
    """Key in the store: everything that determines the arrays.

    The network's code is not part of it: `EMBEDDING_FORMAT` is to change where its values do.
    """
    return content_key(
        EMBEDDING_FORMAT,
        SHARD_PLAN,
        encoder.fingerprint,
        precision_of(encoder),
        asdict(request.recipe),
        _hash(sequences),
    )


def _hash(sequences: Sequence[str]) -> str:
    """SHA-256 of sequences in their order; one at a time, for there may be millions."""
    digest = hashlib.sha256()
    for sequence in sequences:
        digest.update(f"{len(sequence)}:{sequence}".encode())
    return digest.hexdigest()


def named(shard: Shard) -> dict[str, Any]:
    """Arrays of a shard by their name in the store."""
    return {array_name(pooling, layer): values for (pooling, layer), values in shard.arrays.items()}


def about(request: PrepareRequest, split: str) -> dict[str, Any]:
    """What the store says of an entry, for people."""
    return {"encoder": asdict(request.encoder), "task": request.task.name, "split": split}


def count_too_long(encoder: Encoder | FeatureEncoder, sequences: Sequence[str]) -> int:
    """How many sequences have more tokens than an encoder takes."""
    return too_long(encoder, sequences) if isinstance(encoder, Encoder) else 0


def precision_of(encoder: Encoder | FeatureEncoder) -> str:
    """Precision of the weights, as torch names it."""
    if isinstance(encoder, FeatureEncoder):
        return "float32"
    return str(next(encoder.network.parameters()).dtype).removeprefix("torch.")


def _files_hash(spec: EncoderSpec) -> str:
    """Hash of the encoders' code and of a local weight folder: a memo must not outlive either."""
    card = find_card(spec.card)
    files = code_of(card) + sorted((PACKAGE / "encoders").glob(f"weights/{spec.card}/*"))
    source = hub_source(card, spec.weights) if card.kind == "network" else None
    if source is None and spec.weights not in ("hub", "random"):
        files += sorted(p for p in Path(spec.weights).iterdir() if p.is_file())
    # A branch of the hub may move under its name.
    commit = cached_commit(source) if source else ""
    return content_key([file_hash(path) for path in files], card.name, commit)
