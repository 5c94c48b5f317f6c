"""Fitted models of one task: how sure a score is, and whether two of them differ.

Where rows come in groups, few units tell the standard error, and Student's t takes the place of the
normal distribution that the published methods assume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.metrics import METRICS, compute, kind_of
from engine.stats.bootstrap import bootstrap_ci, paired_bootstrap, strata_of
from engine.stats.checks import Alternative
from engine.stats.clustered import group_numbers, resampling_factor, units_of_evidence
from engine.stats.delong import auc_ci, delong_test
from engine.stats.inference import student_difference, student_interval
from engine.stats.multiclass import macro_auc_ci, macro_auc_test

IntArray = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64 | np.float64]
FloatArray = npt.NDArray[np.float64]

RESAMPLES = 2000
#: What a test says of a difference.
TESTED = ("delta", "se", "ci_low", "ci_high", "z", "df", "p", "log10_p")


def interval(
    metric: str,
    labels: Labels,
    scores: FloatArray,
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
) -> tuple[float, float]:
    """Interval of one fitted model's score over test rows; NaN where the rows allow none."""
    by_class = kind_of(labels, scores) == "classification"
    try:
        if metric == "auroc" and by_class:
            return auc_interval(labels.astype(np.int64), scores, level, groups)
        function = METRICS[metric].function
        drawn = bootstrap_ci(
            labels, scores, function, RESAMPLES, level=level, by_class=by_class, groups=groups
        )
    except ValueError:
        return float("nan"), float("nan")
    return drawn.ci_low, drawn.ci_high


def auc_interval(
    labels: IntArray, scores: FloatArray, level: float = 0.95, groups: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """Interval of an AUROC, macro for more than two classes, within [0, 1].

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    scores : ndarray, shape (N, K)
    level : float
    groups : array_like, shape (N,), optional
        Rows of one group are not independent.

    Raises
    ------
    ValueError
        Rows that allow no variance.
    """
    if scores.shape[1] == 2:
        area = auc_ci(labels, scores[:, 1], level, groups=groups)
    else:
        area = macro_auc_ci(labels, scores, level, np.unique(labels).tolist(), groups=groups)
    if groups is None:
        return area.ci_low, area.ci_high
    low, high = student_interval(area.auc, area.se, _units(labels, groups) - 1, level)
    return max(0.0, low), min(1.0, high)


def auc_test_name(scores: FloatArray) -> str:
    """What `auc_test` does with as many classes as these scores have."""
    return "DeLong" if scores.shape[1] == 2 else "macro DeLong"


def auc_test(
    labels: IntArray,
    a: FloatArray,
    b: FloatArray,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """DeLong's test of two models, macro for more than two classes.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    a, b : ndarray, shape (N, K)
    alternative : {"two-sided", "greater", "less"}
    level : float
    groups : array_like, shape (N,), optional
        Rows of one group are not independent: Obuchowski's variance, and Student's t with one
        degree of freedom less than the groups that hold the rarest class.

    Returns
    -------
    dict
        By the names of `TESTED`.

    Raises
    ------
    ValueError
        Rows that allow no variance.
    """
    if a.shape[1] == 2:
        result = delong_test(labels, a[:, 1], b[:, 1], alternative, level, groups=groups)
    else:
        present = np.unique(labels).tolist()
        result = macro_auc_test(labels, a, b, alternative, level, present, groups=groups)
    if groups is not None:
        units = _units(labels, groups)
        return _student(result.delta, result.se, units, level, alternative)
    of_rows = result._asdict() | {"df": float("inf")}
    return {name: float(of_rows[name]) for name in TESTED}


def paired_test(
    metric: str,
    labels: Labels,
    a: FloatArray,
    b: FloatArray,
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """Difference of two fitted models on the same rows, with interval and p-value.

    Parameters
    ----------
    metric : str
        AUROC of classes is tested by DeLong (macro for more than two; against Student's t where
        rows come in groups), all else by paired bootstrap.
    labels : ndarray
    a, b : ndarray, shape (N, K)
    level : float
        Confidence of the interval.
    groups : array_like, shape (N,), optional
        Rows of one group are not independent.

    Returns
    -------
    dict
        ``test, delta, se, ci_low, ci_high, z, df, p, log10_p, note``; where the rows allow no test,
        the numbers are NaN and the note says why.

    Notes
    -----
    DeLong's statistic is taken as normal, and df infinite. That of a bootstrap (difference over its
    standard error), and of any test over groups, is Student's t with one degree of freedom less
    than the rows of the rarest class, or the groups that hold it.
    """
    name = "paired bootstrap"
    by_class = kind_of(labels, a) == "classification"
    try:
        if metric == "auroc" and by_class:
            name = auc_test_name(a)
            found = auc_test(labels.astype(np.int64), a, b, level=level, groups=groups)
        else:
            found = _bootstrap(metric, labels, a, b, level, groups, by_class)
    except ValueError as error:
        delta = compute(metric, labels, a) - compute(metric, labels, b)
        unknown = dict.fromkeys(TESTED, float("nan"))
        return {"test": name, **unknown, "delta": delta, "note": str(error)}
    return {"test": name, **found, "note": ""}


def _bootstrap(
    metric: str,
    labels: Labels,
    a: FloatArray,
    b: FloatArray,
    level: float,
    groups: npt.ArrayLike | None,
    by_class: bool,
) -> dict[str, float]:
    """By its standard error: a share of 2,000 resamples is too coarse for a family of 100 tests."""
    function = METRICS[metric].function
    drawn = paired_bootstrap(labels, a, b, function, RESAMPLES, by_class=by_class, groups=groups)
    units = _units(strata_of(labels, by_class), groups)
    return _student(drawn.delta, drawn.se * np.sqrt(resampling_factor(units)), units, level)


def _student(
    delta: float, se: float, units: int, level: float, alternative: Alternative = "two-sided"
) -> dict[str, float]:
    tested = student_difference(delta, se, units - 1, level, alternative)._asdict()
    return {"delta": delta, "se": float(se), "z": tested.pop("t"), **tested}


def _units(strata: IntArray, groups: npt.ArrayLike | None) -> int:
    """Rows of the rarest class, or groups that hold it."""
    return units_of_evidence(strata, group_numbers(groups, strata))
