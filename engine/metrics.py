"""What a model is scored by: one entry per metric, over class scores of shape (N, K).

Every metric takes labels ``y`` (N,), class numbers, and ``scores`` (N, K), a column per class; with
K = 2 a metric of ranking reads the column of class 1. The predicted class is the one with the
highest score, the first of equals. Macro averages run over the classes that have rows in ``y``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.errors import UserError, nearest

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        What a study calls it.
    function : callable
        ``function(y, scores) -> float`` on checked input: (N,) int64 and (N, K) float64.
    needs : {"scores", "probabilities", "labels"}
        What it reads of the scores: their order or value, the same as probabilities (rows of
        [0, 1] that sum to 1), or only which is the highest.
    greater_is_better : bool
        False for a loss.
    range : tuple of float
        Lowest and highest value.
    """

    name: str
    function: Callable[[IntArray, FloatArray], float]
    needs: Literal["scores", "probabilities", "labels"]
    greater_is_better: bool
    range: tuple[float, float]


def compute(name: str, y_true: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Score a model by one metric.

    Parameters
    ----------
    name : str
        A key of `METRICS`.
    y_true : array_like, shape (N,)
        Class numbers 0 ... K-1.
    scores : array_like, shape (N, K)
        Finite.

    Returns
    -------
    float

    Raises
    ------
    UserError
        No metric of that name.
    ValueError
        Labels of one class only or outside 0 ... K-1, scores that are not finite or not (N, K), or
        not probabilities where the metric needs them.
    """
    metric = find_metric(name)
    labels, matrix = _checked(y_true, scores)
    return _value(metric, labels, matrix)


def compute_all(
    y_true: npt.ArrayLike, scores: npt.ArrayLike, names: Iterable[str] | None = None
) -> dict[str, float]:
    """Score a model by several metrics.

    Parameters
    ----------
    y_true, scores : array_like
        As in `compute`.
    names : iterable of str, optional
        Keys of `METRICS`; all of them by default, which needs probabilities.

    Returns
    -------
    dict of str to float

    Raises
    ------
    UserError, ValueError
        As `compute`.
    """
    metrics = list(METRICS.values()) if names is None else [find_metric(name) for name in names]
    labels, matrix = _checked(y_true, scores)
    return {metric.name: _value(metric, labels, matrix) for metric in metrics}


def find_metric(name: str) -> Metric:
    """The metric of that name.

    Raises
    ------
    UserError
        There is none; the nearest name is told.
    """
    if name not in METRICS:
        raise UserError(f"unknown metric '{name}': {nearest(name, METRICS)}")
    return METRICS[name]


def auroc(y: IntArray, scores: FloatArray) -> float:
    """Area under the ROC curve; macro one-versus-rest for more than two classes."""
    from sklearn.metrics import roc_auc_score

    return _macro(roc_auc_score, y, scores)


def auprc(y: IntArray, scores: FloatArray) -> float:
    """Area under the precision-recall curve as average precision; macro one-versus-rest."""
    from sklearn.metrics import average_precision_score

    return _macro(average_precision_score, y, scores)


def mcc(y: IntArray, scores: FloatArray) -> float:
    """Matthews correlation, for K classes after Gorodkin (2004); 0 for constant predictions."""
    table = _confusion(y, scores)
    true, predicted, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    covariance = np.trace(table) * n - true @ predicted
    spread = (n**2 - true @ true) * (n**2 - predicted @ predicted)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def f1(y: IntArray, scores: FloatArray) -> float:
    """F1 of class 1; macro for more than two classes. A class never predicted has 0."""
    table = _confusion(y, scores)
    hits, true, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    of_class = 2 * hits / np.maximum(true + predicted, 1)
    return float(of_class[1] if scores.shape[1] == 2 else of_class[true > 0].mean())


def accuracy(y: IntArray, scores: FloatArray) -> float:
    """Share of rows whose class is predicted."""
    return float(np.mean(scores.argmax(axis=1) == y))


def balanced_accuracy(y: IntArray, scores: FloatArray) -> float:
    """Mean over classes of the share of rows whose class is predicted."""
    hit = scores.argmax(axis=1) == y
    return float(np.mean([hit[y == label].mean() for label in np.unique(y)]))


def log_loss(y: IntArray, scores: FloatArray) -> float:
    """Mean of -log of the probability of the true class, in nats; at most 36.04 per row."""
    of_truth = scores[np.arange(len(y)), y]
    return float(np.log(1 / np.clip(of_truth, np.finfo(np.float64).eps, 1)).mean())


def brier(y: IntArray, scores: FloatArray) -> float:
    """Mean squared error of the probabilities: of class 1 for K = 2, summed over classes above."""
    truth = np.eye(scores.shape[1])[y]
    squares = ((scores - truth) ** 2).sum(axis=1).mean()
    return float(squares / 2 if scores.shape[1] == 2 else squares)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auroc", auroc, "scores", True, (0.0, 1.0)),
        Metric("auprc", auprc, "scores", True, (0.0, 1.0)),
        Metric("mcc", mcc, "labels", True, (-1.0, 1.0)),
        Metric("f1", f1, "labels", True, (0.0, 1.0)),
        Metric("accuracy", accuracy, "labels", True, (0.0, 1.0)),
        Metric("balanced_accuracy", balanced_accuracy, "labels", True, (0.0, 1.0)),
        Metric("log_loss", log_loss, "probabilities", False, (0.0, inf)),
        Metric("brier", brier, "probabilities", False, (0.0, 2.0)),
    )
}


def _confusion(y: IntArray, scores: FloatArray) -> FloatArray:
    """Rows of each class by predicted class, shape (K, K): cheap enough to be resampled."""
    classes = scores.shape[1]
    cells = np.bincount(y * classes + scores.argmax(axis=1), minlength=classes**2)
    return cells.reshape(classes, classes).astype(np.float64)


def _macro(
    area: Callable[[npt.NDArray[np.bool_], FloatArray], float], y: IntArray, scores: FloatArray
) -> float:
    """The area of class 1 for K = 2, else its mean over the classes that have rows."""
    if scores.shape[1] == 2:
        return float(area(y == 1, scores[:, 1]))
    return float(np.mean([area(y == label, scores[:, label]) for label in np.unique(y)]))


def _value(metric: Metric, labels: IntArray, matrix: FloatArray) -> float:
    if metric.needs == "probabilities":
        _check_probabilities(metric.name, matrix)
    return metric.function(labels, matrix)


def _checked(y_true: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    labels = np.asarray(y_true)
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"labels must be class numbers, not {labels.dtype}")
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise ValueError(f"scores must have a column per class, not shape {matrix.shape}")
    if labels.shape != (len(matrix),):
        raise ValueError(f"labels of shape {labels.shape} for {len(matrix)} rows of scores")
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"scores must be finite, but row {row} is {matrix[row].tolist()}")
    valid = np.isin(labels, np.arange(matrix.shape[1]))
    if not valid.all():
        row = int(np.argmin(valid))
        raise ValueError(
            f"labels must be class numbers 0 to {matrix.shape[1] - 1}, but row {row} is "
            f"{labels[row]}"
        )
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            f"the labels hold only {classes.tolist()}: a metric needs at least two classes"
        )
    return labels.astype(np.int64), matrix


def _check_probabilities(name: str, matrix: FloatArray) -> None:
    # 1e-3: a softmax in half precision sums to 1 no closer.
    valid = (matrix >= 0).all(axis=1) & (np.abs(matrix.sum(axis=1) - 1) <= 1e-3)
    if not valid.all():
        row = int(np.argmin(valid))
        raise ValueError(
            f"{name} needs probabilities that sum to 1, but row {row} is {matrix[row].tolist()}"
        )
