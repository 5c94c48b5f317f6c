"""From estimates and their variances to intervals, statistics and p-values."""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from engine.stats.checks import Alternative, FloatArray, IntArray, check_alternative, check_level
from engine.stats.components import row_covariance
from engine.stats.tails import normal_p, student_p

# In units of AUC: more than rounding, less than half a pair of ten million rows.
ROUNDING = 1e-14
Transform = Literal["none", "logit"]


class ZeroVarianceError(ValueError):
    """Two models differ, but the estimated variance of the difference is zero.

    A perfect model against a constant one, for instance. The rows say nothing of how far chance
    moves the difference, so that neither p = 0 nor any other p would be true.
    """


class AucResult(NamedTuple):
    """An AUC and its confidence interval.

    Attributes
    ----------
    auc : float
        Area under the ROC curve, or a mean of areas.
    se : float
        Its standard error.
    ci_low, ci_high : float
        Wald interval, cut to [0, 1], or the logit interval.
    """

    auc: float
    se: float
    ci_low: float
    ci_high: float


class DeLongResult(NamedTuple):
    """A paired comparison of two AUCs.

    Attributes
    ----------
    auc_a, auc_b : float
        The two areas.
    var_a, var_b, cov : float
        Their variances and covariance.
    delta, se : float
        ``auc_a - auc_b`` and its standard error.
    ci_low, ci_high : float
        Two-sided Wald interval of ``delta``, whatever the alternative.
    z : float
        ``delta / se``; 0 where both are 0.
    p, log10_p : float
        p-value and its decimal logarithm, finite where p underflows.
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
    auc_a, auc_b, var_a, var_b, delta, se : float
        As in `DeLongResult`.
    ci_low, ci_high : float
        Two-sided interval of ``delta`` from Student's t.
    t, df : float
        ``delta / se`` and its Welch-Satterthwaite degrees of freedom.
    p, log10_p : float
        p-value and its decimal logarithm, finite where p underflows.
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


class StudentResult(NamedTuple):
    """A difference against Student's t.

    Attributes
    ----------
    t, df : float
        ``delta / se``, 0 where both are 0, and the degrees of freedom.
    ci_low, ci_high : float
        Two-sided interval of the difference, whatever the alternative.
    p, log10_p : float
        p-value and its decimal logarithm, finite where p underflows.
    """

    t: float
    df: float
    ci_low: float
    ci_high: float
    p: float
    log10_p: float


def wald_interval(
    auc: float, variance: float, level: float, transform: Transform = "none"
) -> AucResult:
    """Normal interval of an AUC, within [0, 1].

    Parameters
    ----------
    auc, variance : float
        Estimate and its variance.
    level : float
        Confidence, in (0, 1).
    transform : {"none", "logit"}
        "none": AUC ± z SE, cut to [0, 1]. "logit": the same on the scale of log(AUC / (1 - AUC)),
        with SE / (AUC (1 - AUC)), brought back (Pepe, The Statistical Evaluation of Medical Tests,
        2003, section 5.2); an AUC of 0 or 1 has no logit and keeps the first form.

    Returns
    -------
    AucResult

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
    strata : ndarray, shape (N,)
        The class of each row.
    groups : ndarray of int64, shape (N,), or None
        Group numbers, where rows come in groups.
    alternative : {"two-sided", "greater", "less"}
        "greater": the first is greater.
    level : float
        Confidence of the interval.

    Returns
    -------
    DeLongResult

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        A level outside (0, 1); an unknown alternative.
    """
    check_alternative(alternative)
    check_level(level)
    with_difference = np.vstack((components, components[0] - components[1]))
    covariance = row_covariance(with_difference, strata, groups)
    delta, se = delta_and_se(float(aucs[0] - aucs[1]), float(covariance[2, 2]))
    z = delta / se if se else 0.0
    half_width = float(stats.norm.isf((1 - level) / 2)) * se
    p, log10_p = normal_p(z, alternative)
    return DeLongResult(
        auc_a=float(aucs[0]),
        auc_b=float(aucs[1]),
        var_a=float(covariance[0, 0]),
        var_b=float(covariance[1, 1]),
        cov=float(covariance[0, 1]),
        delta=delta,
        se=se,
        ci_low=delta - half_width,
        ci_high=delta + half_width,
        z=z,
        p=p,
        log10_p=log10_p,
    )


def student_interval(
    estimate: float, se: float, df: float, level: float = 0.95
) -> tuple[float, float]:
    """Two-sided interval of an estimate whose standard error few rows or groups tell.

    Parameters and errors are those of `student_difference`, with an estimate of any kind.

    Returns
    -------
    low, high : float
    """
    check_level(level)
    half_width = float(stats.t.isf((1 - level) / 2, df)) * se
    return estimate - half_width, estimate + half_width


def student_difference(
    delta: float,
    se: float,
    df: float,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> StudentResult:
    """Test of a difference whose standard error few rows or groups tell.

    A normal reference takes the standard error for known: with 8 groups of rows it claims a
    difference that is not there in 9.5 % instead of 5 % (docs/statistics.md).

    Parameters
    ----------
    delta, se : float
        The difference and its standard error.
    df : float
        Rows of the rarest class, or groups that hold it, less one.
    level : float, default 0.95
        Confidence of the interval.
    alternative : {"two-sided", "greater", "less"}
        "greater": the difference is above 0.

    Returns
    -------
    StudentResult

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        A level outside (0, 1); an unknown alternative.
    """
    check_alternative(alternative)
    check_level(level)
    delta, se = delta_and_se(delta, se**2)
    t = delta / se if se else 0.0
    p, log10_p = student_p(t, df, alternative)
    return StudentResult(t, df, *student_interval(delta, se, df, level), p, log10_p)


def unpaired_difference(
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
    alternative : {"two-sided", "greater", "less"}
        "greater": the first is greater.
    level : float
        Confidence of the interval.

    Returns
    -------
    UnpairedResult

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        A level outside (0, 1); an unknown alternative.
    """
    check_alternative(alternative)
    check_level(level)
    (var_a, var_b), (n_a, n_b) = variances, sizes
    delta, se = delta_and_se(aucs[0] - aucs[1], var_a + var_b)
    df = float(min(n_a, n_b) - 1)
    if se:
        df = (var_a + var_b) ** 2 / (var_a**2 / (n_a - 1) + var_b**2 / (n_b - 1))
    return UnpairedResult(
        auc_a=aucs[0],
        auc_b=aucs[1],
        var_a=var_a,
        var_b=var_b,
        delta=delta,
        se=se,
        **student_difference(delta, se, df, level, alternative)._asdict(),
    )


def delta_and_se(delta: float, variance: float) -> tuple[float, float]:
    """Difference and standard error, free of rounding.

    Parameters
    ----------
    delta, variance : float
        In units of AUC, and their square.

    Returns
    -------
    delta, se : float
        Both exactly 0 where rounding alone is left of them.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    """
    se = math.sqrt(variance)
    if se > ROUNDING:
        return delta, se
    if abs(delta) > ROUNDING:
        raise ZeroVarianceError(
            f"the estimates differ by {delta:.6g} but the variance of the difference is zero: "
            "no p-value; use paired_permutation or more test rows"
        )
    return 0.0, 0.0
