"""What the labels of a file are: one class a row, several that hold or not, or a number.

The kind is declared or told by the labels: columns ``label_NAME``, or sets such as ``a;b`` in the
column ``label``, are multilabel; more than ten different numbers, not all of them whole, are a
regression; everything else is a class.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.records import TaskKind
from engine.tasks.reading.files import LABEL_PREFIX, quote
from engine.tasks.reading.values import MISSING, filled, where

#: Up to so many different numbers may be classes that somebody wrote as numbers.
MOST_NUMBERED_CLASSES = 10
#: Between the labels of one row; alone it is a row without any.
SEPARATOR = ";"
#: Name of the one column of a regression's scores.
VALUE = "value"

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
YES_NO = {"1": 1, "0": 0, "1.0": 1, "0.0": 0, "true": 1, "false": 0}


@dataclass(frozen=True)
class Labels:
    """Checked labels.

    Attributes
    ----------
    kind : {"classification", "multilabel", "regression"}
    values : ndarray
        (N,) int64, index into `classes`; (N, K) int64 of 0 and 1; or (N,) float64, finite.
    classes : tuple of str
        What the columns of a model's scores stand for: classes, labels, or ``value``.
    """

    kind: TaskKind
    values: npt.NDArray[np.int64 | np.float64]
    classes: tuple[str, ...]


def read_labels(
    columns: Mapping[str, Sequence[str | None]], kind: TaskKind | None, path: str
) -> Labels:
    """Labels of all rows.

    Parameters
    ----------
    columns : mapping
        Holds ``label``, or at least two of ``label_NAME``.
    kind : str or None
        Declared kind; None infers it.
    path : str
        Names the file in messages.

    Raises
    ------
    UserError
        If labels are missing, do not fit the kind, are not finite, or are all the same; if a label
        of a multilabel task holds in no row or in every row.
    """
    if "label" not in columns:
        named = {key: columns[key] for key in columns if key.startswith(LABEL_PREFIX)}
        if kind not in (None, "multilabel"):
            raise UserError(
                f"{path}: a {kind} task has one column 'label', but the file has"
                f" {', '.join(named)}; keep one and call it 'label', or declare kind: multilabel"
            )
        return _multilabel(*_from_columns(named, path), path)
    written = filled(columns["label"], "label", path)
    kind = kind or _inferred(written)
    if kind == "multilabel":
        return _multilabel(*_from_sets(written), path)
    return _regression(written, path) if kind == "regression" else _classes(written, path)


def _inferred(written: Sequence[str]) -> TaskKind:
    distinct = dict.fromkeys(written)
    if any(SEPARATOR in label for label in distinct):
        return "multilabel"
    if all(NUMBER.fullmatch(label) for label in distinct):
        numbers = {float(label) for label in distinct}
        whole = all(number.is_integer() for number in numbers if math.isfinite(number))
        if len(numbers) > MOST_NUMBERED_CLASSES and not whole:
            return "regression"
    return "classification"


def _classes(written: Sequence[str], path: str) -> Labels:
    """Labels as indices of classes."""
    names = {label: _class_name(label) for label in dict.fromkeys(written)}
    measured = [label for label in names if names[label] is None]
    if measured:
        row = written.index(measured[0]) + 1
        text = next((label for label in names if not NUMBER.fullmatch(label)), None)
        what = (
            "put the values into classes, or declare kind: regression"
            if text is None
            else f"but {quote(text)} in row {written.index(text) + 1} is none; make all labels"
            " numbers or all classes"
        )
        raise UserError(
            f"{path}: label {quote(measured[0])} in row {row} is a measured number, not a class;"
            f" {what}"
        )
    classes = _ordered({name for name in names.values() if name is not None})
    if len(classes) < 2:
        raise UserError(
            f"{path}: all {len(written)} labels are {quote(classes[0])};"
            " a task needs at least two classes"
        )
    place = {name: index for index, name in enumerate(classes)}
    index = {label: place[name] for label, name in names.items() if name is not None}
    values = np.array([index[label] for label in written], dtype=np.int64)
    return Labels("classification", values, classes)


def _class_name(label: str) -> str | None:
    """Name of a class: ``1.0`` (an integer that was stored as a float) is 1; None for 0.5."""
    if not re.fullmatch(r"[+-]?\d+\.\d+", label):
        return label
    return str(int(float(label))) if float(label).is_integer() else None


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Names in numeric order where all are integers, else sorted."""
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _regression(written: Sequence[str], path: str) -> Labels:
    """Labels as numbers."""
    text = [row for row, label in enumerate(written) if not NUMBER.fullmatch(label)]
    if text:
        raise UserError(
            f"{path}: labels of a regression are numbers, but {quote(written[text[0]])} stands"
            f" {where(text)}; give a number, or declare kind: classification"
        )
    values = np.array([float(label) for label in written], dtype=np.float64)
    infinite = np.flatnonzero(~np.isfinite(values)).tolist()
    if infinite:
        raise UserError(
            f"{path}: label {quote(written[infinite[0]])} {where(infinite)} is not finite;"
            " give a finite number or take the row out"
        )
    if (values == values[0]).all():
        raise UserError(
            f"{path}: all {len(written)} labels are {quote(written[0])};"
            " a regression needs values that differ"
        )
    return Labels("regression", values, (VALUE,))


def _from_sets(written: Sequence[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Labels that hold, from ``a;b``."""
    sets = [{part.strip() for part in label.split(SEPARATOR)} - {""} for label in written]
    names = _ordered(set().union(*sets))
    place = {name: column for column, name in enumerate(names)}
    values = np.zeros((len(sets), len(names)), dtype=np.int64)
    for row, held in enumerate(sets):
        values[row, [place[name] for name in held]] = 1
    return values, names


def _from_columns(
    columns: Mapping[str, Sequence[str | None]], path: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Labels that hold, from one column of 0 and 1 each."""
    values = []
    for key, column in columns.items():
        given = [(value or "").strip().lower() for value in column]
        wrong = [row for row, value in enumerate(given) if value not in YES_NO]
        if wrong:
            row = wrong[0]
            said = "is missing" if given[row] in MISSING else f"holds {quote(str(column[row]))}"
            raise UserError(
                f"{path}: column '{key}' {said} {where(wrong)}; columns {LABEL_PREFIX}NAME hold 0"
                " or 1 (for classes or one number, call one column 'label')"
            )
        values.append([YES_NO[value] for value in given])
    names = tuple(key.removeprefix(LABEL_PREFIX) for key in columns)
    return np.array(values, dtype=np.int64).T, names


def _multilabel(values: npt.NDArray[np.int64], names: tuple[str, ...], path: str) -> Labels:
    if len(names) < 2:
        found = f"only {quote(names[0])}" if names else "none"
        raise UserError(
            f"{path}: a multilabel task needs at least two labels, but there is {found};"
            f" write them as a{SEPARATOR}b in the column 'label'"
        )
    held = values.sum(axis=0)
    for name, rows in zip(names, held.tolist(), strict=True):
        if rows in (0, len(values)):
            how = "no row" if rows == 0 else "every row"
            raise UserError(
                f"{path}: label {quote(name)} holds in {how}, so nothing can be learned of it;"
                " take it out"
            )
    return Labels("multilabel", values, names)
