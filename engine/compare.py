"""Paired tests between the cells of a task, corrected over the declared family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.metrics import METRICS, compute, compute_all, kind_of
from engine.select import FinalFit
from engine.stats.adjust import adjust
from engine.stats.bootstrap import bootstrap_ci, paired_bootstrap
from engine.stats.delong import auc_ci, delong_test
from engine.stats.multiclass import macro_auc_ci, macro_auc_test

Family = Literal["per_task", "whole_study"]
Correction = Literal["holm", "bh", "by", "none"]
IntArray = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64 | np.float64]
FloatArray = npt.NDArray[np.float64]

LEVEL = 0.05
RESAMPLES = 2000


@dataclass(frozen=True)
class TaskFits:
    """What the comparison of one task needs.

    Attributes
    ----------
    task : str
    metric : str
    labels : ndarray
        Of the unsealed test split, shaped by the kind of the task; see `engine.tasks.Split`.
    fits : sequence of FinalFit
        Of all cells of the task.
    """

    task: str
    metric: str
    labels: Labels
    fits: Sequence[FinalFit]


def score_table(tasks: Sequence[TaskFits]) -> pd.DataFrame:
    """One row per fitted model: its headline score with a 95 % interval, and every other metric."""
    rows = []
    for task in tasks:
        # A deterministic probe gives the same scores with every seed; a bootstrap takes seconds.
        intervals: dict[bytes, tuple[float, float]] = {}
        for fit in task.fits:
            same = fit.scores.tobytes()
            if same not in intervals:
                intervals[same] = interval(task.metric, task.labels, fit.scores)
            low, high = intervals[same]
            rows.append(
                {
                    "cell": fit.cell.id,
                    "encoder": fit.cell.encoder,
                    "task": fit.cell.task,
                    "method": fit.cell.method,
                    "seed": fit.seed,
                    "variant": fit.variant,
                    "metric": task.metric,
                    "validation": fit.validation,
                    "value": compute(task.metric, task.labels, fit.scores),
                    "ci_low": low,
                    "ci_high": high,
                    **compute_all(task.labels, fit.scores),
                    "n_test": len(task.labels),
                    "seconds": fit.seconds,
                    "trainable_parameters": fit.trainable_parameters,
                }
            )
    return pd.DataFrame(rows)


def interval(
    metric: str, labels: Labels, scores: FloatArray, level: float = 0.95
) -> tuple[float, float]:
    """Interval of one fitted model's score over test rows; NaN where the rows allow none."""
    by_class = kind_of(labels, scores) == "classification"
    try:
        if metric == "auroc" and by_class:
            return _auc_interval(labels.astype(np.int64), scores, level)
        function = METRICS[metric].function
        drawn = bootstrap_ci(labels, scores, function, RESAMPLES, level=level, by_class=by_class)
    except ValueError:
        return float("nan"), float("nan")
    return drawn.ci_low, drawn.ci_high


def _auc_interval(labels: IntArray, scores: FloatArray, level: float) -> tuple[float, float]:
    if scores.shape[1] == 2:
        area = auc_ci(labels, scores[:, 1], level)
    else:
        area = macro_auc_ci(labels, scores, level, np.unique(labels).tolist())
    return area.ci_low, area.ci_high


def comparison_table(
    tasks: Sequence[TaskFits], seeds: Sequence[int], family: Family, correction: Correction
) -> pd.DataFrame:
    """Every pair of tuned cells of a task, tested on the models fitted with the first seed.

    The seed is fixed beforehand and not chosen by its result; the other seeds say how often the
    difference keeps its sign, ``seeds_agree``, counted over distinct fits (two deterministic models
    have one). p-values are never averaged, and seeds never pooled.

    Parameters
    ----------
    tasks : sequence of TaskFits
    seeds : sequence of int
    family : {"per_task", "whole_study"}
        Which tests are corrected together.
    correction : {"holm", "bh", "by", "none"}

    Returns
    -------
    DataFrame
        Columns as docs/report.md lists them.
    """
    rows = [row for task in tasks for row in _pairs(task, seeds)]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table["correction"], table["family"] = correction, family
    if table.empty:
        return table
    groups = [table.index] if family == "whole_study" else table.groupby("task").groups.values()
    for group in groups:
        table.loc[group, "p_adjusted"] = adjust(table.loc[group, "p"].to_numpy(float), correction)
    table["verdict"] = [
        verdict(p, str(agree))
        for p, agree in zip(table["p_adjusted"], table["seeds_agree"], strict=True)
    ]
    return table


def verdict(p_adjusted: float, seeds_agree: str) -> str:
    """What may be said of a difference between two fitted models."""
    if np.isnan(p_adjusted):
        return "no test"
    if p_adjusted >= LEVEL:
        return "not significant"
    agree, seeds = seeds_agree.split("/")
    return "significant" if agree == seeds else "unstable over seeds"


_COLUMNS: Mapping[str, object] = dict.fromkeys(
    (
        "task", "cell_a", "cell_b", "metric", "test", "seed", "value_a", "value_b", "delta",
        "ci_low", "ci_high", "z", "p", "log10_p", "p_adjusted", "correction", "family",
        "seeds_agree", "verdict", "note",
    )
)  # fmt: skip


def _pairs(task: TaskFits, seeds: Sequence[int]) -> list[dict[str, object]]:
    fits = {(f.cell, f.seed): f for f in task.fits if f.variant == "tuned"}
    cells = list(dict.fromkeys(cell for cell, _ in fits))
    value = {key: compute(task.metric, task.labels, f.scores) for key, f in fits.items()}
    rows = []
    for a, b in combinations(cells, 2):
        # Fits that do not depend on the seed are one piece of evidence, not one per seed.
        distinct = {
            (fits[a, seed].scores.tobytes(), fits[b, seed].scores.tobytes()): (
                value[a, seed] - value[b, seed]
            )
            for seed in seeds
        }
        first = value[a, seeds[0]] - value[b, seeds[0]]
        agree = sum(np.sign(delta) == np.sign(first) for delta in distinct.values())
        first_a, first_b = fits[a, seeds[0]].scores, fits[b, seeds[0]].scores
        rows.append(
            {
                "task": task.task,
                "cell_a": a.id,
                "cell_b": b.id,
                "metric": task.metric,
                "seed": seeds[0],
                "value_a": value[a, seeds[0]],
                "value_b": value[b, seeds[0]],
                "seeds_agree": f"{agree}/{len(distinct)}",
                **paired_test(task.metric, task.labels, first_a, first_b),
            }
        )
    return rows


def paired_test(
    metric: str, labels: Labels, a: FloatArray, b: FloatArray, level: float = 0.95
) -> dict[str, object]:
    """Difference of two fitted models on the same rows, with interval and p-value.

    Parameters
    ----------
    metric : str
        AUROC of classes is tested by DeLong (macro for more than two), all else by paired
        bootstrap.
    labels : ndarray
    a, b : ndarray, shape (N, K)
    level : float
        Confidence of the interval.

    Returns
    -------
    dict
        ``test, delta, ci_low, ci_high, z, p, log10_p, note``; where the rows allow no test, the
        numbers are NaN and the note says why.
    """
    nan = float("nan")
    name = "paired bootstrap"
    by_class = kind_of(labels, a) == "classification"
    try:
        if metric == "auroc" and by_class:
            name = "DeLong" if a.shape[1] == 2 else "macro DeLong"
            return {"test": name, **_delong(labels.astype(np.int64), a, b, level), "note": ""}
        function = METRICS[metric].function
        drawn = paired_bootstrap(labels, a, b, function, RESAMPLES, level=level, by_class=by_class)
    except ValueError as error:
        delta = compute(metric, labels, a) - compute(metric, labels, b)
        unknown = dict.fromkeys(("ci_low", "ci_high", "z", "p", "log10_p"), nan)
        return {"test": name, "delta": delta, **unknown, "note": str(error)}
    return {
        "test": name,
        "delta": drawn.delta,
        "ci_low": drawn.ci_low,
        "ci_high": drawn.ci_high,
        "z": nan,
        "p": drawn.p,
        "log10_p": float(np.log10(drawn.p)),
        "note": "",
    }


def _delong(labels: IntArray, a: FloatArray, b: FloatArray, level: float) -> dict[str, float]:
    if a.shape[1] == 2:
        result = delong_test(labels, a[:, 1], b[:, 1], level=level)
    else:
        result = macro_auc_test(labels, a, b, level=level, classes=np.unique(labels).tolist())
    return {
        name: float(getattr(result, name))
        for name in ("delta", "ci_low", "ci_high", "z", "p", "log10_p")
    }
