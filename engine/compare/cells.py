"""Paired tests between the cells of a task, corrected over the declared family.

Each pair is tested twice: as the two models of the first seed, and as two methods over all seeds.
What may be said of a pair is what the second test says, where there are seeds enough for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from engine.compare.evidence import Evidence, Labels, gather, interval, method_test, paired_test
from engine.compare.families import Correction, Family, corrected
from engine.compare.rows import ComparisonRow, ScoreRow
from engine.metrics import METRICS, compute, compute_all
from engine.records import Cell
from engine.select.winners import FinalFit
from engine.stats.adjust import headline_pairs
from engine.stats.checks import FloatArray
from engine.stats.equivalence import tost


@dataclass(frozen=True)
class TaskFits:
    """What the comparison of one task needs.

    Attributes
    ----------
    labels : ndarray
        Of the unsealed test split, shaped by the kind of the task; see `engine.tasks.Split`.
    fits : sequence of FinalFit
        Of all cells of the task.
    groups : sequence of str, length N, or None
        Test rows of one group (chromosome, gene family) are not independent.
    """

    task: str
    metric: str
    labels: Labels
    fits: Sequence[FinalFit]
    groups: Sequence[str] | None = None

    @cached_property
    def evidence(self) -> Evidence:
        """Of all its fits."""
        fits = [fit.scores for fit in self.fits]
        return gather(self.metric, self.labels, fits, self.groups)

    @cached_property
    def tuned(self) -> dict[tuple[Cell, int], tuple[FloatArray, float]]:
        """Scores and value of each tuned fit, by cell and seed."""
        return {
            (fit.cell, fit.seed): (fit.scores, compute(self.metric, self.labels, fit.scores))
            for fit in self.fits
            if fit.variant == "tuned"
        }


def score_table(tasks: Sequence[TaskFits]) -> pd.DataFrame:
    """One row per fitted model: its headline score with a 95 % interval, and every other metric.

    Columns are those of `ScoreRow`.
    """
    rows = []
    for task in tasks:
        for fit in task.fits:
            low, high = interval(task.evidence, fit.scores)
            rows.append(
                ScoreRow(
                    cell=fit.cell.id,
                    **fit.cell._asdict(),
                    seed=fit.seed,
                    variant=fit.variant,
                    metric=task.metric,
                    validation=fit.validation,
                    value=compute(task.metric, task.labels, fit.scores),
                    ci_low=low,
                    ci_high=high,
                    metrics=compute_all(task.labels, fit.scores),
                    n_test=len(task.labels),
                    seconds=fit.seconds,
                    trainable_parameters=fit.trainable_parameters,
                )
            )
    return pd.DataFrame([row.columns() for row in rows])


def comparison_table(
    tasks: Sequence[TaskFits],
    seeds: Sequence[int],
    family: Family,
    correction: Correction,
    margin: float = 0.01,
) -> pd.DataFrame:
    """Every pair of tuned cells of a task, tested as fitted models and as methods.

    The models are those of the first seed, which is fixed beforehand and not chosen by its result;
    ``seeds_agree`` says how often the difference keeps its sign, over distinct fits. The methods
    are compared over all seeds. p-values are never averaged, and seeds never pooled.

    Parameters
    ----------
    tasks : sequence of TaskFits
    seeds : sequence of int
    family : {"per_task", "whole_study", "headline"}
        Which tests are corrected together. "headline" tests the cell with the best validation score
        of a task against each other cell, and no other pair.
    correction : {"holm", "bh", "by", "none"}
    margin : float
        A smaller difference counts as none, in units of the metric.

    Returns
    -------
    DataFrame
        Columns are those of `ComparisonRow`.
    """
    pairs = [_tested(task, *pair, seeds, margin) for task in tasks for pair in _pairs(task, family)]
    rows = corrected(pairs, family, correction)
    return pd.DataFrame(map(vars, rows), columns=[field.name for field in fields(ComparisonRow)])


def _pairs(task: TaskFits, family: Family) -> list[tuple[Cell, Cell]]:
    """All pairs; of the headline family, the best by validation against each other cell."""
    known: dict[Cell, list[float]] = {}
    for fit in task.fits:
        if fit.variant == "tuned":
            known.setdefault(fit.cell, []).append(fit.validation)
    cells = list(known)
    if family != "headline":
        return list(combinations(cells, 2))
    sign = 1 if METRICS[task.metric].greater_is_better else -1
    pairs = headline_pairs([sign * float(np.mean(values)) for values in known.values()])
    return [(cells[best], cells[other]) for best, other in pairs]


def _tested(
    task: TaskFits, a: Cell, b: Cell, seeds: Sequence[int], margin: float
) -> dict[str, Any]:
    """Columns of `ComparisonRow` but those that the correction gives."""
    of_seeds = (zip(*(task.tuned[cell, seed] for seed in seeds), strict=True) for cell in (a, b))
    (all_a, values_a), (all_b, values_b) = of_seeds
    # Fits that do not depend on the seed are one piece of evidence, not one per seed.
    keys = [(of_a.tobytes(), of_b.tobytes()) for of_a, of_b in zip(all_a, all_b, strict=True)]
    deltas = (v_a - v_b for v_a, v_b in zip(values_a, values_b, strict=True))
    distinct = dict(zip(keys, deltas, strict=True))
    sign = np.sign(values_a[0] - values_b[0])
    agree = sum(np.sign(delta) == sign for delta in distinct.values())
    of_fits = paired_test(task.evidence, all_a[0], all_b[0])
    return {
        "task": task.task,
        "cell_a": a.id,
        "cell_b": b.id,
        "metric": task.metric,
        "seed": seeds[0],
        "value_a": values_a[0],
        "value_b": values_b[0],
        "seeds_agree": f"{agree}/{len(distinct)}",
        **of_fits,
        "mean_a": float(np.mean(values_a)),
        "mean_b": float(np.mean(values_b)),
        "n_groups": len(set(task.groups)) if task.groups else None,
        **_of_methods(task.evidence, all_a, all_b, of_fits, margin),
    }


def _of_methods(
    evidence: Evidence,
    fits_a: Sequence[FloatArray],
    fits_b: Sequence[FloatArray],
    of_fits: Mapping[str, Any],
    margin: float,
) -> dict[str, Any]:
    """Columns of the test over seeds; equivalence is that of methods, or of the fitted models."""
    result, note = method_test(evidence, fits_a, fits_b)
    if result is None:
        return {
            "method_note": note,
            **equivalence(of_fits["delta"], of_fits["se"], margin, of_fits["df"]),
        }
    tests = ("delta", "se", "ci_low", "ci_high", "t", "df", "p", "log10_p")
    return {
        **{f"method_{name}": getattr(result, name) for name in tests},
        **{name: getattr(result, name) for name in result._fields if "_seed" in name},
        "var_test": result.var_test,
        "method_note": note,
        **equivalence(result.delta, result.se, margin, result.df),
    }


def equivalence(delta: float, se: float, margin: float, df: float = math.inf) -> dict[str, float]:
    """Two one-sided tests against a margin; NaN where there is no test of the difference."""
    tested = math.isfinite(delta) and math.isfinite(se)
    return {
        "margin": margin,
        "equivalence_p": tost(delta, se, margin, df).p if tested else math.nan,
    }
