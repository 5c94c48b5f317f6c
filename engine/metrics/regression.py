"""Metrics of predicted numbers: ``y`` (N,) float64, scores (N, 1).

A constant prediction says nothing of the order of the rows: its correlations are 0, as the Matthews
correlation of a constant class is. A constant ``y`` is refused.
"""

from collections.abc import Callable

import numpy as np

from engine.metrics.base import FloatArray, Over
from engine.metrics.resampled import correlation_over, mean_over, ranks_over, same_everywhere


def spearman(y: FloatArray, scores: FloatArray) -> float:
    """Spearman's rank correlation, equals at their mean rank; 0 for constant predictions."""
    from scipy.stats import rankdata

    return _correlation(rankdata(y), rankdata(scores[:, 0]))


def pearson(y: FloatArray, scores: FloatArray) -> float:
    """Pearson's correlation; 0 for constant predictions."""
    return _correlation(y, scores[:, 0])


def r2(y: FloatArray, scores: FloatArray) -> float:
    """Coefficient of determination, 1 - SS_res / SS_tot; below 0 if worse than the mean of y."""
    if (y == y[0]).all():
        return -np.inf
    return float(1 - ((y - scores[:, 0]) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def mse(y: FloatArray, scores: FloatArray) -> float:
    """Mean squared error, in squared units of y."""
    return float(((y - scores[:, 0]) ** 2).mean())


def rmse(y: FloatArray, scores: FloatArray) -> float:
    """Root of the mean squared error, in units of y."""
    return float(np.sqrt(mse(y, scores)))


FUNCTIONS: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    function.__name__: function for function in (spearman, pearson, r2, mse, rmse)
}
OVERS: dict[str, Callable[[FloatArray, FloatArray], Over]] = {
    "spearman": lambda y, scores: correlation_over(ranks_over(y), ranks_over(scores[:, 0])),
    "pearson": lambda y, scores: correlation_over(lambda _: y, lambda _: scores[:, 0]),
    "r2": lambda y, scores: _r2_over(y, scores[:, 0]),
    "mse": lambda y, scores: mean_over((y - scores[:, 0]) ** 2),
    "rmse": lambda y, scores: _root(mean_over((y - scores[:, 0]) ** 2)),
}


def _r2_over(y: FloatArray, predicted: FloatArray) -> Over:
    errors, centred = (y - predicted) ** 2, y - y.mean()

    def over(weights: FloatArray) -> FloatArray:
        n = weights.sum(axis=0)
        total = centred**2 @ weights - (centred @ weights) ** 2 / n
        constant = same_everywhere(y, weights)
        value = 1 - errors @ weights / np.where(constant, 1, total)
        return np.where(constant, -np.inf, value)

    return over


def _root(squares: Over) -> Over:
    return lambda weights: np.sqrt(squares(weights))


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if (a == a[0]).all() or (b == b[0]).all():
        return 0.0
    # Scaled first, so that squares neither overflow nor vanish.
    a, b = ((x - x.mean()) / np.abs(x - x.mean()).max() for x in (a, b))
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))
