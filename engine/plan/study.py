"""A study file: what the user wants compared, validated before any work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.basics.errors import UserError
from engine.basics.urls import without_password
from engine.basics.yaml_files import find_fault, parse_yaml, read_yaml
from engine.encoders.registry import card_of_folder, is_folder
from engine.plan.paths import find_space, resolve_path
from engine.plan.source import SET, Source
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
from engine.tasks.reading.formats import file_format, task_name
from engine.tasks.registry import task_cards

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
    source : Source
        Where its keys were said, for messages.
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
    source: Source

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


@dataclass(frozen=True)
class Setting:
    """A key that is set over what a study file says.

    Attributes
    ----------
    key : str
        May be dotted.
    value : object
        As YAML would give it.
    option : str
        What gave it, as it was typed.
    entries : tuple of str
        What gave each entry of a list, where that was an option each.
    """

    key: str
    value: Any
    option: str
    entries: tuple[str, ...] = ()


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
    settings = [parse_override(override) for override in overrides]
    return make_study(read_yaml(path, "study"), str(path), path.resolve().parent, settings)


def parse_override(override: str) -> Setting:
    """What ``--set key=value`` sets.

    Raises
    ------
    UserError
        If it is not of this form, or the value is no YAML.
    """
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override}: write it as key=value, for example trials_per_cell=8")
    option = f"{SET} {override}"
    return Setting(key.strip(), parse_yaml(value, option), option)


def make_study(data: Any, name: str, folder: Path, settings: Sequence[Setting] = ()) -> Study:
    """Validate what a study file holds.

    Parameters
    ----------
    data : mapping
        Keys of a study file.
    name : str
        The file, or what stands for one, for messages.
    folder : Path
        Where relative paths are looked for after the working directory.
    settings : sequence of Setting
        Keys that are set over the data, in this order.

    Raises
    ------
    UserError
        For anything wrong with the keys or a search space they name.
    """
    if not isinstance(data, Mapping):
        raise UserError(
            f"{name}: a study is a mapping of keys (name, encoders, tasks, methods ...)"
        )
    data = deepcopy(dict(data))
    options: dict[str, str] = {}
    for setting in settings:
        _set(data, setting)
        options[setting.key] = setting.option
        options |= {f"{setting.key}.{n}": entry for n, entry in enumerate(setting.entries)}
    source = Source(name, options)
    try:
        model = StudyModel.model_validate(data)
    except ValidationError as error:
        key, said = find_fault(error, StudyModel)
        raise UserError(f"{source.at(key)}: {said}") from None
    tasks = [_task(e, folder, source.of("tasks", str(n))) for n, e in enumerate(model.tasks)]
    encoders = [
        _encoder(entry, model.embedding, folder, source.of("encoders", str(n)))
        for n, entry in enumerate(model.encoders)
    ]
    names = {
        "encoders": [encoder.name for encoder in encoders],
        "tasks": [task.name for task in tasks],
        "methods": list(model.methods),
    }
    for key, named in names.items():
        source = source.naming(key, named)
        _unique(named, key, source, "give one of them another `name`")
    _unique([str(s) for s in model.seeds], "seeds", source, "list each seed once")
    warm = {"warm_start": [resolve_path(run, folder) for run in model.search.warm_start]}
    store = model.store
    if store is not None and "://" not in store:
        store = str(Path(store).expanduser().absolute())
    resolved: dict[str, Any] = {
        "encoders": tuple(encoders),
        "tasks": tuple(tasks),
        "methods": {n: _space(n, given, folder, source) for n, given in model.methods.items()},
        "skip": tuple(model.skip),
        "seeds": tuple(model.seeds),
        "search": model.search.model_copy(update=warm),
        "store": store,
        "source": source,
    }
    study = Study(**dict(model) | resolved)
    _check_sampler(study)
    _check_search(study)
    return study


def _set(data: dict[str, Any], setting: Setting) -> None:
    """Set one (dotted) key of the raw study."""
    *parents, last = setting.key.split(".")
    target = data
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise UserError(f"{setting.option}: '{parent}' has no keys of its own")
    target[last] = setting.value


def _encoder(entry: EncoderEntry, embedding: Embedding, folder: Path, where: str) -> EncoderSpec:
    """Name an encoder so that trained, random and local weights of one card are told apart."""
    name, card, weights = entry.name, entry.family or entry.name, entry.weights
    if entry.family is None and weights == "random":
        name = f"{name}@random" if entry.seed == 0 else f"{name}@random{entry.seed}"
    if weights == "hub" and entry.family is None and is_folder(name):
        weights = resolve_path(name, folder)
        name = Path(weights).name
        try:
            card = card_of_folder(Path(weights))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
    elif weights not in ("hub", "random") and not weights.startswith("hub:"):
        weights = resolve_path(weights, folder)
    return EncoderSpec(
        name=name,
        card=card,
        weights=weights,
        seed=entry.seed,
        truncate=entry.truncate or embedding.truncate,
        both_strands=embedding.both_strands,
        stored_as=embedding.stored_as,
    )


def _task(entry: TaskEntry, folder: Path, where: str) -> TaskSpec:
    if entry.path is None and entry.name is None:
        raise UserError(f"{where}: give each task a name, a path, or both")
    path, name = entry.path, entry.name
    if path is None and name is not None and name not in task_cards() and file_format(name):
        path, name = name, None
    name = name or task_name(str(path))
    path = None if path is None else resolve_path(path, folder)
    return TaskSpec(**dict(entry) | {"name": name, "path": path})


def _space(name: str, given: str | dict[str, Any], folder: Path, source: Source) -> Space:
    if isinstance(given, dict):
        return parse_space(given, source.at(f"methods.{name}"))
    path = find_space(given, folder, source.of("methods", name))
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return parse_space(read_yaml(shown, "search space"), str(shown))


def _check_sampler(study: Study) -> None:
    """Refuse a sampler that is not installed, and a grid over what cannot be listed."""
    sampler = study.search.sampler
    if sampler == "cmaes" and find_spec("cmaes") is None:
        raise UserError(
            f"{study.source.at('search.sampler')}: 'cmaes' needs the package cmaes; "
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
    search, at = study.search, study.source.at
    if search.allocation == "equal" and search.floor is not None:
        raise UserError(
            f"{at('search.floor')}: {search.floor} is for 'allocation: adaptive'; with equal "
            "budgets every cell has trials_per_cell"
        )
    if search.floor is not None and search.floor > study.trials_per_cell:
        raise UserError(
            f"{at('search.floor')}: {search.floor} is more than trials_per_cell "
            f"({study.trials_per_cell}); lower one or raise the other"
        )
    if search.allocation == "adaptive" and search.sampler == "grid":
        raise UserError(
            f"{at('search.allocation')}: a grid has as many trials as points; choose 'equal', or "
            "another sampler"
        )
    if len(search.objectives) > 1 and search.sampler == "cmaes":
        raise UserError(
            f"{at('search.objectives')}: cmaes takes one; choose tpe, gp or random, or keep "
            "score alone"
        )
    for run in search.warm_start:
        if not (Path(run) / "trials").is_dir():
            raise UserError(
                f"{at('search.warm_start')}: {run} holds no trials; name the output folder of a run"
            )


def _unique(names: list[str], key: str, source: Source, remedy: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{source.of(key, name)}: '{name}' is listed twice; {remedy}")
