"""Rows that can be worked with: every check of what the columns of a file hold.

Each mistake is one line that says how many rows it concerns and which is the first. Rows count
from 1, the header left out; in FASTA a row is a record.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import UserError, nearest
from engine.tasks.files import Table, quote

NOT_NUCLEOTIDE = re.compile("[^ACGTRYSWKMBDHVN]")
MISSING = frozenset({"", "nan", "na", "n/a", "null", "<na>"})
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Rows:
    """Checked rows of a file, in its order.

    Attributes
    ----------
    sequences : tuple of str, length N
        Upper case, DNA letters, IUPAC ambiguity codes kept.
    labels : ndarray, shape (N,), int64
        Index into ``classes``.
    classes : tuple of str
    ids : tuple of str, length N
        Of the file, else ``row1``, ``row2`` ...
    splits : tuple of str, length N, or None
        ``train``, ``validation`` or ``test``; None where the file has no split.
    groups : tuple of str, length N, or None
    warnings : tuple of str
    """

    sequences: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    splits: tuple[str, ...] | None
    groups: tuple[str, ...] | None
    warnings: tuple[str, ...]


def check(table: Table, path: str) -> Rows:
    """Check a table and give its rows.

    Parameters
    ----------
    table : Table
    path : str
        Names the file in messages.

    Raises
    ------
    UserError
        If sequences are empty or hold other letters than IUPAC nucleotides; if labels, splits,
        groups or ids are missing; if there is one class only; if a split is unknown; if an id
        stands twice.
    """
    columns = table.columns
    warnings = []
    if table.unread:
        warnings.append("columns that are not read: " + ", ".join(map(quote, table.unread)))
    sequences, rna = _sequences(columns["sequence"], path)
    if rna:
        warnings.append(f"U (RNA) is read as T; sequences that hold it: {rna}")
    labels, classes = _labels(columns["label"], path)
    splits = groups = None
    if "split" in columns:
        splits = _splits(columns["split"], path)
    if "group" in columns:
        groups = _filled(columns["group"], "group", path)
    if "id" in columns:
        ids = _ids(columns["id"], path)
    else:
        ids = tuple(f"row{row + 1}" for row in range(len(sequences)))
    return Rows(sequences, labels, classes, ids, splits, groups, tuple(warnings))


def _where(rows: Sequence[int]) -> str:
    """How many rows, and which is the first."""
    if len(rows) == 1:
        return f"in row {rows[0] + 1}"
    return f"in {len(rows)} rows, the first is row {rows[0] + 1}"


def _filled(values: Sequence[str | None], name: str, path: str) -> tuple[str, ...]:
    """Values without outer white space, none of them missing."""
    stripped = tuple((value or "").strip() for value in values)
    missing = [row for row, value in enumerate(stripped) if value.lower() in MISSING]
    if missing:
        raise UserError(f"{path}: {name} is missing {_where(missing)}; give every row a {name}")
    return stripped


def _sequences(values: Sequence[str | None], path: str) -> tuple[tuple[str, ...], int]:
    """Sequences as DNA in upper case, and how many were RNA."""
    upper = [(value or "").strip().upper() for value in values]
    empty = [row for row, sequence in enumerate(upper) if not sequence]
    if empty:
        raise UserError(f"{path}: sequence is empty {_where(empty)}; fill it or take the row out")
    sequences = tuple(sequence.replace("U", "T") for sequence in upper)
    wrong = [row for row, sequence in enumerate(sequences) if NOT_NUCLEOTIDE.search(sequence)]
    if wrong:
        first = upper[wrong[0]]
        letter = NOT_NUCLEOTIDE.search(sequences[wrong[0]])
        assert letter is not None
        raise UserError(
            f"{path}: letters that are no IUPAC nucleotide stand {_where(wrong)}"
            f" ({quote(letter.group())} at base {letter.start() + 1} of {quote(first)});"
            " write an unknown base as N"
        )
    return sequences, sum("U" in sequence for sequence in upper)


def _labels(
    values: Sequence[str | None], path: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Labels as indices, and the names of the classes."""
    written = _filled(values, "label", path)
    names = {label: _class_name(label) for label in dict.fromkeys(written)}
    numbers = [label for label in names if names[label] is None]
    if numbers:
        row = written.index(numbers[0]) + 1
        raise UserError(
            f"{path}: label {quote(numbers[0])} in row {row} is a measured number, not a class;"
            " put the values into classes"
        )
    classes = _ordered({name for name in names.values() if name is not None})
    if len(classes) < 2:
        raise UserError(
            f"{path}: all {len(written)} labels are {quote(classes[0])};"
            " a task needs at least two classes"
        )
    index = {label: classes.index(name) for label, name in names.items() if name is not None}
    return np.array([index[label] for label in written], dtype=np.int64), classes


def _class_name(label: str) -> str | None:
    """Name of a class: ``1.0`` (an integer that was stored as a float) is 1; None for 0.5."""
    if not re.fullmatch(r"[+-]?\d+\.\d+", label):
        return label
    return str(int(float(label))) if float(label).is_integer() else None


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Classes in numeric order where all are integers, else sorted."""
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _splits(values: Sequence[str | None], path: str) -> tuple[str, ...]:
    """Splits under their one name."""
    written = _filled(values, "split", path)
    unknown = [row for row, name in enumerate(written) if name.lower() not in SPLIT_NAMES]
    if unknown:
        name = written[unknown[0]]
        hint = nearest(name, SPLIT_NAMES)
        raise UserError(f"{path}: split {quote(name)} {_where(unknown)} is unknown; {hint}")
    splits = tuple(SPLIT_NAMES[name.lower()] for name in written)
    for name in ("train", "test"):
        if name not in splits:
            raise UserError(
                f"{path}: column 'split' has no {name} rows; mark some,"
                " or leave the column out and splits are made"
            )
    return splits


def _ids(values: Sequence[str | None], path: str) -> tuple[str, ...]:
    """Ids, no two the same."""
    ids = _filled(values, "id", path)
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if first.setdefault(name, row) != row:
            raise UserError(
                f"{path}: id {quote(name)} stands in row {first[name] + 1} and in row {row + 1}"
                f" ({len(ids) - len(set(ids))} repeated in all);"
                " make ids unique or leave the column out"
            )
    return ids
