"""What each split holds of each class, label or value: what is counted, and what is refused.

A split can be scored where its labels differ: two classes, a label that holds in some rows and not
in others, two values.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.tasks.reading.labels import Labels

ORDER = ("train", "validation", "test")


def count(splits: Sequence[str], labels: Labels) -> dict[str, dict[str, int]]:
    """Rows of every split and class; rows that hold each label; rows of a regression."""
    classes = labels.classes
    return {
        name: dict(zip(classes, labels.kind.count(values, len(classes)), strict=True))
        for name, values in _by_split(splits, labels).items()
    }


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
    kind, of = labels.kind, _by_split(splits, labels)
    lacking = kind.lacking(of["train"], labels.classes)
    if lacking:
        raise UserError(f"{path}: {kind.words.unlearned.format(_listed(lacking))}")
    for name in ORDER:
        alike = kind.alike(of[name], labels.classes)
        if alike is not None:
            held = "no rows" if len(of[name]) == 0 else alike
            how = " that was made" if made.get(name) else ""
            raise UserError(
                f"{path}: the {name} split{how} holds {held}, so nothing can be scored on it;"
                f" give {kind.words.enough} three or more different {unit}"
            )


def missing(splits: Sequence[str], labels: Labels) -> list[str]:
    """Warnings of classes and labels that a split cannot score."""
    return [
        labels.kind.words.unscored.format(_listed(lacking), name)
        for name, values in _by_split(splits, labels).items()
        if (lacking := labels.kind.lacking(values, labels.classes))
    ]


def _by_split(
    splits: Sequence[str], labels: Labels
) -> dict[str, npt.NDArray[np.int64 | np.float64]]:
    names = np.asarray(splits)
    return {name: labels.values[names == name] for name in ORDER}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
