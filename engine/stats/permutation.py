"""Paired comparison of two models by any metric, by exchanging their answers row by row."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray
from engine.stats.pairs import (
    MetricFunction,
    check_resamples,
    checked_models,
    count_as_extreme,
    evaluate,
)


class PermutationResult(NamedTuple):
    """A paired comparison of two models by one metric.

    Attributes
    ----------
    value_a, value_b, delta : float
        The metric of each model, and ``value_a - value_b``.
    p : float
        Two-sided p-value, never 0.
    """

    value_a: float
    value_b: float
    delta: float
    p: float


def paired_permutation(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    metric: MetricFunction,
    n_resamples: int = 2000,
    seed: int = 0,
) -> PermutationResult:
    """Test whether the answers of two models could be exchanged on every row.

    It needs no estimate of a variance, so that it has an answer where DeLong's test has none.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        Class numbers; at least two rows of each class.
    scores_a, scores_b : array_like, shape (N,) or (N, K)
        Finite and on one scale, as answers change hands: probabilities, or for a metric of order
        such as the AUC the ranks within each model.
    metric : callable
        ``metric(y, scores) -> float``, finite.
    n_resamples : int, default 2000
        B. The smallest p is 1 / (B + 1).
    seed : int, default 0
        The same seed gives the same result.

    Returns
    -------
    PermutationResult

    Raises
    ------
    ValueError
        As `paired_bootstrap`, which alone can lack a variance.

    Notes
    -----
    p = (1 + #{|d*| >= |d|}) / (1 + B) (Phipson and Smyth, Statistical Applications in Genetics and
    Molecular Biology 9:39, 2010). For the AUC of ranks: Venkatraman and Begg, Biometrika 83:835,
    1996; Bandos, Rockette and Gur, Statistics in Medicine 24:2873, 2005.
    """
    check_resamples(n_resamples)
    labels, (rows_a, rows_b) = checked_models(y_true, [scores_a, scores_b])
    value_a, value_b = evaluate(metric, labels, rows_a), evaluate(metric, labels, rows_b)
    delta = value_a - value_b
    rng = np.random.default_rng(seed)
    deltas: FloatArray = np.empty(n_resamples)
    for resample in range(n_resamples):
        exchanged = rng.random(len(labels)) < 0.5
        if rows_a.ndim == 2:
            exchanged = exchanged[:, np.newaxis]
        left = np.where(exchanged, rows_b, rows_a)
        right = np.where(exchanged, rows_a, rows_b)
        deltas[resample] = evaluate(metric, labels, left) - evaluate(metric, labels, right)
    p = (1 + count_as_extreme(deltas, delta)) / (1 + n_resamples)
    return PermutationResult(value_a=value_a, value_b=value_b, delta=delta, p=p)
