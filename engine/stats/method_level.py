"""Is one *method* better than another, beyond the luck of a seed and of the test rows?

A method fitted with another seed is another model. Its score on these test rows is

    value = mean of the method  +  luck of the seed  +  luck of the test rows  +  both at once

and a difference of two methods' means over S seeds each varies by

    Var = (seed_a / S_a + seed_b / S_b)  +  test-sampling variance of the difference of the means

with seed_a the variance of the method's true score over seeds. Rows and seeds are crossed: all fits
saw the same test rows, whose luck therefore does not average out over seeds. The first part is told
apart from the second by what test sampling alone would make the fits of a method differ.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stats.checks import Alternative, FloatArray, check_level
from engine.stats.clustered import group_numbers, resampling_factor
from engine.stats.components import degrees_of_freedom, row_covariance
from engine.stats.draws import Draws, draw
from engine.stats.inference import difference, free_of_rounding
from engine.stats.multiclass import auc_components
from engine.stats.pairs import MetricFunction

#: Scores (N,) or (N, K) of the fits of one method, one per seed.
Fits = Sequence[FloatArray]
Agreement = Literal["significant", "mixed", "not significant", "no test"]


class MethodResult(NamedTuple):
    """A comparison of two methods, each fitted with several seeds.

    Attributes
    ----------
    value_a, value_b : float
        Mean metric of each method over its seeds.
    delta, se, ci_low, ci_high, t, df, p, log10_p : float
        As in `Difference`; ``se`` is ``sqrt(var_seed + var_test)``, ``df`` after Satterthwaite.
    var_seed, var_test : float
        What seeds and what the choice of test rows add to the variance of ``delta``.
    sd_seed_a, sd_seed_b : float
        Standard deviation of one fit's metric over seeds, the luck of the test rows taken out; 0
        where test sampling explains all of what is seen.
    n_seeds_a, n_seeds_b : int
        Fits of each method.
    """

    value_a: float
    value_b: float
    delta: float
    se: float
    ci_low: float
    ci_high: float
    t: float
    df: float
    p: float
    log10_p: float
    var_seed: float
    var_test: float
    sd_seed_a: float
    sd_seed_b: float
    n_seeds_a: int
    n_seeds_b: int


def method_auc_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    *,
    groups: npt.ArrayLike | None = None,
) -> MethodResult:
    """Test whether two methods have the same expected AUC over seeds and test rows.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1; or class numbers for the macro one-versus-rest AUC.
    scores_a, scores_b : array_like, shape (S, N) or (S, N, K)
        Of S >= 2 fits of a method, not necessarily as many of the other. Higher means class 1; for
        K classes column k: higher means class k. Averages run over the classes that have rows.
    alternative : {"two-sided", "greater", "less"}
        "greater": method a is better.
    level : float, default 0.95
        Confidence of the interval of the difference.
    groups : array_like, shape (N,), optional
        Which rows are not independent, as in `auc_covariance`.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        As `auc_covariance` and `macro_auc_test`; fewer than two fits of a method; a level outside
        (0, 1); an unknown alternative.

    Notes
    -----
    The variance over test rows is DeLong's, with degrees of freedom from what each class adds to it
    (`engine.stats.components.degrees_of_freedom`); see `method_difference` for the rest.
    """
    fits_a, fits_b = _stack(scores_a), _stack(scores_b)
    strata, values, components = auc_components(y_true, [*fits_a, *fits_b])
    numbers = group_numbers(groups, strata)

    def variance(weights: FloatArray) -> float:
        return float(row_covariance((weights @ components)[np.newaxis], strata, numbers)[0, 0])

    n_a, n_b = len(fits_a), len(fits_b)
    of_means = np.repeat([1 / n_a, -1 / n_b], [n_a, n_b])
    df_test = degrees_of_freedom(of_means @ components, strata, numbers)
    return method_difference(values[:n_a], values[n_a:], variance, df_test, alternative, level)


def method_metric_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    metric: MetricFunction,
    n_resamples: int = 1000,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    *,
    by_class: bool = True,
    groups: npt.ArrayLike | None = None,
) -> MethodResult:
    """Test whether two methods have the same expected value of any metric.

    Parameters
    ----------
    y_true, metric, n_resamples, seed, by_class
        As in `paired_bootstrap`; resamples are the same for all fits.
    scores_a, scores_b : array_like, shape (S, N) or (S, N, K)
        Of S >= 2 fits of a method, as the metric wants them.
    alternative, level, groups
        As in `method_auc_test`.

    Raises
    ------
    ZeroVarianceError, ValueError
        As `paired_bootstrap` and `method_auc_test`.

    Notes
    -----
    Resamples of n rows or groups see (n - 1) / n of the variance (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, section 5.3), which is made good with n of the rarest
    class; see `method_difference` for the rest.
    """
    fits_a, fits_b = _stack(scores_a), _stack(scores_b)
    fits = [*fits_a, *fits_b]
    draws = draw(y_true, fits, metric, n_resamples, seed, by_class, groups=groups)
    places = range(len(fits))
    sides = places[: len(fits_a)], places[len(fits_a) :]
    return method_of(draws, *sides, alternative, level)


def method_of(
    draws: Draws,
    a: Sequence[int],
    b: Sequence[int],
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> MethodResult:
    """`method_metric_test` of fits whose metric was drawn; a and b are their places.

    Raises
    ------
    ZeroVarianceError, ValueError
        As `method_difference`; a metric that is not finite on some resample.
    """
    fits = [draws.of(place) for place in (*a, *b)]
    values, drawn = np.array([value for value, _ in fits]), np.array([of for _, of in fits])

    def variance(weights: FloatArray) -> float:
        return float((weights @ drawn).var(ddof=1)) * resampling_factor(draws.n_units)

    df_test = min(draws.n_units, drawn.shape[1]) - 1
    return method_difference(
        values[: len(a)], values[len(a) :], variance, df_test, alternative, level
    )


def method_difference(
    values_a: FloatArray,
    values_b: FloatArray,
    variance: Callable[[FloatArray], float],
    df_test: float,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> MethodResult:
    """Test the difference of two methods' means over seeds.

    Parameters
    ----------
    values_a, values_b : ndarray of float64, shape (S_a,) and (S_b,)
        The metric of each fit on the same test rows.
    variance : callable
        ``variance(w) -> float``: the test-sampling variance of the sum of ``w`` times the values of
        a, then b; ``w`` has shape (S_a + S_b,).
    df_test : float
        Degrees of freedom of the test-sampling variance of the difference of the means.
    alternative, level
        As in `method_auc_test`, whose errors are raised too.

    Notes
    -----
    Crossed random effects, estimated by moments. With s2 the sample variance of a method's values,
    and e what test sampling alone would make of it (the interaction of seeds and rows), seed =
    max(0, s2 - e): without taking e out, that part would be counted twice. Degrees of freedom after
    Satterthwaite (Biometrics Bulletin 2:110, 1946) and Welch (Biometrika 34:28, 1947):

        df = se^4 / [ (s2_a / S_a)^2 / (S_a - 1) + (s2_b / S_b)^2 / (S_b - 1) + v^2 / df_test ]

    with v = var_test. Since e is taken out, df can come out below 1, where Student's t says nothing
    of any difference; it is never less than 1, which the least sample variance has.

    A bootstrap of so few seeds, or a normal reference, claims too much; see docs/statistics.md.
    """
    n_a, n_b = len(values_a), len(values_b)
    if min(n_a, n_b) < 2:
        raise ValueError(
            f"{n_a} fit(s) of method a and {n_b} of b: the variance over seeds needs at least two "
            "of each"
        )
    of_a, of_b = np.split(np.eye(n_a + n_b), [n_a])
    mean_a, mean_b = of_a.mean(axis=0), of_b.mean(axis=0)
    spread_a, spread_b = float(values_a.var(ddof=1)), float(values_b.var(ddof=1))
    seed_a = max(0.0, spread_a - sum(variance(one - mean_a) for one in of_a) / (n_a - 1))
    seed_b = max(0.0, spread_b - sum(variance(one - mean_b) for one in of_b) / (n_b - 1))
    var_seed, var_test = seed_a / n_a + seed_b / n_b, variance(mean_a - mean_b)
    value_a, value_b = float(values_a.mean()), float(values_b.mean())
    delta, se = free_of_rounding(value_a - value_b, math.sqrt(var_seed + var_test))
    df = float(min(n_a, n_b) - 1)
    if se:
        df = (var_seed + var_test) ** 2 / (
            (spread_a / n_a) ** 2 / (n_a - 1)
            + (spread_b / n_b) ** 2 / (n_b - 1)
            + var_test**2 / df_test
        )
        df = max(1.0, df)
    return MethodResult(
        value_a,
        value_b,
        *difference(delta, se, df, alternative, level),
        var_seed=var_seed,
        var_test=var_test,
        sd_seed_a=math.sqrt(seed_a),
        sd_seed_b=math.sqrt(seed_b),
        n_seeds_a=n_a,
        n_seeds_b=n_b,
    )


def agreement(p_fits: float, p_methods: float, level: float = 0.05) -> Agreement:
    """What may be said where the fitted models and the methods were both tested.

    Parameters
    ----------
    p_fits : float
        Of the fitted models of one seed (DeLong's, say), corrected for how many tests there were.
    p_methods : float
        Of the methods over seeds, corrected likewise.
    level : float, default 0.05
        Below it a difference is claimed.

    Returns
    -------
    {"significant", "mixed", "not significant", "no test"}
        "mixed" where only one of the two is below the level: two fitted models differ but another
        seed may turn it around, or the methods differ though one pair of fits does not show it. "no
        test" where either p-value is NaN.

    Raises
    ------
    ValueError
        A level outside (0, 1).
    """
    check_level(level)
    if np.isnan(p_fits) or np.isnan(p_methods):
        return "no test"
    claims = int(p_fits < level) + int(p_methods < level)
    return ("not significant", "mixed", "significant")[claims]


def _stack(scores: npt.ArrayLike) -> npt.NDArray[np.generic]:
    fits = np.asarray(scores)
    if fits.ndim not in (2, 3):
        raise ValueError(
            f"scores must have shape (fits, rows) or (fits, rows, classes), not {fits.shape}"
        )
    return fits
