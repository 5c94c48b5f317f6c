"""A study file: what the user wants compared, validated before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.basics.errors import UserError, nearest
from engine.basics.package import PACKAGE
from engine.basics.urls import without_password
from engine.basics.yaml_files import explain, parse_yaml, read_yaml
from engine.plan.space import Space, parse_space
from engine.plan.study_keys import (
    Compare,
    Embedding,
    EncoderEntry,
    Resources,
    Search,
    StudyModel,
    TaskEntry,
    Tracking,
)
from engine.records import EncoderSpec, TaskSpec

#: Where relative paths are looked for after the working directory and the study's folder.
PROJECT = PACKAGE.parent

#: Configurations of a grid, all of which are listed before the first runs.
LARGEST_GRID = 100_000


@dataclass(frozen=True)
class Study:
    """A validated study.

    Attributes
    ----------
    methods : mapping
        Name in cells -> search space.
    skip : tuple of str
        Cells to leave out: ``encoder/task/method`` with wildcards.
    metric : str or None
        None leaves it to each task's card, or AUROC.
    seeds : tuple of int
        The winner of each cell is fitted once with each.
    store : str or None
        Where embeddings are kept; none means beside the runs.
    source : str
        The file, for messages.
    """

    name: str
    description: str
    encoders: tuple[EncoderSpec, ...]
    tasks: tuple[TaskSpec, ...]
    methods: dict[str, Space]
    skip: tuple[str, ...]
    metric: str | None
    trials_per_cell: int
    seeds: tuple[int, ...]
    embedding: Embedding
    compare: Compare
    search: Search
    resources: Resources
    tracking: Tracking
    store: str | None
    source: str

    def to_dict(self) -> dict[str, Any]:
        """The study resolved: absolute paths, spaces inline; a study file again.

        It is kept beside the results and in MLflow, so that no password stands in it.
        """
        return {
            "name": self.name,
            "description": self.description,
            "encoders": [
                {"name": e.name, "family": e.card, "weights": e.weights, "seed": e.seed}
                | {"truncate": e.truncate}
                for e in self.encoders
            ],
            "tasks": [asdict(task) for task in self.tasks],
            "methods": {name: space.to_dict() for name, space in self.methods.items()},
            "skip": list(self.skip),
            "metric": self.metric,
            "trials_per_cell": self.trials_per_cell,
            "seeds": list(self.seeds),
            "embedding": self.embedding.model_dump(),
            "compare": self.compare.model_dump(),
            "search": self.search.model_dump() | {"storage": _shown(self.search.storage)},
            "resources": self.resources.model_dump(),
            "tracking": self.tracking.model_dump() | {"uri": _shown(self.tracking.uri)},
            "store": _shown(self.store),
        }


def _shown(url: str | None) -> str | None:
    return None if url is None else without_password(url)


def load_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read and validate a study file; names of encoders, tasks and methods are checked by the plan.

    Parameters
    ----------
    overrides : sequence of str
        ``key=value`` from the command line; the key may be dotted, the value is YAML.

    Raises
    ------
    UserError
        For anything wrong with the file, the overrides or a search space they name.
    """
    data = read_yaml(path, "study")
    if not isinstance(data, dict):
        raise UserError(
            f"{path}: a study is a mapping of keys (name, encoders, tasks, methods ...)"
        )
    for override in overrides:
        _override(data, override)
    try:
        model = StudyModel.model_validate(data)
    except ValidationError as error:
        raise UserError(explain(error, StudyModel, str(path))) from None
    folder, source = path.resolve().parent, str(path)
    warm = {"warm_start": [resolve_path(run, folder) for run in model.search.warm_start]}
    store = model.store
    if store is not None and "://" not in store:
        store = str(Path(store).expanduser().absolute())
    resolved: dict[str, Any] = {
        "encoders": tuple(_encoder(entry, model.embedding, folder) for entry in model.encoders),
        "tasks": tuple(_task(entry, folder, source) for entry in model.tasks),
        "methods": {n: _space(n, given, folder, source) for n, given in model.methods.items()},
        "skip": tuple(model.skip),
        "seeds": tuple(model.seeds),
        "search": model.search.model_copy(update=warm),
        "store": store,
        "source": source,
    }
    study = Study(**dict(model) | resolved)
    for key, named in (("encoders", study.encoders), ("tasks", study.tasks)):
        _unique([one.name for one in named], f"{path}: {key}", "give one of them another `name`")
    _unique([str(s) for s in study.seeds], f"{path}: seeds", "list each seed once")
    _check_sampler(study)
    _check_search(study)
    return study


def resolve_path(given: str, folder: Path) -> str:
    """Absolute form of a path that a study gives.

    Looked for in the working directory, the study's folder, and the project; where it is nowhere,
    the first of these stands in the message of whoever opens it.
    """
    path = Path(given).expanduser()
    if path.is_absolute():
        return str(path)
    for base in (Path.cwd(), folder, PROJECT):
        if (base / path).exists():
            return str((base / path).resolve())
    return str(Path.cwd() / path)


def _override(data: dict[str, Any], override: str) -> None:
    """Set one (dotted) key of the raw study."""
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override}: write it as key=value, for example trials_per_cell=8")
    *parents, last = key.strip().split(".")
    target = data
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise UserError(f"--set {override}: '{parent}' has no keys of its own")
    target[last] = parse_yaml(value, f"--set {override}")


def _encoder(entry: EncoderEntry, embedding: Embedding, folder: Path) -> EncoderSpec:
    """Name an encoder so that trained, random and local weights of one card are told apart."""
    weights, name = entry.weights, entry.name
    if entry.family is None and weights == "random":
        name = f"{name}@random" if entry.seed == 0 else f"{name}@random{entry.seed}"
    if weights not in ("hub", "random") and not weights.startswith("hub:"):
        weights = resolve_path(weights, folder)
    return EncoderSpec(
        name=name,
        card=entry.family or entry.name,
        weights=weights,
        seed=entry.seed,
        truncate=entry.truncate or embedding.truncate,
        both_strands=embedding.both_strands,
        stored_as=embedding.stored_as,
    )


def _task(entry: TaskEntry, folder: Path, source: str) -> TaskSpec:
    if entry.path is None and entry.name is None:
        raise UserError(f"{source}: tasks: give each task a name, a path, or both")
    path = resolve_path(entry.path, folder) if entry.path is not None else None
    name = entry.name or Path(str(path)).name.split(".")[0]
    return TaskSpec(**dict(entry) | {"name": name, "path": path})


def _space(name: str, given: str | dict[str, Any], folder: Path, source: str) -> Space:
    if isinstance(given, dict):
        return parse_space(given, f"{source}: methods.{name}")
    path = Path(resolve_path(given, folder))
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return parse_space(read_yaml(shown, "search space"), str(shown))


def _check_sampler(study: Study) -> None:
    """Refuse a sampler that is not installed, and a grid over what cannot be listed."""
    sampler = study.search.sampler
    if sampler == "cmaes" and find_spec("cmaes") is None:
        raise UserError(
            f"{study.source}: search.sampler: 'cmaes' needs the package cmaes; "
            "run `pip install cmaes`, or choose tpe, gp or random"
        )
    for space in study.methods.values() if sampler == "grid" else ():
        points = 1
        for p in space.parameters:
            if p.kind in ("uniform", "loguniform"):
                raise UserError(
                    f"{space.source}: parameters.{p.name}: {p.kind} is continuous, which "
                    f"'search.sampler: grid' of {study.source} cannot list; "
                    "give the values under `choice`, or choose another sampler"
                )
            points *= int(p.high) - int(p.low) + 1 if p.kind == "int" else len(p.choices)
        if points > LARGEST_GRID:
            raise UserError(
                f"{space.source}: parameters: a grid of up to {points:,} configurations is more "
                f"than the {LARGEST_GRID:,} that 'search.sampler: grid' lists; list fewer values "
                "under `choice`, or choose another sampler"
            )


def _check_search(study: Study) -> None:
    """Refuse keys of the search that do not go together."""
    search, where = study.search, f"{study.source}: search"
    if search.allocation == "equal" and search.floor is not None:
        raise UserError(
            f"{where}.floor: {search.floor} is for 'allocation: adaptive'; with equal budgets "
            "every cell has trials_per_cell"
        )
    if search.floor is not None and search.floor > study.trials_per_cell:
        raise UserError(
            f"{where}.floor: {search.floor} is more than trials_per_cell "
            f"({study.trials_per_cell}); lower one or raise the other"
        )
    if search.allocation == "adaptive" and search.sampler == "grid":
        raise UserError(
            f"{where}.allocation: a grid has as many trials as points; choose 'equal', or another "
            "sampler"
        )
    if len(search.objectives) > 1 and search.sampler == "cmaes":
        raise UserError(
            f"{where}.objectives: cmaes takes one; choose tpe, gp or random, or keep score alone"
        )
    for run in search.warm_start:
        if not (Path(run) / "trials").is_dir():
            raise UserError(
                f"{where}.warm_start: {run} holds no trials; name the output folder of a run"
            )


def _unique(names: list[str], where: str, remedy: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{where}: '{name}' is listed twice; {remedy}")


def study_names() -> dict[str, Path]:
    """Shipped studies by name."""
    return {path.stem: path for path in sorted((PROJECT / "studies").glob("*.yaml"))}


def find_study(given: str) -> Path:
    """Path of a study given by path or by the name of a shipped one; UserError for neither."""
    path = Path(given)
    if path.is_file():
        return path
    shipped = study_names()
    if given in shipped:
        return shipped[given]
    if path.suffix not in (".yaml", ".yml"):
        raise UserError(f"study '{given}' is neither a file nor shipped; {nearest(given, shipped)}")
    return path
