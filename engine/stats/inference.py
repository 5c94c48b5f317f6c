"""From estimates and their variances to intervals, statistics and p-values."""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from engine.stats.checks import Alternative, FloatArray, IntArray, check_alternative, check_level
from engine.stats.components import row_covariance
from engine.stats.tails import student_p

# In units of AUC: more than rounding, less than half a pair of ten million rows.
ROUNDING = 1e-14
Transform = Literal["none", "logit"]


class ZeroVarianceError(ValueError):
    """Two models differ, but the estimated variance of the difference is zero.

    A perfect model against a constant one, for instance. The rows say nothing of how far chance
    moves the difference, so that neither p = 0 nor any other p would be true.
    """


class AucResult(NamedTuple):
    """An AUC, or a mean of AUCs, its standard error and its confidence interval."""

    auc: float
    se: float
    ci_low: float
    ci_high: float


class Difference(NamedTuple):
    """A difference of two estimates, tested.

    Attributes
    ----------
    delta, se : float
        The difference and its standard error; both 0 where rounding alone is left of them.
    ci_low, ci_high : float
        Two-sided interval of ``delta``, whatever the alternative.
    z : float
        ``delta / se``, 0 where both are 0: normal where `df` is infinite, else Student's t.
    p, log10_p : float
        p-value and its decimal logarithm, finite where p underflows.
    """

    delta: float
    se: float
    ci_low: float
    ci_high: float
    z: float
    df: float
    p: float
    log10_p: float


class DeLongResult(NamedTuple):
    """A paired comparison of two AUCs.

    Attributes
    ----------
    auc_a, auc_b, var_a, var_b, cov : float
        The two areas, their variances and covariance.
    delta, se, ci_low, ci_high, z, p, log10_p : float
        As in `Difference`, by the normal distribution.
    """

    auc_a: float
    auc_b: float
    var_a: float
    var_b: float
    cov: float
    delta: float
    se: float
    ci_low: float
    ci_high: float
    z: float
    p: float
    log10_p: float


class UnpairedResult(NamedTuple):
    """A comparison of two AUCs from two different sets of rows.

    Attributes
    ----------
    auc_a, auc_b, var_a, var_b : float
        The two areas and their variances.
    delta, se, ci_low, ci_high, t, df, p, log10_p : float
        As in `Difference`; ``df`` after Welch and Satterthwaite.
    """

    auc_a: float
    auc_b: float
    var_a: float
    var_b: float
    delta: float
    se: float
    ci_low: float
    ci_high: float
    t: float
    df: float
    p: float
    log10_p: float


def wald_interval(
    auc: float, variance: float, level: float, transform: Transform = "none"
) -> AucResult:
    """Normal interval of an AUC, within [0, 1].

    Parameters
    ----------
    auc, variance : float
    level : float
        Confidence, in (0, 1).
    transform : {"none", "logit"}
        "none": AUC ± z SE, cut to [0, 1]. "logit": the same on the scale of log(AUC / (1 - AUC)),
        with SE / (AUC (1 - AUC)), brought back (Pepe, The Statistical Evaluation of Medical Tests,
        2003, section 5.2); an AUC of 0 or 1 has no logit and keeps the first form.

    Raises
    ------
    ValueError
        A level outside (0, 1); an unknown transform.
    """
    check_level(level)
    if transform not in ("none", "logit"):
        raise ValueError(f"transform must be 'none' or 'logit', but is '{transform}'")
    se = math.sqrt(variance)
    half_width = float(stats.norm.isf((1 - level) / 2)) * se
    if transform == "logit" and 0 < auc < 1:
        center, half_width = float(special.logit(auc)), half_width / (auc * (1 - auc))
        low, high = special.expit([center - half_width, center + half_width])
        return AucResult(auc, se, float(low), float(high))
    return AucResult(auc, se, max(0.0, auc - half_width), min(1.0, auc + half_width))


def paired_difference(
    aucs: FloatArray,
    components: FloatArray,
    strata: npt.NDArray[np.generic],
    groups: IntArray | None,
    alternative: Alternative,
    level: float,
) -> DeLongResult:
    """Normal test of the difference of two statistics of the same rows.

    Parameters
    ----------
    aucs : ndarray of float64, shape (2,)
        The two statistics.
    components : ndarray of float64, shape (2, N)
        What each row adds to each.
    strata, groups
        As in `engine.stats.components.row_covariance`.
    alternative, level
        As in `difference`, whose errors are raised too.
    """
    with_difference = np.vstack((components, components[0] - components[1]))
    covariance = row_covariance(with_difference, strata, groups)
    se = math.sqrt(covariance[2, 2])
    found = difference(float(aucs[0] - aucs[1]), se, math.inf, alternative, level)._asdict()
    del found["df"]
    return DeLongResult(
        auc_a=float(aucs[0]),
        auc_b=float(aucs[1]),
        var_a=float(covariance[0, 0]),
        var_b=float(covariance[1, 1]),
        cov=float(covariance[0, 1]),
        **found,
    )


def reach(df: float, level: float) -> float:
    """How many standard errors an interval extends to either side of its estimate.

    Raises
    ------
    ValueError
        A level outside (0, 1).
    """
    check_level(level)
    tail = (1 - level) / 2
    return float(stats.norm.isf(tail) if math.isinf(df) else stats.t.isf(tail, df))


def difference(
    delta: float,
    se: float,
    df: float = math.inf,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> Difference:
    """Test of a difference, by Student's t where few rows or groups tell its standard error.

    A normal reference takes the standard error for known: with 8 groups of rows it claims a
    difference that is not there in 9.5 % instead of 5 % (docs/statistics.md).

    Parameters
    ----------
    delta, se : float
        The difference and its standard error.
    df : float, default inf
        Degrees of freedom; infinite for the normal distribution.
    alternative : {"two-sided", "greater", "less"}
        "greater": the difference is above 0.
    level : float, default 0.95
        Confidence of the interval.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        A level outside (0, 1); an unknown alternative.
    """
    check_alternative(alternative)
    check_level(level)
    delta, se = free_of_rounding(delta, se)
    z = delta / se if se else 0.0
    half_width = reach(df, level) * se
    p, log10_p = student_p(z, df, alternative)
    return Difference(delta, se, delta - half_width, delta + half_width, z, df, p, log10_p)


def welch_difference(
    aucs: tuple[float, float],
    variances: tuple[float, float],
    sizes: tuple[int, int],
    alternative: Alternative,
    level: float,
) -> UnpairedResult:
    """Welch test of the difference of two statistics of different rows.

    Parameters
    ----------
    aucs, variances : tuple of two float
        The statistics and their variances.
    sizes : tuple of two int
        How many rows, or groups of rows, each comes from.
    alternative, level
        As in `difference`, whose errors are raised too.
    """
    (var_a, var_b), (n_a, n_b) = variances, sizes
    delta, se = free_of_rounding(aucs[0] - aucs[1], math.sqrt(var_a + var_b))
    df = float(min(n_a, n_b) - 1)
    if se:
        df = (var_a + var_b) ** 2 / (var_a**2 / (n_a - 1) + var_b**2 / (n_b - 1))
    return UnpairedResult(*aucs, *variances, *difference(delta, se, df, alternative, level))


def free_of_rounding(delta: float, se: float) -> tuple[float, float]:
    """Difference and standard error, both exactly 0 where rounding alone is left of them.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    """
    if se > ROUNDING:
        return delta, se
    if abs(delta) > ROUNDING:
        raise ZeroVarianceError(
            f"the estimates differ by {delta:.6g} but the variance of the difference is zero: "
            "no p-value; use paired_permutation or more test rows"
        )
    return 0.0, 0.0
