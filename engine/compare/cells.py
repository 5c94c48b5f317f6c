"""Scores of the cells of a study, and paired tests between those of a task: two tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from engine.compare.corrections import Correction, Family, corrected
from engine.compare.evidence import Evidence, Labels, gather, interval
from engine.compare.pairs import Valued, compare_pair
from engine.compare.rows import ComparisonRow, ScoreRow
from engine.kinds import Kind
from engine.metrics import METRICS, compute, compute_all
from engine.records import Cell
from engine.select.winners import FinalFit
from engine.stats.adjust import headline_pairs


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
    kind: Kind
    labels: Labels
    fits: Sequence[FinalFit]
    groups: Sequence[str] | None = None

    @cached_property
    def evidence(self) -> Evidence:
        """Of all its fits."""
        fits = [fit.scores for fit in self.fits]
        return gather(self.metric, self.kind, self.labels, fits, self.groups)

    @cached_property
    def values(self) -> list[float]:
        """The metric of each of its fits."""
        return [compute(self.metric, self.labels, fit.scores, self.kind) for fit in self.fits]

    def over(self, cell: Cell, seeds: Sequence[int]) -> list[Valued]:
        """A cell's tuned fits with their values, by seed."""
        return [self._tuned[cell, seed] for seed in seeds]

    @cached_property
    def _tuned(self) -> dict[tuple[Cell, int], Valued]:
        return {
            (fit.cell, fit.seed): Valued(fit.scores, value)
            for fit, value in zip(self.fits, self.values, strict=True)
            if fit.variant == "tuned"
        }


def score_table(tasks: Sequence[TaskFits]) -> pd.DataFrame:
    """One row per fitted model: its headline score with a 95 % interval, and every other metric.

    Columns are those of `ScoreRow`.
    """
    rows = []
    for task in tasks:
        for fit, value in zip(task.fits, task.values, strict=True):
            low, high = interval(task.evidence, fit.scores)
            rows.append(
                ScoreRow(
                    cell=fit.cell.id,
                    **fit.cell._asdict(),
                    seed=fit.seed,
                    variant=fit.variant,
                    metric=task.metric,
                    validation=fit.validation,
                    value=value,
                    ci_low=low,
                    ci_high=high,
                    metrics=compute_all(task.labels, fit.scores, task.kind),
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
    tested = [
        {
            "task": task.task,
            "cell_a": a.id,
            "cell_b": b.id,
            "metric": task.metric,
            "seed": seeds[0],
            "n_groups": len(set(task.groups)) if task.groups else None,
            "margin": margin,
            **compare_pair(task.evidence, task.over(a, seeds), task.over(b, seeds)),
        }
        for task in tasks
        for a, b in _pairs(task, family)
    ]
    rows = corrected(tested, family, correction)
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
