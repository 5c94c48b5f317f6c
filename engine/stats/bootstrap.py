"""One model's interval and two models' paired comparison by any metric: rows resampled."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.stats.checks import FloatArray, IntArray, check_level
from engine.stats.clustered import group_numbers, resampling_factor, units_of_evidence
from engine.stats.inference import ZeroVarianceError
from engine.stats.pairs import ROUNDING, MetricFunction, checked_pair, count_as_extreme, evaluate


class BootstrapResult(NamedTuple):
    """A paired comparison of two models by one metric.

    Attributes
    ----------
    value_a, value_b : float
        The metric of each model on the rows as they are.
    delta, se : float
        ``value_a - value_b`` and the standard deviation of its bootstrap values.
    ci_low, ci_high : float
        Expanded percentile interval of ``delta``.
    p : float
        Two-sided p-value, never 0.
    """

    value_a: float
    value_b: float
    delta: float
    se: float
    ci_low: float
    ci_high: float
    p: float


class BootstrapInterval(NamedTuple):
    """A metric of one model and its interval.

    Attributes
    ----------
    value, se : float
        On the rows as they are, and the standard deviation of its bootstrap values.
    ci_low, ci_high : float
        Expanded percentile interval.
    """

    value: float
    se: float
    ci_low: float
    ci_high: float


def bootstrap_ci(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    metric: MetricFunction,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    by_class: bool = True,
    *,
    groups: npt.ArrayLike | None = None,
) -> BootstrapInterval:
    """Expanded percentile interval of one model's metric.

    Parameters and errors are those of `paired_bootstrap`, with one model.
    """
    check_level(level)
    labels, rows, _ = checked_pair(y_true, scores, scores, n_resamples, by_class)
    strata = strata_of(labels, by_class)
    drawn = [
        evaluate(metric, labels[i], rows[i]) for i in resamples(strata, groups, n_resamples, seed)
    ]
    ci_low, ci_high = _percentiles(drawn, level, strata, groups)
    return BootstrapInterval(
        value=evaluate(metric, labels, rows),
        se=float(np.std(drawn, ddof=1)),
        ci_low=ci_low,
        ci_high=ci_high,
    )


def paired_bootstrap(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    metric: MetricFunction,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    by_class: bool = True,
    *,
    groups: npt.ArrayLike | None = None,
) -> BootstrapResult:
    """Compare two models that scored the same rows, by any metric.

    Parameters
    ----------
    y_true : array_like, shape (N,) or (N, K)
        Class numbers (N,), at least two rows of each class; without `by_class` any outcomes.
    scores_a, scores_b : array_like, shape (N,) or (N, K)
        Finite, as the metric wants them.
    metric : callable
        ``metric(y, scores) -> float``, finite.
    n_resamples : int, default 2000
        B. The smallest p is 1 / (B + 1).
    seed : int, default 0
        The same seed gives the same result.
    level : float, default 0.95
        Confidence of the interval.
    by_class : bool, default True
        Whether rows are drawn within each class. Without, they are drawn from all: for measured
        values, and for labels that hold or not, each on its own.
    groups : array_like, shape (N,), optional
        Which rows belong together and are not independent: whole groups are drawn. Each class must
        be held by at least two groups.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    ZeroVarianceError
        The models differ, and by the same on every resample.
    ValueError
        Labels that are no class numbers, fewer than two rows of a class, scores that are not finite
        or not as many as the labels, a metric that is not finite on some resample, fewer than two
        resamples, or a level outside (0, 1).

    Notes
    -----
    Both models see the same resampled rows; by class, each class keeps its number, unless groups
    are drawn. The interval is the percentile interval (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13), expanded for few rows or groups as Hesterberg has it (The American
    Statistician 69:371, 2015): of n units of the rarest class, resamples spread too little and a
    normal tail is too short, which sqrt(n / (n - 1)) and Student's t make good. The p-value shifts
    the bootstrap differences to the null hypothesis, p = (1 + #{|d* - d| >= |d|}) / (1 + B)
    (Efron and Tibshirani, chapter 16; the added 1: Davison and Hinkley, Bootstrap Methods and Their
    Application, 1997, section 4.4). It says that two fitted models differ, as DeLong's does.
    """
    check_level(level)
    labels, rows_a, rows_b = checked_pair(y_true, scores_a, scores_b, n_resamples, by_class)
    strata = strata_of(labels, by_class)
    value_a, value_b = evaluate(metric, labels, rows_a), evaluate(metric, labels, rows_b)
    delta = value_a - value_b
    deltas: FloatArray = np.empty(n_resamples)
    for resample, drawn in enumerate(resamples(strata, groups, n_resamples, seed)):
        y = labels[drawn]
        deltas[resample] = evaluate(metric, y, rows_a[drawn]) - evaluate(metric, y, rows_b[drawn])
    se = float(deltas.std(ddof=1))
    if se < ROUNDING < abs(delta):
        raise ZeroVarianceError(
            f"the metrics differ by {delta:.6g} on every resample: no p-value; "
            "use paired_permutation or more test rows"
        )
    ci_low, ci_high = _percentiles(deltas, level, strata, groups)
    return BootstrapResult(
        value_a=value_a,
        value_b=value_b,
        delta=delta,
        se=se,
        ci_low=ci_low,
        ci_high=ci_high,
        p=(1 + count_as_extreme(deltas - delta, delta)) / (1 + n_resamples),
    )


def _percentiles(
    drawn: list[float] | FloatArray,
    level: float,
    strata: IntArray,
    groups: npt.ArrayLike | None,
) -> tuple[float, float]:
    n_units = units_of_evidence(strata, group_numbers(groups, strata))
    reach = stats.t.isf((1 - level) / 2, n_units - 1) * math.sqrt(resampling_factor(n_units))
    tail = float(stats.norm.sf(reach))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def strata_of(labels: npt.NDArray[Any], by_class: bool) -> IntArray:
    """Class of each row, shape (N,), or one stratum for all rows where classes do not matter."""
    return labels.astype(np.int64) if by_class else np.zeros(len(labels), dtype=np.int64)


def resamples(
    strata: IntArray, groups: npt.ArrayLike | None, n_resamples: int, seed: int
) -> Iterator[IntArray]:
    """Rows drawn with replacement, stratum by stratum, or whole groups.

    Parameters
    ----------
    strata : ndarray of int64, shape (N,)
        Each keeps its number of rows, unless groups are drawn.
    groups : array_like, shape (N,), or None
        Drawn whole, as many as there are, so that the number of rows varies. A draw that lacks a
        stratum is drawn again.
    n_resamples, seed : int
        How many; the same seed gives the same rows.

    Yields
    ------
    ndarray of int64
        Row numbers.

    Raises
    ------
    ValueError
        A stratum that fewer than two groups hold; not one group a row.
    """
    rng = np.random.default_rng(seed)
    numbers = group_numbers(groups, strata)
    if numbers is None:
        members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
        for _ in range(n_resamples):
            yield np.concatenate([rng.choice(rows, len(rows)) for rows in members])
        return
    members = [np.flatnonzero(numbers == group) for group in range(int(numbers.max()) + 1)]
    n_strata = len(np.unique(strata))
    for _ in range(n_resamples):
        rows = np.empty(0, dtype=np.int64)
        while len(np.unique(strata[rows])) < n_strata:
            drawn = rng.integers(len(members), size=len(members))
            rows = np.concatenate([members[group] for group in drawn])
        yield rows
