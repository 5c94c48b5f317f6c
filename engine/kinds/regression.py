"""A number a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.basics.errors import UserError
from engine.basics.values import quote, where
from engine.kinds.base import Kind, LossOptions, Wording
from engine.kinds.parts import NUMBER, check_rows, check_shape, finite_matrix, one_only

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from engine.kinds.base import FloatArray, IntArray, Read, Values

#: Up to so many different numbers may be classes that somebody wrote as numbers.
MOST_NUMBERED_CLASSES = 10
#: Name of the one column of scores.
VALUE = "value"
#: Splits are balanced for so many quantiles, fewer where that leaves less than ten rows each.
MOST_BINS = 10
ROWS_PER_BIN = 10


def told_by(written: Sequence[str]) -> bool:
    """More than ten different numbers, not all of them whole."""
    distinct = dict.fromkeys(written)
    if not all(NUMBER.fullmatch(label) for label in distinct):
        return False
    numbers = {float(label) for label in distinct}
    whole = all(number.is_integer() for number in numbers if math.isfinite(number))
    return len(numbers) > MOST_NUMBERED_CLASSES and not whole


def read(written: Sequence[str], path: str) -> Read:
    """Labels as numbers."""
    import numpy as np

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
    return values, (VALUE,)


def strata(values: Values) -> IntArray:
    """1 in the quantile bin of a row, (N, bins), so that bins and rows are both spread evenly."""
    import numpy as np

    bins = int(np.clip(len(values) // ROWS_PER_BIN, 1, MOST_BINS))
    edges = np.quantile(values, np.arange(1, bins) / bins)
    return np.eye(bins, dtype=np.int64)[np.searchsorted(edges, values, side="right")]


def check(y_true: npt.NDArray[np.generic], scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Values and predictions that every metric of numbers takes.

    Raises
    ------
    ValueError
        Not finite, not as many, or all values the same.
    """
    import numpy as np

    matrix = finite_matrix(scores, "one column", 1)
    check_shape(y_true, matrix.shape[:1])
    values = y_true.astype(np.float64)
    check_rows(np.isfinite(values), values, "values must be finite")
    if len(values) == 0 or (values == values[0]).all():
        raise ValueError(
            f"the values hold only {np.unique(values).tolist()}: a metric needs two or more"
        )
    return values, matrix


def losses(logits: Tensor, targets: Tensor, options: LossOptions) -> Tensor:
    """Squared or Huber error of each row, (B, 1)."""
    from torch.nn import functional

    loss = functional.huber_loss if options.huber else functional.mse_loss
    return loss(logits, targets, reduction="none")


def decide(scores: FloatArray, _: Sequence[str]) -> list[float]:
    """The values."""
    values: list[float] = scores[:, 0].tolist()
    return values


def written(values: Values, _: Sequence[str]) -> list[str]:
    """Numbers to their last bit."""
    return [repr(value) for value in values.tolist()]


KIND = Kind(
    name="regression",
    words=Wording(
        noun="numbers", heading="Labels", predicts="a number", enough="at least two values"
    ),
    # It does not depend on the scale on which a target was measured, nor on a few extreme values.
    metric="spearman",
    read=read,
    written=written,
    strata=strata,
    count=lambda values, _: [len(values)],
    lacking=lambda _, __: [],
    alike=one_only("value"),
    check=check,
    decide=decide,
    losses=losses,
    scores=lambda logits: logits,
    numeric=True,
    told_by=told_by,
)
