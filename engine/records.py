"""The values that stages hand to each other: frozen, JSON-able, identified by content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from engine.basics.files import canonical_json, content_key

#: Changes whenever the same trial could give another score, so that old results are not reused.
TRIAL_FORMAT = 5

Status = Literal["complete", "pruned", "failed", "infeasible"]
Variant = Literal["tuned", "default"]


class Cell(NamedTuple):
    """One (encoder, task, method) combination."""

    encoder: str
    task: str
    method: str

    @property
    def id(self) -> str:
        """``encoder/task/method``, as tables show it."""
        return "/".join(self)

    @property
    def slug(self) -> str:
        """The same as part of a file name; no two cells have one.

        Where names hold what is replaced or what stands between them, a part of a hash follows.
        """
        plain = "--".join(part.replace("/", "_") for part in self)
        if any("/" in part or "--" in f"-{part}-" for part in self):
            return f"{plain}--{content_key(*self)[:8]}"
        return plain


def array_name(pooling: str, layer: int) -> str:
    """Name in the store of the embeddings of a pooling and a layer."""
    return f"{pooling}@{layer}"


@dataclass(frozen=True)
class EncoderSpec:
    """What a study says of an encoder.

    Attributes
    ----------
    name : str
        What cells and tables call it.
    card : str
        The registered encoder whose code and configuration it uses.
    weights : str
        ``"hub"``, ``"random"``, ``hub:OWNER/NAME[@REVISION]`` or a local folder.
    seed : int
        Draws random weights.
    truncate : {"center", "start", "chunk", "error"}
        What is kept of a sequence that is too long for it.
    both_strands : bool
        Whether an embedding is the mean of a sequence's and its reverse complement's.
    """

    name: str
    card: str
    weights: str = "hub"
    seed: int = 0
    truncate: str = "center"
    both_strands: bool = False
    stored_as: Literal["float32", "float16"] = "float32"


@dataclass(frozen=True)
class TaskSpec:
    """What a study says of a task.

    Attributes
    ----------
    name : str
        What cells and tables call it; a shipped task where `path` is none.
    metric : str or None
        Overrides the study's metric.
    group : str or None
        Tasks of one group are not independent evidence.
    seed : int
        Draws the split where the file has none.
    kind : str or None
        Name in `engine.kinds`; None leaves it to the labels, and is none of a trial.
    published : str or None
        Name under which others published scores of it (`engine.tasks.published`); None leaves it to
        the names of task and file.
    """

    name: str
    path: str | None = None
    metric: str | None = None
    group: str | None = None
    seed: int = 0
    kind: str | None = None
    published: str | None = None


@dataclass(frozen=True)
class TrialSpec:
    """Everything a trial needs; the same spec gives the same score.

    Attributes
    ----------
    number : int
        Position within the cell; 0 is the default configuration.
    method : str
        Registered method that the cell's search space belongs to.
    encoder_fingerprint, task_fingerprint : str
        Identity of the values behind the two names.
    store : str
        Root of the store that holds the embeddings.
    embeddings : mapping
        Split name -> key in the store; empty for methods that run the network.
    """

    cell: Cell
    number: int
    method: str
    params: Mapping[str, Any]
    encoder: EncoderSpec
    task: TaskSpec
    encoder_fingerprint: str
    task_fingerprint: str
    metric: str
    seed: int
    store: str
    embeddings: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Identity of the score: what determines it, and nothing else."""
        return content_key(
            TRIAL_FORMAT,
            self.encoder_fingerprint,
            self.task_fingerprint,
            self.method,
            dict(self.params),
            self.metric,
            self.seed,
        )

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        return canonical_json(asdict(self))

    @staticmethod
    def from_json(text: str) -> TrialSpec:
        """Inverse of `to_json`."""
        fields = json.loads(text)
        fields["cell"] = Cell(*fields["cell"])
        fields["encoder"] = EncoderSpec(**fields["encoder"])
        fields["task"] = TaskSpec(**fields["task"])
        return TrialSpec(**fields)


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial.

    Attributes
    ----------
    score : float or None
        On the validation split, as `metrics`, which holds every metric.
    curve : tuple of float
        Validation score after each epoch; one entry for a probe.
    seconds : float
        Wall time in the worker.
    error : str or None
        One line that says why it failed.
    cost : mapping
        What it took beside seconds: ``examples_per_second``, ``peak_memory_bytes`` ...
    retry : bool
        Whether a failed trial may succeed if it is run again: it is not to blame.
    """

    status: Status
    score: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    seconds: float = 0.0
    trainable_parameters: int = 0
    error: str | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    retry: bool = False


@dataclass(frozen=True)
class TrialRecord:
    """A finished trial as it stands on disk.

    Attributes
    ----------
    cell_key : str
        Identity of the search that the trial belongs to; a changed space or data set has another.
    key : str
        `TrialSpec.key`.
    duplicate_of : int or None
        Number of the earlier trial with the same configuration, whose result this is.
    """

    cell: Cell
    cell_key: str
    number: int
    key: str
    params: Mapping[str, Any]
    result: TrialResult
    duplicate_of: int | None = None

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> TrialRecord:
        """Inverse of `to_json`."""
        fields = json.loads(text)
        fields["cell"] = Cell(*fields["cell"])
        result = fields["result"]
        result["curve"] = tuple(result["curve"])
        fields["result"] = TrialResult(**result)
        return TrialRecord(**fields)


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """Columns of trials.parquet; docs/report.md says what each holds.

    A reader needs those without a default.
    """

    cell: str
    encoder: str
    task: str
    method: str
    number: int
    status: Status
    score: float | None
    is_default: bool
    params: str = "{}"
    metrics: str = "{}"
    curve: str = "[]"
    epochs: int = 0
    seconds: float
    trainable_parameters: int = 0
    cost: str = "{}"
    pareto: bool = False
    duplicate_of: int | None = None
    error: str | None = None
    key: str = ""
