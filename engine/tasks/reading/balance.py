"""What each split holds of each class, label or value: what stratifies, what is counted, refused.

A split can be scored where its labels differ: two classes, a label that holds in some rows and not
in others, two values.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.tasks.reading.labels import Labels

ORDER = ("train", "validation", "test")
#: A regression is stratified by so many quantiles, fewer where that leaves less than ten rows each.
MOST_BINS = 10
ROWS_PER_BIN = 10


def strata(labels: Labels) -> npt.NDArray[np.int64]:
    """What splits are balanced for.

    Returns
    -------
    ndarray, int64
        Classes (N,) and labels (N, K) as they are; of a regression (N, bins), 1 in the quantile
        bin of a row, so that bins and rows are both spread evenly.
    """
    if labels.kind != "regression":
        return labels.values.astype(np.int64)
    bins = int(np.clip(len(labels.values) // ROWS_PER_BIN, 1, MOST_BINS))
    edges = np.quantile(labels.values, np.arange(1, bins) / bins)
    return np.eye(bins, dtype=np.int64)[np.searchsorted(edges, labels.values, side="right")]


def count(splits: Sequence[str], labels: Labels) -> dict[str, dict[str, int]]:
    """Rows of every split and class; rows that hold each label; rows of a regression."""
    found: dict[str, dict[str, int]] = {}
    for name, values in _by_split(splits, labels).items():
        if labels.kind == "multilabel":
            numbers = values.sum(axis=0).tolist()
        elif labels.kind == "regression":
            numbers = [len(values)]
        else:
            numbers = np.bincount(values, minlength=len(labels.classes)).tolist()
        found[name] = dict(zip(labels.classes, numbers, strict=True))
    return found


def check_splits(
    splits: Sequence[str], labels: Labels, made: Mapping[str, bool], unit: str, path: str
) -> None:
    """Refuse splits on which nothing can be learned or scored.

    Parameters
    ----------
    splits : sequence of str, length N
    labels : Labels
    made : mapping of str to bool
        Whether a split was made here, not given by the file.
    unit : str
        What is spread over the splits: ``sequences`` or ``groups``.
    path : str
        Names the file in messages.

    Raises
    ------
    UserError
        If train lacks a class, or a label holds in none or all of its rows; if validation or test
        hold fewer than two classes or values, or no label that holds in some rows only.
    """
    of = _by_split(splits, labels)
    lacking = _lacking(of["train"], labels)
    if lacking and labels.kind == "classification":
        raise UserError(
            f"{path}: class {_listed(lacking)} has no rows in train; mark some of its rows train"
        )
    if lacking and labels.kind == "multilabel":
        raise UserError(
            f"{path}: label {_listed(lacking)} holds in none or all of the rows of train;"
            " mark other rows train, or take the label out"
        )
    for name in ORDER:
        difference = _differ(of[name], labels)
        if difference is not None:
            held = "no rows" if len(of[name]) == 0 else difference
            how = " that was made" if made.get(name) else ""
            raise UserError(
                f"{path}: the {name} split{how} holds {held}, so nothing can be scored on it;"
                f" give {_enough(labels)} three or more different {unit}"
            )


def missing(splits: Sequence[str], labels: Labels) -> list[str]:
    """Warnings of classes and labels that a split cannot score."""
    told = {
        "classification": "class {} has no rows in {}, so it is not scored there",
        "multilabel": "label {} holds in none or all of the rows of {}, so it is not ranked there",
    }
    return [
        told[labels.kind].format(_listed(lacking), name)
        for name, values in _by_split(splits, labels).items()
        if (lacking := _lacking(values, labels))
    ]


def _by_split(
    splits: Sequence[str], labels: Labels
) -> dict[str, npt.NDArray[np.int64 | np.float64]]:
    names = np.asarray(splits)
    return {name: labels.values[names == name] for name in ORDER}


def _lacking(values: npt.NDArray[np.int64 | np.float64], labels: Labels) -> list[str]:
    """Classes without rows; labels that do not tell rows apart; a regression lacks none."""
    if labels.kind == "classification":
        present = set(values.tolist())
        return [name for index, name in enumerate(labels.classes) if index not in present]
    if labels.kind == "multilabel":
        held = values.sum(axis=0).tolist()
        return [n for n, rows in zip(labels.classes, held, strict=True) if rows in (0, len(values))]
    return []


def _differ(values: npt.NDArray[np.int64 | np.float64], labels: Labels) -> str | None:
    """None where the labels of a split differ, else what it holds instead."""
    if labels.kind == "multilabel":
        alike = len(_lacking(values, labels)) == len(labels.classes)
        return "every label in none or all of its rows" if alike else None
    noun = "class" if labels.kind == "classification" else "value"
    return f"one {noun} only" if len(Counter(values.tolist())) < 2 else None


def _enough(labels: Labels) -> str:
    return {
        "classification": "at least two classes",
        "multilabel": "at least one label",
        "regression": "at least two values",
    }[labels.kind]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
