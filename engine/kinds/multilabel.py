"""Labels that hold or not, each on its own: columns ``label_NAME``, or sets such as ``a;b``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.basics.errors import UserError
from engine.basics.values import MISSING, quote, where
from engine.kinds.base import Kind, LossOptions, Wording
from engine.kinds.parts import check_rows, check_shape, finite_matrix, focused, ordered

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from engine.kinds.base import FloatArray, IntArray, Read, Values

#: Columns ``label_NAME`` of 0 and 1.
LABEL_PREFIX = "label_"
#: Between the labels of one row; alone it is a row without any.
SEPARATOR = ";"

YES_NO = {"1": 1, "0": 0, "1.0": 1, "0.0": 0, "true": 1, "false": 0}


def read(written: Sequence[str], path: str) -> Read:
    """Labels that hold, from ``a;b``."""
    import numpy as np

    sets = [{part.strip() for part in label.split(SEPARATOR)} - {""} for label in written]
    names = ordered(set().union(*sets))
    place = {name: column for column, name in enumerate(names)}
    values = np.zeros((len(sets), len(names)), dtype=np.int64)
    for row, held in enumerate(sets):
        values[row, [place[name] for name in held]] = 1
    return _told_apart(values, names, path)


def read_columns(columns: Mapping[str, Sequence[str | None]], path: str) -> Read:
    """Labels that hold, from one column of 0 and 1 each."""
    import numpy as np

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
    return _told_apart(np.array(values, dtype=np.int64).T, names, path)


def _told_apart(values: IntArray, names: tuple[str, ...], path: str) -> Read:
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
    return values, names


def ranked(y: Values) -> IntArray:
    """Labels whose rows can be ranked: some hold, some do not."""
    import numpy as np

    held = y.sum(axis=0)
    return np.flatnonzero((held > 0) & (held < len(y)))


def lacking(values: Values, names: Sequence[str]) -> list[str]:
    """Labels that do not tell rows apart."""
    apart = set(ranked(values).tolist())
    return [name for column, name in enumerate(names) if column not in apart]


def alike(values: Values, _: Sequence[str]) -> str | None:
    """What rows hold of which no label tells any apart."""
    return None if len(ranked(values)) else "every label in none or all of its rows"


def check(y_true: npt.NDArray[np.generic], scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Labels and scores that every metric of labels takes.

    Raises
    ------
    ValueError
        Labels other than 0 and 1, scores that are no probabilities, shapes that do not fit, or no
        label that holds in some rows and not in others.
    """
    import numpy as np

    matrix = finite_matrix(scores, "a column per label", 2)
    check_shape(y_true, matrix.shape)
    check_rows(np.isin(y_true, (0, 1)).all(axis=1), y_true, "labels must be 0 and 1")
    likely = ((matrix >= 0) & (matrix <= 1)).all(axis=1)
    check_rows(likely, matrix, "scores must be probabilities")
    labels = y_true.astype(np.int64)
    if len(ranked(labels)) == 0:
        raise ValueError(
            "every label holds in none or all of the rows: a metric needs one that holds in some"
        )
    return labels, matrix


def losses(logits: Tensor, targets: Tensor, options: LossOptions) -> Tensor:
    """Binary cross-entropy of each row and label, (B, K)."""
    import torch
    from torch.nn import functional

    smooth = targets * (1 - options.label_smoothing) + options.label_smoothing / 2
    found = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    if not options.focal_gamma:
        return found
    wrong = functional.logsigmoid(torch.where(targets.bool(), -logits, logits))
    return focused(found, wrong, options.focal_gamma)


def scores(logits: Tensor) -> Tensor:
    """A probability per label."""
    return logits.sigmoid()


def decide(scores: FloatArray, names: Sequence[str]) -> list[str]:
    """Labels above 0.5, ``a;b``, or ``;`` for none."""
    return [
        SEPARATOR.join(name for name, held in zip(names, row, strict=True) if held) or SEPARATOR
        for row in scores > 0.5
    ]


KIND = Kind(
    name="multilabel",
    words=Wording(
        noun="labels",
        heading="Labels, each on its own",
        predicts="a probability for each of the labels, on its own",
        enough="at least one label",
        unlearned="label {} holds in none or all of the rows of train;"
        " mark other rows train, or take the label out",
        unscored="label {} holds in none or all of the rows of {}, so it is not ranked there",
        averages="of several labels the mean over labels",
    ),
    metric="auroc",
    read=read,
    written=lambda values, _: ["".join(map(str, row)) for row in values.tolist()],
    strata=lambda values: values.astype("int64"),
    count=lambda values, _: values.sum(axis=0).tolist(),
    lacking=lacking,
    alike=alike,
    check=check,
    decide=decide,
    losses=losses,
    scores=scores,
    told_by=lambda written: any(SEPARATOR in label for label in written),
    read_columns=read_columns,
)
