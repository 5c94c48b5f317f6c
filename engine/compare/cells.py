"""Paired tests between the cells of a task, corrected over the declared family.

Each pair is tested twice: as the two models of the first seed, and as two methods over all seeds.
What may be said of a pair is what the second test says, where there are seeds enough for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.compare.fits import Evidence, FloatArray, Labels, gather, interval, paired_test
from engine.compare.methods import equivalence, method_test
from engine.metrics import METRICS, compute, compute_all
from engine.records import Cell
from engine.select.winners import FinalFit
from engine.stats.adjust import adjust, adjust_log10, headline_pairs
from engine.stats.method_level import agreement

Family = Literal["per_task", "whole_study", "headline"]
Correction = Literal["holm", "bh", "by", "none"]
LEVEL = 0.05


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


def score_table(tasks: Sequence[TaskFits]) -> pd.DataFrame:
    """One row per fitted model: its headline score with a 95 % interval, and every other metric."""
    rows = []
    for task in tasks:
        for fit in task.fits:
            low, high = interval(task.evidence, fit.scores)
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
        Columns as docs/report.md lists them.
    """
    rows = [row for task in tasks for row in _pairs(task, seeds, family, margin)]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table["correction"], table["family"] = correction, family
    if table.empty:
        return table
    groups = [table.index] if family == "whole_study" else table.groupby("task").groups.values()
    for group in groups:
        for of in ("", "method_"):
            p, log10_p = (table.loc[group, of + name].to_numpy(float) for name in ("p", "log10_p"))
            table.loc[group, f"{of}p_adjusted"] = adjust(p, correction)
            table.loc[group, f"{of}log10_p_adjusted"] = adjust_log10(log10_p, correction)
        # To claim many equivalences takes as much care as to claim many differences.
        p_equal = table.loc[group, "equivalence_p"].to_numpy(float)
        table.loc[group, "equivalence_p_adjusted"] = adjust(p_equal, correction)
    table["equivalent"] = table["equivalence_p_adjusted"].to_numpy(float) < LEVEL
    fits, methods = (table[of + "p_adjusted"].to_numpy(float) for of in ("", "method_"))
    table["agreement"] = [agreement(*pair, LEVEL) for pair in zip(fits, methods, strict=True)]
    table["claim"] = np.where(np.isnan(methods), FITS_ONLY, METHODS)
    table["verdict"] = [
        verdict(p, str(agree)) if np.isnan(p_methods) else verdict(p_methods, "1/1")
        for p, p_methods, agree in zip(fits, methods, table["seeds_agree"], strict=True)
    ]
    return table


def verdict(p_adjusted: float, seeds_agree: str) -> str:
    """What may be said of a difference; of two methods, seeds have nothing to add."""
    if np.isnan(p_adjusted):
        return "no test"
    if p_adjusted >= LEVEL:
        return "not significant"
    agree, seeds = seeds_agree.split("/")
    return "significant" if agree == seeds else "unstable over seeds"


#: What a verdict is about.
METHODS, FITS_ONLY = "methods", "fitted models only"

_COLUMNS = (
    "task", "cell_a", "cell_b", "metric", "claim", "verdict", "agreement",
    # The models of the first seed.
    "test", "seed", "value_a", "value_b", "delta", "se", "ci_low", "ci_high", "z", "df", "p",
    "log10_p", "p_adjusted", "log10_p_adjusted", "seeds_agree", "note",
    # The methods over all seeds.
    "mean_a", "mean_b", "method_delta", "method_se", "method_ci_low", "method_ci_high", "method_t",
    "method_df", "method_p", "method_log10_p", "method_p_adjusted", "method_log10_p_adjusted",
    "var_seed", "var_test", "sd_seed_a", "sd_seed_b", "n_seeds_a", "n_seeds_b", "method_note",
    # Both.
    "n_groups", "margin", "equivalence_p", "equivalence_p_adjusted", "equivalent",
    "correction", "family",
)  # fmt: skip


def _pairs(
    task: TaskFits, seeds: Sequence[int], family: Family, margin: float
) -> list[dict[str, object]]:
    fits = {(f.cell, f.seed): f for f in task.fits if f.variant == "tuned"}
    cells = list(dict.fromkeys(cell for cell, _ in fits))
    value = {key: compute(task.metric, task.labels, f.scores) for key, f in fits.items()}
    rows = []
    for a, b in _chosen_pairs(task, cells, family):
        # Fits that do not depend on the seed are one piece of evidence, not one per seed.
        distinct = {
            (fits[a, seed].scores.tobytes(), fits[b, seed].scores.tobytes()): (
                value[a, seed] - value[b, seed]
            )
            for seed in seeds
        }
        first = value[a, seeds[0]] - value[b, seeds[0]]
        agree = sum(np.sign(delta) == np.sign(first) for delta in distinct.values())
        all_a, all_b = ([fits[cell, seed].scores for seed in seeds] for cell in (a, b))
        tested = paired_test(task.evidence, all_a[0], all_b[0])
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
                **tested,
                "mean_a": float(np.mean([value[a, seed] for seed in seeds])),
                "mean_b": float(np.mean([value[b, seed] for seed in seeds])),
                "n_groups": len(set(task.groups)) if task.groups else None,
                **_of_methods(task, all_a, all_b, tested, margin),
            }
        )
    return rows


def _chosen_pairs(task: TaskFits, cells: Sequence[Cell], family: Family) -> list[tuple[Cell, Cell]]:
    """All pairs; of the headline family, the best by validation against each other cell."""
    if family != "headline":
        return list(combinations(cells, 2))
    known: dict[Cell, list[float]] = {cell: [] for cell in cells}
    for fit in task.fits:
        if fit.variant == "tuned":
            known[fit.cell].append(fit.validation)
    sign = 1 if METRICS[task.metric].greater_is_better else -1
    pairs = headline_pairs([sign * float(np.mean(values)) for values in known.values()])
    return [(cells[best], cells[other]) for best, other in pairs]


def _of_methods(
    task: TaskFits,
    fits_a: Sequence[FloatArray],
    fits_b: Sequence[FloatArray],
    tested: Mapping[str, Any],
    margin: float,
) -> dict[str, object]:
    """Columns of the test over seeds; equivalence is that of methods, or of the fitted models."""
    result, note = method_test(task.evidence, fits_a, fits_b)
    if result is None:
        of_fits = equivalence(tested["delta"], tested["se"], margin, tested["df"])
        return {"method_p": np.nan, "method_log10_p": np.nan, "method_note": note, **of_fits}
    tests = ("delta", "se", "ci_low", "ci_high", "t", "df", "p", "log10_p")
    return {
        **{f"method_{name}": getattr(result, name) for name in tests},
        **{name: getattr(result, name) for name in result._fields if "_seed" in name},
        "var_test": result.var_test,
        "method_note": note,
        **equivalence(result.delta, result.se, margin, result.df),
    }
