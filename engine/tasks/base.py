"""What a task is, how one is found by name or path, and the seal on its test split.

A shipped task is a data file and a YAML card in ``data/``; the registry finds the card. This file
is light (no numpy, no pyarrow at import), so that names are listed and checked at once; the code
that reads sequences is imported when a task is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from engine.errors import UserError, nearest
from engine.records import TaskKind, TaskSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DATA = Path(__file__).parent / "data"
TEXT_FORMATS = (".csv", ".tsv", ".fa", ".fasta", ".fna")
FORMATS = (".parquet", *TEXT_FORMATS, *(ending + ".gz" for ending in TEXT_FORMATS))
FORMATS_SAID = "CSV, TSV, Parquet or FASTA"
MOST_NAMES_LISTED = 12


@dataclass(frozen=True)
class TaskCard:
    """What is known of a shipped task before it is loaded.

    Attributes
    ----------
    name : str
        What a study calls it.
    title : str
        One line for people.
    path : str
        Its data file.
    sha256 : str
        Of the data file.
    metric : str
        Which score ranks the encoders, unless the study says otherwise.
    group : str
        Tasks of one group ("splice", "promoter") are not independent evidence.
    species : str
    label_meaning : mapping of str to str
        What each class stands for.
    source, doi, licence, citation : str
        Where the data come from.
    notes : str
        What a user must know of the data.
    caution : str
        What may make a score mean something else; a warning wherever the task is used.
    kind : {"classification", "multilabel", "regression"} or None
        None leaves it to the labels.
    """

    name: str
    title: str
    path: str
    sha256: str
    metric: str
    group: str
    species: str
    label_meaning: Mapping[str, str]
    source: str
    doi: str
    licence: str
    citation: str
    notes: str
    caution: str = ""
    kind: TaskKind | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split, in the order of the file; unpacks into ``sequences, labels``.

    Attributes
    ----------
    sequences : tuple of str, length N
        Upper case, IUPAC nucleotides.
    labels : ndarray
        By `Task.kind`: (N,) int64, index into `Task.classes`; (N, K) int64, 1 where a label holds;
        (N,) float64.
    ids : tuple of str, length N
    groups : tuple of str, length N, or None
        Rows of one group (chromosome, gene family) depend on one another.
    """

    sequences: tuple[str, ...]
    labels: npt.NDArray[np.int64 | np.float64]
    ids: tuple[str, ...]
    groups: tuple[str, ...] | None = None

    def __iter__(self) -> Iterator[Any]:
        """Give ``sequences``, then ``labels``."""
        yield self.sequences
        yield self.labels


@dataclass(frozen=True, eq=False)
class Task:
    """Labelled sequences to train and validate on; the test split stays in the file.

    Attributes
    ----------
    name : str
    classes : tuple of str
        What the columns of a model's scores stand for: classes or labels, in numeric order where
        all are integers, else sorted (labels that have a column each: in the file's order); of a
        regression ``("value",)``.
    train, validation : Split
    counts : mapping
        ``counts[split][class]`` rows, for all three splits; of multilabel tasks a row counts for
        every label that it holds.
    sizes : mapping
        ``sizes[split]`` rows.
    max_bases : int
        Longest sequence of train and validation.
    warnings : tuple of str
        What can go on, but should be known: leaks, classes missing from a split ...
    metric, group : str or None
        Of the study, else of the card.
    species, source, licence, citation : str
        Of the card; empty for a user's file.
    fingerprint : str
        SHA-256 over ids, sequences, labels and splits of all rows, test rows too.
    file_hash : str
        SHA-256 of the raw file.
    file : str
        Absolute path of the file.
    spec : TaskSpec
        How it was asked for.
    kind : {"classification", "multilabel", "regression"}
    """

    name: str
    classes: tuple[str, ...]
    train: Split = field(repr=False)
    validation: Split = field(repr=False)
    counts: Mapping[str, Mapping[str, int]]
    sizes: Mapping[str, int]
    max_bases: int
    warnings: tuple[str, ...]
    metric: str | None
    group: str | None
    species: str
    source: str
    licence: str
    citation: str
    fingerprint: str
    file_hash: str
    file: str
    spec: TaskSpec
    kind: TaskKind = "classification"

    @property
    def rows(self) -> int:
        """Sequences of all three splits."""
        return sum(self.sizes.values())

    def unseal_test(self) -> Split:
        """Read the test split from the file: the only way to it.

        Raises
        ------
        UserError
            If the file has changed since the task was loaded.
        """
        from engine.tasks.loading import read_test

        return read_test(self)


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


def file_format(path: str) -> str | None:
    """Ending of a file name that says its format, such as ``.csv.gz``; None for others."""
    endings = [ending for ending in FORMATS if path.lower().endswith(ending)]
    return max(endings, key=len, default=None)


def find_file(path: str) -> Path:
    """Absolute path of a user's file that can be read as a task.

    Parameters
    ----------
    path : str
        As the user wrote it; messages name it this way.

    Raises
    ------
    UserError
        If there is no such file, it is a folder or empty, or its ending is not known.
    """
    file = Path(path).expanduser().absolute()
    if file.is_dir():
        raise UserError(f"{path}: is a folder; name a {FORMATS_SAID} file in it")
    if not file.exists():
        raise UserError(f"{path}: no such file; {_instead(file)}")
    if file_format(path) is None:
        raise UserError(f"{path}: ending is not known; rename it to one of {', '.join(FORMATS)}")
    if file.stat().st_size == 0:
        raise UserError(f"{path}: is empty; it needs rows with a sequence and a label")
    return file


def _instead(file: Path) -> str:
    """What to do about a file that is not there."""
    folder = next(parent for parent in file.parents if parent.is_dir())
    if folder != file.parent:
        return f"'{folder}' has no folder '{file.relative_to(folder).parts[0]}'"
    names = [found.name for found in folder.iterdir() if file_format(found.name)]
    if not names:
        return f"'{folder}' holds no {FORMATS_SAID} file"
    hint = nearest(file.name, names)
    if hint.startswith("valid") and len(names) > MOST_NAMES_LISTED:
        return f"none of the {len(names)} task files in '{folder}' has a name like it"
    return hint


def task_name(path: str) -> str:
    """Name of a task that has only a path: the file's name without its ending."""
    name = Path(path).name
    return name[: -len(ending)] if (ending := file_format(path)) else name


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
    """
    from engine.tasks.loading import build_task

    spec = task if isinstance(task, TaskSpec) else task_spec(str(task))
    return build_task(spec, find_task(spec.name) if spec.path is None else None)


@lru_cache(maxsize=16)
def cached_task(spec: TaskSpec) -> Task:
    """Load a task once per process: the trials of a worker share it."""
    return load_task(spec)
