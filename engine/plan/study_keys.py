"""The keys of a study file: which there are, what each can be, and what it is by default."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from engine.basics.errors import nearest
from engine.kinds import kinds

#: What NumPy and scikit-learn take.
Seed = Annotated[int, Field(ge=0, lt=2**32)]

Truncate = Literal["center", "start", "chunk", "error"]


class _Keys(BaseModel):
    """Keys of which none may be misspelt."""

    model_config = ConfigDict(extra="forbid")


def _named(value: Any) -> Any:
    """Let ``name`` stand for ``{name: name}``."""
    return {"name": value} if isinstance(value, str) else value


def _by_name(value: Any) -> Any:
    """Let a list of methods stand for a mapping: a word is the name of a space, or its file."""
    if not isinstance(value, list | tuple):
        return value
    named: dict[str, Any] = {}
    for entry in value:
        given = {PurePath(entry).stem: entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict):
            raise ValueError("list names of search spaces, files, or mappings of a name to one")
        for name in given:
            if name in named:
                raise ValueError(f"'{name}' is listed twice")
        named |= given
    return named


class EncoderEntry(_Keys):
    """An encoder of a study: a name, a folder of weights, or a mapping."""

    name: str
    family: str | None = None
    weights: str = "hub"
    seed: Seed = 0
    truncate: Truncate | None = None


class TaskEntry(_Keys):
    """A task of a study: a name, the path of a local file, or a mapping."""

    name: str | None = None
    path: str | None = None
    metric: str | None = None
    group: str | None = None
    seed: Seed = 0
    kind: str | None = None
    published: str | None = None

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is None or value in kinds():
            return value
        raise ValueError(f"unknown kind; {nearest(value, kinds())}")


class Embedding(_Keys):
    """How sequences are read, for all encoders; an encoder may have its own ``truncate``."""

    truncate: Truncate = "center"
    both_strands: bool = False
    stored_as: Literal["float32", "float16"] = "float32"


class Compare(_Keys):
    """How differences are tested and corrected."""

    family: Literal["per_task", "whole_study", "headline"] = "per_task"
    correction: Literal["holm", "bh", "by", "none"] = "holm"
    equivalence_margin: float = Field(default=0.01, gt=0, lt=0.5)


class Search(_Keys):
    """How configurations are proposed, when a trial or a cell stops, where Optuna keeps a copy."""

    sampler: Literal["tpe", "random", "grid", "gp", "cmaes"] = "tpe"
    seed: Seed = 0
    batch: int | None = Field(default=4, ge=1)
    objectives: list[Literal["score", "trainable_parameters", "seconds"]] = ["score"]
    warm_start: list[str] = []
    warm_points: int = Field(default=3, ge=1)
    allocation: Literal["equal", "adaptive"] = "equal"
    floor: int | None = Field(default=None, ge=1)
    early_stopping: Literal["asha", "hyperband", "median", "none"] = "asha"
    grace_epochs: int = Field(default=1, ge=1)
    reduction_factor: float = Field(default=3.0, gt=1)
    max_seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    target: float | None = Field(default=None, allow_inf_nan=False)
    plateau: int | None = Field(default=None, ge=1)
    storage: str | None = "journal"

    @field_validator("early_stopping", mode="before")
    @classmethod
    def _yes_or_no(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return "asha" if value else "none"
        return value

    @field_validator("objectives")
    @classmethod
    def _score_first(cls, value: list[str]) -> list[str]:
        if value[:1] != ["score"] or len(set(value)) < len(value):
            raise ValueError("list score first, then what is to be small beside it, each once")
        return value

    @field_validator("storage")
    @classmethod
    def _known_storage(cls, value: str | None) -> str | None:
        if value in (None, "journal", "sqlite") or "://" in value:
            return value
        raise ValueError("give journal, sqlite, null, or the URL of a database")


class Resources(_Keys):
    """What one trial takes; ``auto`` shares GPUs by an estimate of the memory that trials need."""

    cpus_per_trial: float = Field(default=1.0, gt=0)
    gpus_per_trial: float | Literal["auto"] = "auto"

    @field_validator("gpus_per_trial", mode="before")
    @classmethod
    def _share(cls, value: Any) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        number = number and (value < 1 or value == int(value))
        if number or value == "auto":
            return value
        raise ValueError("give auto, a share below 1, or a whole number")


class Tracking(_Keys):
    """Where MLflow is; none means sqlite beside the runs."""

    uri: str | None = None
    enabled: bool = True


class StudyModel(_Keys):
    """The study file's keys."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    description: str = ""
    encoders: list[Annotated[EncoderEntry, BeforeValidator(_named)]] = Field(min_length=1)
    tasks: list[Annotated[TaskEntry, BeforeValidator(_named)]] = Field(min_length=1)
    methods: Annotated[dict[str, str | dict[str, Any]], BeforeValidator(_by_name)] = Field(
        min_length=1
    )
    skip: list[str] = []
    metric: str | None = None
    trials_per_cell: int = Field(default=16, ge=1)
    seeds: list[Seed] = Field(default=[0, 1, 2], min_length=1)
    embedding: Embedding = Embedding()
    compare: Compare = Compare()
    search: Search = Search()
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    store: str | None = None
