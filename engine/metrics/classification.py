"""Metrics of classes: ``y`` (N,), class numbers, and ``scores`` (N, K), a column per class.

With K = 2 a metric of ranking reads the column of class 1. The predicted class is the one with the
highest score, the first of equals. Macro averages run over the classes that have rows in ``y``.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.kinds.parts import check_rows
from engine.metrics.base import FloatArray, IntArray, Over
from engine.metrics.resampled import area_over, macro_over, mean_of_held, mean_over, precision_over


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
    return float(_mcc(_confusion(y, scores)))


def f1(y: IntArray, scores: FloatArray) -> float:
    """F1 of class 1; macro for more than two classes. A class never predicted has 0."""
    return float(_f1(_confusion(y, scores)))


def accuracy(y: IntArray, scores: FloatArray) -> float:
    """Share of rows whose class is predicted."""
    return float(np.mean(scores.argmax(axis=1) == y))


def balanced_accuracy(y: IntArray, scores: FloatArray) -> float:
    """Mean over classes of the share of rows whose class is predicted."""
    return float(_balanced_accuracy(_confusion(y, scores)))


def log_loss(y: IntArray, scores: FloatArray) -> float:
    """Mean of -log of the probability of the true class, in nats; at most 36.04 per row."""
    return float(_log_losses(y, scores).mean())


def brier(y: IntArray, scores: FloatArray) -> float:
    """Mean squared error of the probabilities: of class 1 for K = 2, summed over classes above."""
    return float(_squares(y, scores).mean())


FUNCTIONS: dict[str, Callable[[IntArray, FloatArray], float]] = {
    function.__name__: function
    for function in (auroc, auprc, mcc, f1, accuracy, balanced_accuracy, log_loss, brier)
}
OVERS: dict[str, Callable[[IntArray, FloatArray], Over]] = {
    "auroc": lambda y, scores: _macro_over(area_over, y, scores),
    "auprc": lambda y, scores: _macro_over(precision_over, y, scores),
    "mcc": lambda y, scores: _confusion_over(_mcc, y, scores),
    "f1": lambda y, scores: _confusion_over(_f1, y, scores),
    "accuracy": lambda y, scores: mean_over(scores.argmax(axis=1) == y),
    "balanced_accuracy": lambda y, scores: _confusion_over(_balanced_accuracy, y, scores),
    "log_loss": lambda y, scores: mean_over(_log_losses(y, scores)),
    "brier": lambda y, scores: mean_over(_squares(y, scores)),
}


def _mcc(table: FloatArray) -> FloatArray:
    true, predicted = table.sum(axis=-1), table.sum(axis=-2)
    n = true.sum(axis=-1)
    covariance = np.trace(table, axis1=-2, axis2=-1) * n - (true * predicted).sum(axis=-1)
    spread = (n**2 - (true**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
    return np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1)), 0)


def _f1(table: FloatArray) -> FloatArray:
    hits, true = np.diagonal(table, axis1=-2, axis2=-1), table.sum(axis=-1)
    of_class = 2 * hits / np.maximum(true + table.sum(axis=-2), 1)
    return of_class[..., 1] if table.shape[-1] == 2 else mean_of_held(of_class, true)


def _balanced_accuracy(table: FloatArray) -> FloatArray:
    hits, true = np.diagonal(table, axis1=-2, axis2=-1), table.sum(axis=-1)
    return mean_of_held(hits / np.maximum(true, 1), true)


def _confusion(y: IntArray, scores: FloatArray) -> FloatArray:
    """Rows of each class by predicted class, shape (K, K)."""
    classes = scores.shape[1]
    cells = np.bincount(y * classes + scores.argmax(axis=1), minlength=classes**2)
    return cells.reshape(classes, classes).astype(np.float64)


def _confusion_over(
    value: Callable[[FloatArray], FloatArray], y: IntArray, scores: FloatArray
) -> Over:
    """A function of the table of rows by class and predicted class."""
    from scipy.sparse import csr_array

    rows, classes = scores.shape
    cell = y * classes + scores.argmax(axis=1)
    cells = csr_array((np.ones(rows), (cell, np.arange(rows))), shape=(classes**2, rows))
    return lambda weights: value(np.asarray(cells @ weights).T.reshape(-1, classes, classes))


def _log_losses(y: IntArray, scores: FloatArray) -> FloatArray:
    of_truth = scores[np.arange(len(y)), y]
    return np.asarray(np.log(1 / np.clip(of_truth, np.finfo(np.float64).eps, 1)))


def _squares(y: IntArray, scores: FloatArray) -> FloatArray:
    squares = ((scores - np.eye(scores.shape[1])[y]) ** 2).sum(axis=1)
    return np.asarray(squares / 2 if scores.shape[1] == 2 else squares)


def _macro(
    area: Callable[[npt.NDArray[np.bool_], FloatArray], float], y: IntArray, scores: FloatArray
) -> float:
    """The area of class 1 for K = 2, else its mean over the classes that have rows."""
    if scores.shape[1] == 2:
        return float(area(y == 1, scores[:, 1]))
    return float(np.mean([area(y == label, scores[:, label]) for label in np.unique(y)]))


def _macro_over(
    area: Callable[[npt.NDArray[np.bool_], FloatArray], Over], y: IntArray, scores: FloatArray
) -> Over:
    """As `_macro`, over the classes that have rows in the resample."""
    if scores.shape[1] == 2:
        return area(y == 1, scores[:, 1])
    return macro_over([area(y == label, scores[:, label]) for label in np.unique(y)])


def check_probabilities(name: str, matrix: FloatArray) -> None:
    """Refuse scores that are no probabilities.

    Raises
    ------
    ValueError
        A row has a negative score or does not sum to 1.
    """
    # 1e-3: a softmax in half precision sums to 1 no closer.
    valid = (matrix >= 0).all(axis=1) & (np.abs(matrix.sum(axis=1) - 1) <= 1e-3)
    check_rows(valid, matrix, f"{name} needs probabilities that sum to 1")
