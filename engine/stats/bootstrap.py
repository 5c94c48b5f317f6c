"""One model's interval and two models' paired comparison by any metric: rows resampled."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.stats.checks import FloatArray, check_level
from engine.stats.clustered import resampling_factor
from engine.stats.draws import Draws, draw
from engine.stats.inference import ZeroVarianceError
from engine.stats.pairs import ROUNDING, MetricFunction, count_as_extreme


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
    draws = draw(y_true, [scores], metric, n_resamples, seed, by_class, groups=groups)
    return interval_of(draws, 0, level)


def interval_of(draws: Draws, model: int, level: float = 0.95) -> BootstrapInterval:
    """Expanded percentile interval of a model whose metric was drawn.

    Raises
    ------
    ValueError
        A metric that is not finite on some resample, or a level outside (0, 1).
    """
    check_level(level)
    value, drawn = draws.of(model)
    low, high = _percentiles(drawn, level, draws.n_units)
    return BootstrapInterval(value, float(np.std(drawn, ddof=1)), low, high)


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
    models = [scores_a, scores_b]
    draws = draw(y_true, models, metric, n_resamples, seed, by_class, groups=groups)
    return difference_of(draws, 0, 1, level)


def difference_of(draws: Draws, a: int, b: int, level: float = 0.95) -> BootstrapResult:
    """`paired_bootstrap` of two models whose metric was drawn.

    Raises
    ------
    ZeroVarianceError
        The models differ, and by the same on every resample.
    ValueError
        A metric that is not finite on some resample, or a level outside (0, 1).
    """
    check_level(level)
    (value_a, drawn_a), (value_b, drawn_b) = draws.of(a), draws.of(b)
    delta, deltas = value_a - value_b, drawn_a - drawn_b
    se = float(deltas.std(ddof=1))
    if se < ROUNDING < abs(delta):
        raise ZeroVarianceError(
            f"the metrics differ by {delta:.6g} on every resample: no p-value; "
            "use paired_permutation or more test rows"
        )
    low, high = _percentiles(deltas, level, draws.n_units)
    p = (1 + count_as_extreme(deltas - delta, delta)) / (1 + len(deltas))
    return BootstrapResult(value_a, value_b, delta, se, low, high, p)


def _percentiles(drawn: FloatArray, level: float, n_units: int) -> tuple[float, float]:
    reach = stats.t.isf((1 - level) / 2, n_units - 1) * math.sqrt(resampling_factor(n_units))
    tail = float(stats.norm.sf(reach))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
