"""Studies in Python: run one, or see what it comes to."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from rich.console import Console

from dnasweep.tables import task_entry, task_names
from engine.basics.errors import UserError
from engine.basics.yaml_files import read_yaml
from engine.plan.cells import Plan, make_plan
from engine.plan.paths import find_study
from engine.plan.study import Setting, Study, make_study

if TYPE_CHECKING:
    from dnasweep.results import Results

#: What stands for a study file where there is none.
KEYWORDS = "dnasweep"
#: Columns of text where there is no terminal.
WIDTH = 110


class StudyKeys(TypedDict, total=False):
    """Keys of a study, as docs/studies.md describes them, with what Python may give beside."""

    name: str
    description: str
    encoders: Sequence[str | Path | Mapping[str, Any]]
    tasks: Mapping[str, Any] | Sequence[Any]
    methods: Mapping[str, Any] | Sequence[str | Path | Mapping[str, Any]]
    skip: Sequence[str]
    metric: str
    trials_per_cell: int
    seeds: Sequence[int]
    embedding: Mapping[str, Any]
    compare: Mapping[str, Any]
    search: Mapping[str, Any]
    resources: Mapping[str, Any]
    tracking: Mapping[str, Any]
    store: str


def run(
    study: str | Path | Mapping[str, Any] | Study | None = None,
    *,
    out: str | Path | None = None,
    address: str | None = None,
    resume: bool = True,
    progress: bool = True,
    **keys: Unpack[StudyKeys],
) -> Results:
    """Run a study: embed, search, select, compare, report.

    Parameters
    ----------
    study : str, Path, mapping or Study, optional
        A study file or the name of a shipped one; or what one holds. Without, keywords say it all.
    out : str or Path, optional
        Output folder; by default ``runs/NAME`` of the study.
    address : str, optional
        Ray cluster to run on (``auto``, ``host:port``); this machine without it.
    resume : bool
        Whether to go on from what is in the output folder; else it is set aside, and kept.
    progress : bool
        Whether to tell how it goes: live on a terminal, lines in a notebook.
    **keys
        Keys of the study (`StudyKeys`), over those of `study`. ``encoders``: names, folders of
        weights, mappings. ``tasks``: a list of names and paths, or a mapping of names to a
        DataFrame (columns as in a file), ``(sequences, labels)``, or a path. ``methods``: names or
        paths of search spaces, or mappings of a name to one or to a dict. Without a name, the study
        is called after its tasks.

    Returns
    -------
    Results
        What the run left in its folder.

    Raises
    ------
    UserError
        For a mistake in the study or its data, in one line, before any work.
    KeyboardInterrupt
        If it was stopped; what is finished is kept, and the same call goes on.

    Examples
    --------
    >>> run = dnasweep.run(
    ...     encoders=["kmer", "./my_model"],
    ...     tasks={"mine": frame},
    ...     methods=["probe", "lora"],
    ...     trials_per_cell=16,
    ...     out="runs/mine",
    ... )
    >>> run.scores
    """
    from dnasweep.results import Results
    from engine.commands.run import TABLES, run_plan

    said = _said(study, keys)
    folder = Path(out) if out is not None else Path("runs") / said.name
    planned = make_plan(said.checked(folder / TABLES))
    if run_plan(planned, folder, address, resume, _console(progress)) is None:
        raise KeyboardInterrupt("stopped; everything finished is kept, the same call goes on")
    return Results(folder)


def plan(
    study: str | Path | Mapping[str, Any] | Study | None = None,
    *,
    out: str | Path | None = None,
    **keys: Unpack[StudyKeys],
) -> StudyPlan:
    """Check a study and tell what it comes to; nothing is run, nothing is left on disk.

    Parameters
    ----------
    study, out, **keys
        As `run`.

    Returns
    -------
    StudyPlan

    Raises
    ------
    UserError
        For a mistake in the study or its data, in one line.

    Examples
    --------
    >>> dnasweep.plan("demo")
    demo  Do small pre-trained encoders beat k-mer counts ...
    >>> dnasweep.plan("demo").trials
    84
    """
    said = _said(study, keys)
    with TemporaryDirectory() as folder:
        made = make_plan(said.checked(Path(folder)))
    return StudyPlan(made, Path(out) if out is not None else Path("runs") / said.name)


@dataclass(frozen=True, repr=False)
class StudyPlan:
    """What a study comes to: printed, it is what ``--dry-run`` shows.

    Attributes
    ----------
    plan : Plan
        The plan itself: study, tasks, cards, cells with their search spaces.
    out : Path
        Where `run` would write.
    """

    plan: Plan
    out: Path

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells that would be searched, ``encoder/task/method``."""
        return tuple(cell.cell.id for cell in self.plan.cells)

    @property
    def skipped(self) -> dict[str, str]:
        """Cells that cannot be -> why."""
        return {skipped.cell.id: skipped.reason for skipped in self.plan.skipped}

    @property
    def trials(self) -> int:
        """Trials of all cells together."""
        return self.plan.trials

    def __repr__(self) -> str:
        from engine.commands.plan_tables import memory_table, plan_table

        return as_text(plan_table(self.plan, self.out), memory_table(self.plan))


def as_text(*shown: Any) -> str:
    """What a console would show, as plain text."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, force_jupyter=False)
    for part in shown:
        console.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().strip().splitlines())


def _console(progress: bool) -> Console:
    """A terminal's own console; elsewhere, as in a notebook, one of plain lines."""
    console = Console(highlight=False, quiet=not progress)
    if console.is_terminal and not console.is_jupyter:
        return console
    # A notebook's output says that it is a terminal, and shows a table anew for every state of it.
    return Console(
        file=sys.stdout,
        width=WIDTH,
        highlight=False,
        quiet=not progress,
        force_terminal=False,
        force_jupyter=False,
        no_color=True,
    )


@dataclass(frozen=True)
class _Said:
    """A study as it was given, before anything of it is checked.

    Attributes
    ----------
    data : mapping or Study
    source : str
        What to call it in messages.
    base : Path
        Where relative paths are looked for after the working directory.
    keys : sequence of str
        Which keys were said by keywords.
    """

    data: Mapping[str, Any] | Study
    source: str
    base: Path
    keys: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of the study: its own, else of its tasks."""
        if isinstance(self.data, Study):
            return self.data.name
        from engine.commands.quick import study_name

        return str(self.data.get("name") or study_name(task_names(self.data.get("tasks"))))

    def checked(self, tables: Path) -> Study:
        """The study, validated; tables in memory are written to a folder."""
        if isinstance(self.data, Study):
            return self.data
        data = {**self.data, "name": self.name}
        tasks = data.get("tasks", ())
        where = "keyword tasks" if "tasks" in self.keys else f"{self.source}: tasks"
        if not isinstance(tasks, Mapping | list | tuple):
            raise UserError(
                f"{where}: {type(tasks).__name__}: give a list of names and paths, or "
                "a mapping of names to tables or paths"
            )
        pairs = (
            [(str(name), task) for name, task in tasks.items()]
            if isinstance(tasks, Mapping)
            else [(None, task) for task in tasks]
        )
        data["tasks"] = [task_entry(name, task, tables, where) for name, task in pairs]
        data = _plain(data)
        settings = [Setting(key, data[key], f"keyword {key}") for key in self.keys]
        return make_study(data, self.source, self.base, settings)


def _said(study: str | Path | Mapping[str, Any] | Study | None, keys: StudyKeys) -> _Said:
    """Put a study and the keys over it together; a section keeps the keys that are not given."""
    base, source = Path.cwd(), KEYWORDS
    if isinstance(study, Study):
        if keys:
            raise UserError(f"{KEYWORDS}: {next(iter(keys))}: a Study is whole")
        return _Said(study, str(study.source), base)
    if isinstance(study, str | Path):
        path = find_study(str(study))
        source, base = str(path), path.resolve().parent
        study = _mapping(read_yaml(path, "study"), source)
    data: dict[str, Any] = dict(_mapping({} if study is None else study, source))
    for key, value in keys.items():
        both = isinstance(value, Mapping) and isinstance(data.get(key), Mapping)
        section = both and key not in ("tasks", "methods")
        data[key] = {**data[key], **value} if section else value  # type: ignore[dict-item]
    return _Said(data, source, base, tuple(keys))


def _mapping(data: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise UserError(f"{source}: a study is a mapping of keys")
    return data


def _plain(value: Any) -> Any:
    """The same of what YAML has: paths as text, sequences as lists."""
    if isinstance(value, Path):
        return f"./{value}" if len(value.parts) == 1 and not value.suffix else str(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(inner) for inner in value]
    return value
