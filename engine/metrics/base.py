"""What a metric is, and which kind of task labels and scores are of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.records import TaskKind

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Needs = Literal["scores", "probabilities", "labels"]
#: The values of B resamples of N rows: how often each row was drawn, (N, B) -> (B,).
Over = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        What a study calls it.
    label : str
        What it is called in print.
    functions : mapping
        Kind of task -> ``function(y, scores) -> float`` on checked input.
    overs : mapping
        Kind of task -> ``over(y, scores) -> Over``: the same on resamples of the rows, many at a
        time. A kind may lack it, and bootstraps of the metric then take their time.
    needs : {"scores", "probabilities", "labels"}
        What it reads of class scores: their order or value, the same as probabilities (rows of
        [0, 1] that sum to 1), or only which is the highest.
    greater_is_better : bool
        False for a loss.
    range : tuple of float
        Lowest and highest value.
    """

    name: str
    label: str
    functions: Mapping[TaskKind, Callable[[Any, FloatArray], float]]
    overs: Mapping[TaskKind, Callable[[Any, FloatArray], Over]]
    needs: Needs
    greater_is_better: bool
    range: tuple[float, float]

    @property
    def kinds(self) -> tuple[TaskKind, ...]:
        """Kinds of tasks that it can score."""
        return tuple(self.functions)

    def function(self, y: npt.NDArray[Any], scores: FloatArray) -> float:
        """The value on checked input; the shapes tell the kind."""
        return self.functions[kind_of(y, scores)](y, scores)


def kind_of(y: npt.NDArray[Any], scores: npt.NDArray[Any]) -> TaskKind:
    """Kind of task that labels and scores are of.

    Parameters
    ----------
    y : ndarray, shape (N,) or (N, K)
    scores : ndarray, shape (N, K)

    Returns
    -------
    str
        ``multilabel`` where labels have columns, ``regression`` where they are floating-point and
        the scores have one column, else ``classification``.
    """
    if y.ndim == 2:
        return "multilabel"
    one_column = scores.ndim == 2 and scores.shape[1] == 1
    return "regression" if y.dtype.kind == "f" and one_column else "classification"


def finite_matrix(scores: npt.ArrayLike, columns: str, fewest: int) -> FloatArray:
    """Scores as float64.

    Parameters
    ----------
    scores : array_like, shape (N, K)
    columns : str
        What they must have, for the message.
    fewest : int
        Lowest K.

    Raises
    ------
    ValueError
        Another shape, NaN or infinity.
    """
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < fewest:
        raise ValueError(f"scores must have {columns}, not shape {matrix.shape}")
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"scores must be finite, but row {row} is {matrix[row].tolist()}")
    return matrix


def check_rows(labels: npt.NDArray[Any], shape: tuple[int, ...], rows: int) -> None:
    """Refuse labels of another shape than scores ask for.

    Raises
    ------
    ValueError
        Labels and scores do not fit together.
    """
    if labels.shape != shape:
        raise ValueError(f"labels of shape {labels.shape} for {rows} rows of scores")
