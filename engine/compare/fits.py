"""Fitted models of one task: how sure a score is, and whether two of them differ.

Where rows come in groups, few units tell the standard error, and Student's t takes the place of the
normal distribution that the published methods assume.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.metrics import METRICS, compute, kind_of
from engine.stats.bootstrap import difference_of, interval_of
from engine.stats.checks import Alternative
from engine.stats.clustered import group_numbers, resampling_factor, units_of_evidence
from engine.stats.components import degrees_of_freedom
from engine.stats.contrasts import delong_omnibus
from engine.stats.delong import auc_ci, delong_test
from engine.stats.draws import Draws, draw
from engine.stats.inference import student_difference, student_interval
from engine.stats.multiclass import auc_components, macro_auc_ci, macro_auc_test

IntArray = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64 | np.float64]
FloatArray = npt.NDArray[np.float64]

RESAMPLES = 2000
#: What a test says of a difference.
TESTED = ("delta", "se", "ci_low", "ci_high", "z", "df", "p", "log10_p")
#: What a test says of many models.
OMNIBUS = ("f", "df", "df2", "p", "log10_p")


@dataclass(frozen=True)
class Evidence:
    """What all tests of one task have in common.

    Attributes
    ----------
    metric : str
    labels : ndarray
        Of the test split, shaped by the kind of the task.
    groups : array_like, shape (N,), or None
        Rows of one group are not independent.
    by_area : bool
        AUROC of classes, whose variance has a closed form.
    draws : Draws or None
        The metric of every different fit, resampled; None by area, and where the rows allow none.
    places : mapping of bytes to int
        Where a fit's scores stand in the draws.
    note : str
        Why the rows allow no draws.
    """

    metric: str
    labels: Labels
    groups: npt.ArrayLike | None
    by_area: bool
    draws: Draws | None
    places: Mapping[bytes, int]
    note: str

    def drawn(self, fits: Sequence[FloatArray]) -> tuple[Draws, list[int]]:
        """The draws, and where these fits stand in them.

        Raises
        ------
        ValueError
            The rows allow none.
        """
        if self.draws is None:
            raise ValueError(self.note)
        return self.draws, [self.places[scores.tobytes()] for scores in fits]


def gather(
    metric: str,
    labels: Labels,
    fits: Sequence[FloatArray],
    groups: npt.ArrayLike | None = None,
) -> Evidence:
    """Draw what the tests of a task need, once for all of its fits.

    Parameters
    ----------
    metric : str
        AUROC of classes needs no draws.
    labels : ndarray
    fits : sequence of ndarray, shape (N, K)
        Every fit that is to be looked at; equal ones are drawn once.
    groups : array_like, shape (N,), optional

    Returns
    -------
    Evidence
    """
    kind = kind_of(labels, fits[0])
    by_area = (metric, kind) == ("auroc", "classification")
    if by_area:
        return Evidence(metric, labels, groups, by_area, None, {}, "")
    distinct, known = {scores.tobytes(): scores for scores in fits}, METRICS[metric]
    draws, note = None, ""
    try:
        draws = draw(
            labels,
            list(distinct.values()),
            known.function,
            RESAMPLES,
            by_class=kind == "classification",
            groups=groups,
            over=known.overs.get(kind),
        )
    except ValueError as error:
        note = str(error)
    places = {scores: place for place, scores in enumerate(distinct)}
    return Evidence(metric, labels, groups, by_area, draws, places, note)


def interval(evidence: Evidence, scores: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Interval of one fitted model's score over test rows; NaN where the rows allow none."""
    try:
        if evidence.by_area:
            labels = evidence.labels.astype(np.int64)
            return auc_interval(labels, scores, level, evidence.groups)
        draws, (place,) = evidence.drawn([scores])
        found = interval_of(draws, place, level)
    except ValueError:
        return float("nan"), float("nan")
    return found.ci_low, found.ci_high


def paired_test(
    evidence: Evidence,
    a: FloatArray,
    b: FloatArray,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> dict[str, Any]:
    """Difference of two fitted models on the same rows, with interval and p-value.

    Parameters
    ----------
    evidence : Evidence
        AUROC of classes is tested by DeLong (macro for more than two; against Student's t where
        rows come in groups), all else by paired bootstrap.
    a, b : ndarray, shape (N, K)
    level : float
        Confidence of the interval.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    dict
        ``test, delta, se, ci_low, ci_high, z, df, p, log10_p, note``; where the rows allow no test,
        the numbers are NaN and the note says why.

    Notes
    -----
    DeLong's statistic is taken as normal, and df infinite; over groups it is Student's t. So is a
    bootstrap's, the difference over its standard error, with one degree of freedom less than the
    rows of the rarest class, or the groups that hold it.
    """
    labels, metric = evidence.labels, evidence.metric
    name = "paired bootstrap"
    if evidence.by_area:
        name = "DeLong" if a.shape[1] == 2 else "macro DeLong"
    try:
        if evidence.by_area:
            classes = labels.astype(np.int64)
            found = auc_test(classes, a, b, alternative, level, evidence.groups)
        else:
            draws, (of_a, of_b) = evidence.drawn([a, b])
            found = _of_draws(draws, of_a, of_b, level, alternative)
    except ValueError as error:
        delta = compute(metric, labels, a) - compute(metric, labels, b)
        unknown = dict.fromkeys(TESTED, float("nan"))
        return {"test": name, **unknown, "delta": delta, "note": str(error)}
    return {"test": name, **found, "note": ""}


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
    low, high = student_interval(area.auc, area.se, _df(labels, [scores], groups), level)
    return max(0.0, low), min(1.0, high)


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
        Rows of one group are not independent: Obuchowski's variance, and Student's t with
        Satterthwaite's degrees of freedom, of what the groups of each class add to it.

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
        return _student(result.delta, result.se, _df(labels, [a, b], groups), level, alternative)
    of_rows = result._asdict() | {"df": float("inf")}
    return {name: float(of_rows[name]) for name in TESTED}


def omnibus_test(
    labels: IntArray, scores: FloatArray, groups: npt.ArrayLike | None = None
) -> dict[str, float]:
    """Whether M models of two classes all have the same AUC.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
    scores : ndarray, shape (M, N)
    groups : array_like, shape (N,), optional
        Rows of one group are not independent, and Hotelling's F takes the place of chi-square, by
        which 20 groups claimed a difference of five equal models in 14 % of simulations at 0.05.

    Returns
    -------
    dict
        By the names of `OMNIBUS`. Without groups ``f`` is chi-square over ``df``, and ``df2``
        infinite.

    Raises
    ------
    ValueError
        Rows that allow no variance, or no more groups than differences.

    Notes
    -----
    With n groups that hold the rarest class, F = chi2 (n - df) / (df (n - 1)) with df and n - df
    degrees of freedom (Hotelling, Annals of Mathematical Statistics 2:360, 1931).
    """
    found = delong_omnibus(labels, scores, groups=groups)
    chi2, df = found.chi2, float(found.df)
    if groups is None or df == 0:
        ratio = chi2 / df if df else 0.0
        return dict(zip(OMNIBUS, (ratio, df, math.inf, found.p, found.log10_p), strict=True))
    units = _units(labels, groups)
    df2 = units - df
    if df2 < 1:
        raise ValueError(f"{units} groups of a class cannot tell {len(scores)} models apart")
    f = chi2 * df2 / (df * (units - 1))
    log10_p = float(stats.f.logsf(f, df, df2)) / math.log(10)
    return dict(zip(OMNIBUS, (f, df, df2, float(stats.f.sf(f, df, df2)), log10_p), strict=True))


def _of_draws(
    draws: Draws, a: int, b: int, level: float, alternative: Alternative
) -> dict[str, float]:
    """By its standard error: a share of 2,000 resamples is too coarse for a family of 100 tests."""
    found = difference_of(draws, a, b)
    se = found.se * np.sqrt(resampling_factor(draws.n_units))
    return _student(found.delta, se, draws.n_units - 1, level, alternative)


def _student(
    delta: float, se: float, df: float, level: float, alternative: Alternative = "two-sided"
) -> dict[str, float]:
    tested = student_difference(delta, se, df, level, alternative)._asdict()
    return {"delta": delta, "se": float(se), "z": tested.pop("t"), **tested}


def _df(labels: IntArray, scores: Sequence[FloatArray], groups: npt.ArrayLike) -> float:
    """Degrees of freedom of the variance of an AUC, or of the difference of two."""
    models = [one[:, 1] for one in scores] if scores[0].shape[1] == 2 else scores
    strata, _, components = auc_components(labels, models)
    component = components[0] - components[1] if len(scores) > 1 else components[0]
    return degrees_of_freedom(component, strata, group_numbers(groups, strata))


def _units(labels: IntArray, groups: npt.ArrayLike) -> int:
    """Groups that hold the rarest class."""
    return units_of_evidence(labels, group_numbers(groups, labels))
