"""The embedding stage: what an encoder is, and its embeddings of a task, once, into the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.embedding import embed, truncate
from engine.encoders import Encoder, best_device, find_card, load_encoder
from engine.errors import UserError
from engine.files import content_key, file_hash
from engine.records import EncoderSpec, TaskSpec
from engine.store import Store
from engine.tasks import load_task

#: Changes whenever equal inputs could give other arrays.
EMBEDDING_FORMAT = 1


@dataclass(frozen=True)
class PrepareRequest:
    """One encoder on one task.

    Attributes
    ----------
    encoder : EncoderSpec
    task : TaskSpec
    task_fingerprint : str
    poolings : tuple of str
        What to embed; empty where no cell probes, then only the encoder is identified.
    splits : tuple of str
        Of ``train``, ``validation``, ``test``.
    """

    encoder: EncoderSpec
    task: TaskSpec
    task_fingerprint: str
    poolings: tuple[str, ...]
    splits: tuple[str, ...]

    @property
    def key(self) -> str:
        """Identity of the request, weight files and encoder code included."""
        return content_key(EMBEDDING_FORMAT, asdict(self), _files_hash(self.encoder))


@dataclass(frozen=True)
class Prepared:
    """What came of a request.

    Attributes
    ----------
    encoder_fingerprint : str
        Weights and tokenizer.
    hidden_size, parameters : int
    truncated : int
        Sequences that were cut to the encoder's limit.
    embeddings : mapping
        Split -> key in the store.
    forwards : int
        Sequences that went through the encoder; 0 where all was in the store.
    """

    encoder_fingerprint: str
    hidden_size: int
    parameters: int
    truncated: int
    embeddings: Mapping[str, str]
    forwards: int


def recall(request: PrepareRequest, store: Store) -> Prepared | None:
    """What an earlier run prepared for the same request, if its arrays are there and sound."""
    note = store.read_note(request.key)
    if note is None:
        return None
    if any(store.load(key) is None for key in note["embeddings"].values()):
        return None
    return Prepared(**{**note, "forwards": 0})


def prepare(request: PrepareRequest, root: str, reuse: bool = True) -> Prepared:
    """Load the encoder, embed what the store lacks, and note the result; runs in a worker.

    Parameters
    ----------
    request : PrepareRequest
    root : str
        Root of the store.
    reuse : bool
        Whether arrays that are in the store are taken as they are.

    Raises
    ------
    UserError
        If the encoder or the task cannot be loaded, or the data are not those of the request.
    """
    store = Store(Path(root))
    task = load_task(request.task)
    if task.fingerprint != request.task_fingerprint:
        raise UserError(
            f"{task.file}: the data changed while the study ran; put them back, or start again"
        )
    spec = request.encoder
    encoder = load_encoder(
        spec.card,
        weights=spec.weights,
        seed=spec.seed,
        device=best_device(),
        max_bases=task.max_bases,
    )
    truncated = forwards = 0
    keys: dict[str, str] = {}
    for name in request.splits:
        split = task.unseal_test() if name == "test" else getattr(task, name)
        if isinstance(encoder, Encoder):
            truncated += truncate(encoder, split.sequences)[1]
        if not request.poolings:
            continue
        keys[name] = content_key(
            EMBEDDING_FORMAT, encoder.fingerprint, list(split.sequences), sorted(request.poolings)
        )
        if not reuse:
            store.discard(keys[name])
        if store.load(keys[name]) is None:
            arrays = embed(encoder, split.sequences, request.poolings)
            forwards += len(split.sequences)
            meta = {"encoder": asdict(spec), "task": request.task.name, "split": name}
            store.save(keys[name], {pooling: a for (pooling, _), a in arrays.items()}, meta)
    prepared = Prepared(
        encoder_fingerprint=encoder.fingerprint,
        hidden_size=encoder.hidden_size,
        parameters=(
            sum(p.numel() for p in encoder.network.parameters())
            if isinstance(encoder, Encoder)
            else 0
        ),
        truncated=truncated,
        embeddings=keys,
        forwards=forwards,
    )
    store.write_note(request.key, asdict(prepared))
    return prepared


def _files_hash(spec: EncoderSpec) -> str:
    """Hash of the encoders' code and of a local weight folder: a memo must not outlive either."""
    code = Path(__file__).parent / "encoders"
    files = sorted(code.rglob("*.py")) + sorted(code.glob(f"weights/{spec.card}/*"))
    folder = Path(spec.weights)
    if spec.weights not in ("hub", "random") and folder.is_dir():
        files += sorted(p for p in folder.iterdir() if p.is_file())
    return content_key([file_hash(path) for path in files], find_card(spec.card).name)
