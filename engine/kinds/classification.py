"""One class a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.basics.errors import UserError
from engine.basics.values import quote
from engine.kinds.base import Kind, LossOptions, Wording
from engine.kinds.parts import (
    NUMBER,
    check_rows,
    check_shape,
    finite_matrix,
    focused,
    one_only,
    ordered,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from engine.kinds.base import FloatArray, IntArray, Read, Values


def read(written: Sequence[str], path: str) -> Read:
    """Labels as indices of classes."""
    import numpy as np

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
    classes = ordered({name for name in names.values() if name is not None})
    if len(classes) < 2:
        raise UserError(
            f"{path}: all {len(written)} labels are {quote(classes[0])};"
            " a task needs at least two classes"
        )
    place = {name: index for index, name in enumerate(classes)}
    index = {label: place[name] for label, name in names.items() if name is not None}
    return np.array([index[label] for label in written], dtype=np.int64), classes


def _class_name(label: str) -> str | None:
    """Name of a class: ``1.0`` (an integer that was stored as a float) is 1; None for 0.5."""
    if not re.fullmatch(r"[+-]?\d+\.\d+", label):
        return label
    return str(int(float(label))) if float(label).is_integer() else None


def count(values: Values, width: int) -> list[int]:
    """Rows of each class."""
    import numpy as np

    found: list[int] = np.bincount(values.astype(np.int64), minlength=width).tolist()
    return found


def lacking(values: Values, classes: Sequence[str]) -> list[str]:
    """Classes without rows."""
    present = set(values.tolist())
    return [name for index, name in enumerate(classes) if index not in present]


def check(y_true: npt.NDArray[np.generic], scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Labels and scores that every metric of scores or labels takes.

    Raises
    ------
    ValueError
        Labels of one class only or outside 0 ... K-1, scores that are not finite or not (N, K).
    """
    import numpy as np

    if y_true.dtype.kind not in "biuf":
        raise ValueError(f"labels must be class numbers, not {y_true.dtype}")
    matrix = finite_matrix(scores, "a column per class", 2)
    check_shape(y_true, matrix.shape[:1])
    said = f"labels must be class numbers 0 to {matrix.shape[1] - 1}"
    check_rows(np.isin(y_true, np.arange(matrix.shape[1])), y_true, said)
    classes = np.unique(y_true)
    if len(classes) < 2:
        raise ValueError(
            f"the labels hold only {classes.tolist()}: a metric needs at least two classes"
        )
    return y_true.astype(np.int64), matrix


def losses(logits: Tensor, targets: Tensor, options: LossOptions) -> Tensor:
    """Cross-entropy of each row, (B,)."""
    from torch.nn import functional

    found = functional.cross_entropy(
        logits, targets, reduction="none", label_smoothing=options.label_smoothing
    )
    if not options.focal_gamma:
        return found
    others = logits.scatter(1, targets[:, None], float("-inf")).logsumexp(dim=1)
    return focused(found, others - logits.logsumexp(dim=1), options.focal_gamma)


def scores(logits: Tensor) -> Tensor:
    """Class probabilities."""
    return logits.softmax(dim=1)


def decide(scores: FloatArray, classes: Sequence[str]) -> list[str]:
    """Class with the highest score, the first of equals."""
    return [classes[k] for k in scores.argmax(axis=1)]


KIND = Kind(
    name="classification",
    words=Wording(
        noun="classes",
        heading="Classes",
        predicts="a probability for each of the classes",
        enough="at least two classes",
        unlearned="class {} has no rows in train; mark some of its rows train",
        unscored="class {} has no rows in {}, so it is not scored there",
        averages="of more than two classes the mean over classes, each against the rest",
    ),
    metric="auroc",
    read=read,
    written=lambda values, classes: [classes[label] for label in values.tolist()],
    strata=lambda values: values.astype("int64"),
    count=count,
    lacking=lacking,
    alike=one_only("class"),
    check=check,
    decide=decide,
    losses=losses,
    scores=scores,
    exclusive=True,
    headed=False,
)
