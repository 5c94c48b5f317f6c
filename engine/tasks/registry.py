"""How a task is found by name or path, and loaded.

A shipped task is a data file and a YAML card in ``data/``; the registry finds the card. This file
is light (no numpy, no pyarrow at import), so that names are listed and checked at once; the code
that reads sequences is imported when a task is loaded.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import yaml

from engine.basics.errors import UserError, nearest
from engine.basics.package import PACKAGE
from engine.records import TaskSpec
from engine.tasks.base import Task, TaskCard
from engine.tasks.reading.formats import FORMATS_SAID, file_format, task_name

DATA = PACKAGE / "tasks" / "data"


@cache
def task_cards() -> dict[str, TaskCard]:
    """All shipped tasks by name, found by the YAML cards of the data folder.

    Raises
    ------
    UserError
        If a card lacks a key or has one that is unknown.
    """
    found: dict[str, TaskCard] = {}
    for path in sorted(DATA.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            card = TaskCard(path=str(DATA / content.pop("file")), **content)
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not a task card ({error}); see docs/tasks.md") from error
        if card.name in found:
            raise UserError(f"{path}: a second task is called '{card.name}'; give it another name")
        found[card.name] = card
    return found


def find_task(name: str) -> TaskCard:
    """Card of a shipped task.

    Raises
    ------
    UserError
        If no task has that name; tells the nearest one.
    """
    known = task_cards()
    if name not in known:
        raise UserError(
            f"task '{name}' is unknown; {nearest(name, known)}"
            f" (or give the path of a {FORMATS_SAID} file)"
        )
    return known[name]


def task_spec(name_or_path: str) -> TaskSpec:
    """What is meant by one word in a study or on the command line.

    Raises
    ------
    UserError
        If it is neither a shipped task nor looks like a file.
    """
    if name_or_path not in task_cards() and (
        file_format(name_or_path) or Path(name_or_path).expanduser().exists()
    ):
        return TaskSpec(name=task_name(name_or_path), path=name_or_path)
    return TaskSpec(name=find_task(name_or_path).name)


def load_task(task: str | Path | TaskSpec) -> Task:
    """Read, check and split a task.

    Parameters
    ----------
    task : str, Path or TaskSpec
        Name of a shipped task, path of a CSV, TSV, Parquet or FASTA file, or a study's words.

    Raises
    ------
    UserError
        For every mistake in the name or the file, in one line; see docs/tasks.md.

    Examples
    --------
    >>> task = dnasweep.load_task("splice_junctions")
    >>> task.classes, task.sizes["train"]
    (('acceptor', 'donor', 'neither'), 2230)
    """
    from engine.tasks.reading.loading import build_task

    spec = task if isinstance(task, TaskSpec) else task_spec(str(task))
    return build_task(spec, find_task(spec.name) if spec.path is None else None)


@lru_cache(maxsize=16)
def cached_task(spec: TaskSpec) -> Task:
    """Load a task once per process: the trials of a worker share it."""
    return load_task(spec)
