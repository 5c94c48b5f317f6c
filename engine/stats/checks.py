"""What the tests of this package accept: labels, scores, levels.

Every mistake is a ValueError of one line that names the row or the count.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Alternative = Literal["two-sided", "greater", "less"]
_NEEDS = {1: "an area needs at least one", 2: "a variance needs at least two"}


def binary_labels(y_true: npt.ArrayLike, at_least: int = 2) -> BoolArray:
    """Labels 0 and 1 as a mask of the positives.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1 (or False and True) of any boolean, integer or floating type.
    at_least : int, default 2
        How many rows of each class there must be; 0 where one class alone has a meaning.

    Returns
    -------
    ndarray of bool, shape (N,)
        True where the label is 1. Booleans leave no room for unsigned wrap-around.

    Raises
    ------
    ValueError
        Another value or type, no rows, or too few rows of a class.
    """
    labels = _vector(y_true)
    if at_least == 0 and len(labels) == 0:
        raise ValueError("labels have no rows")
    positive: BoolArray = labels == 1
    wrong = ~positive & (labels != 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"labels must be 0 and 1, but row {row} is {labels[row]}")
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if min(n_positive, n_negative) < at_least:
        raise ValueError(
            f"labels have {n_positive} row(s) of class 1 and {n_negative} of class 0: "
            f"{_NEEDS[at_least]} of each"
        )
    return positive


def whole_numbers(y_true: npt.ArrayLike) -> IntArray:
    """Labels as whole numbers of any kind and count.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        Whole numbers of any type.

    Returns
    -------
    ndarray of int64, shape (N,)

    Raises
    ------
    ValueError
        Another value or type.
    """
    values = _vector(y_true)
    whole = np.isfinite(values) & (np.floor(values) == values)
    if not whole.all():
        row = int(np.argmin(whole))
        raise ValueError(f"labels must be whole numbers, but row {row} is {values[row]}")
    return values.astype(np.int64)


def class_labels(
    y_true: npt.ArrayLike, classes: Sequence[int] | None = None, at_least: int = 2
) -> IntArray:
    """Labels as class numbers.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        Whole numbers of any type.
    classes : sequence of int, optional
        The classes that may appear, and must; those that do appear by default.
    at_least : {1, 2}
        How many rows of each class there must be.

    Returns
    -------
    ndarray of int64, shape (N,)

    Raises
    ------
    ValueError
        A label that is no class number, fewer than two classes, or too few rows of a class.
    """
    labels = whole_numbers(y_true)
    expected = np.unique(labels).tolist() if classes is None else list(classes)
    if len(expected) < 2:
        raise ValueError(f"labels must hold at least two classes, but hold only {expected}")
    known = np.isin(labels, expected)
    if not known.all():
        row = int(np.argmin(known))
        raise ValueError(f"labels must be among {expected}, but row {row} is {labels[row]}")
    for label in expected:
        count = int((labels == label).sum())
        if count < at_least:
            raise ValueError(f"class {label} has {count} row(s): {_NEEDS[at_least]} of each class")
    return labels


def outcomes(y_true: npt.ArrayLike) -> IntArray | FloatArray:
    """Outcomes of any kind: measured values, or 0 and 1 for each of several labels.

    Parameters
    ----------
    y_true : array_like, shape (N,) or (N, K)
        Finite numbers, at least two rows.

    Returns
    -------
    ndarray, shape (N,) or (N, K)
        float64 where they are of a floating type, else int64.

    Raises
    ------
    ValueError
        Not numbers, not finite, another shape or fewer than two rows.
    """
    values = np.asarray(y_true)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"outcomes must be numbers, not {values.dtype}")
    if values.ndim not in (1, 2) or len(values) < 2:
        raise ValueError(f"outcomes must have two or more rows, not shape {values.shape}")
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"outcomes must be finite, but row {row} is {values[row]}")
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    return values.astype(np.int64)


def finite_scores(scores: npt.ArrayLike, n_rows: int, ndim: int = 1) -> FloatArray:
    """Scores as float64, shown to be finite and as many as the labels.

    Parameters
    ----------
    scores : array_like, shape (N,) or (N, K)
        Real numbers.
    n_rows : int
        N, the number of labels.
    ndim : {1, 2}
        How many dimensions the scores must have.

    Returns
    -------
    ndarray of float64, shape (N,) or (N, K)

    Raises
    ------
    ValueError
        Not real numbers, NaN or infinity, or another number of rows than labels.
    """
    values = np.asarray(scores)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"scores must be real numbers, not {values.dtype}")
    if values.ndim != ndim:
        raise ValueError(f"scores must have {ndim} dimension(s), not shape {values.shape}")
    if len(values) != n_rows:
        raise ValueError(f"{len(values)} scores for {n_rows} labels")
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        row = int(np.argwhere(~finite)[0, 0])
        raise ValueError(f"scores must be finite, but row {row} is {numbers[row]}")
    return numbers


def task_scores(scores: npt.ArrayLike) -> FloatArray:
    """Scores of models over tasks, shown to be finite and a full table.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        One row per task, one column per model, at least two of each.

    Returns
    -------
    ndarray of float64, shape (T, M)
        Rounded to 12 decimals, so that values which differ by rounding only are ties.

    Raises
    ------
    ValueError
        Another shape, NaN (a cell that failed) or infinity.
    """
    table = np.asarray(scores)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"scores must have shape (tasks, models), two of each, not {table.shape}")
    return np.round(finite_scores(table, len(table), ndim=2), 12)


def check_level(level: float) -> None:
    """Refuse a level outside (0, 1), of 95, say, where 0.95 is meant, with a ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, but is {level}")


def check_alternative(alternative: str) -> None:
    """Refuse an alternative hypothesis that is none of the three, with a ValueError."""
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(
            f"alternative must be 'two-sided', 'greater' or 'less', but is '{alternative}'"
        )


def _vector(y_true: npt.ArrayLike) -> npt.NDArray[Any]:
    values = np.asarray(y_true)
    if values.ndim != 1:
        raise ValueError(f"labels must have one dimension, not shape {values.shape}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"labels must be numbers, not {values.dtype}")
    return values
