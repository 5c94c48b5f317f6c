"""Metrics of classes: ``y`` (N,), class numbers, and ``scores`` (N, K), a column per class.

With K = 2 a metric of ranking reads the column of class 1. The predicted class is the one with the
highest score, the first of equals. Macro averages run over the classes that have rows in ``y``.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.metrics.base import FloatArray, IntArray, check_rows, finite_matrix


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


FUNCTIONS: dict[str, Callable[[IntArray, FloatArray], float]] = {
    function.__name__: function
    for function in (auroc, auprc, mcc, f1, accuracy, balanced_accuracy, log_loss, brier)
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


def checked(y_true: npt.NDArray[np.generic], scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Labels and scores that every metric of scores or labels takes.

    Raises
    ------
    ValueError
        Labels of one class only or outside 0 ... K-1, scores that are not finite or not (N, K).
    """
    if y_true.dtype.kind not in "biuf":
        raise ValueError(f"labels must be class numbers, not {y_true.dtype}")
    matrix = finite_matrix(scores, "a column per class", 2)
    check_rows(y_true, (len(matrix),), len(matrix))
    valid = np.isin(y_true, np.arange(matrix.shape[1]))
    if not valid.all():
        row = int(np.argmin(valid))
        raise ValueError(
            f"labels must be class numbers 0 to {matrix.shape[1] - 1}, but row {row} is "
            f"{y_true[row]}"
        )
    classes = np.unique(y_true)
    if len(classes) < 2:
        raise ValueError(
            f"the labels hold only {classes.tolist()}: a metric needs at least two classes"
        )
    return y_true.astype(np.int64), matrix


def check_probabilities(name: str, matrix: FloatArray) -> None:
    """Refuse scores that are no probabilities.

    Raises
    ------
    ValueError
        A row has a negative score or does not sum to 1.
    """
    # 1e-3: a softmax in half precision sums to 1 no closer.
    valid = (matrix >= 0).all(axis=1) & (np.abs(matrix.sum(axis=1) - 1) <= 1e-3)
    if not valid.all():
        row = int(np.argmin(valid))
        raise ValueError(
            f"{name} needs probabilities that sum to 1, but row {row} is {matrix[row].tolist()}"
        )
