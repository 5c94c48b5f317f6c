"""Every tested pair of cells of a run.

A test is of two methods over all seeds where the study has seeds enough, else of the two models of
the first seed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from engine.compare.corrections import METHODS
from engine.report.finished_run import FinishedRun


@dataclass(frozen=True)
class Duel:
    """A paired test between two cells, seen from the first.

    Attributes
    ----------
    delta, ci_low, ci_high : float
        How much better the first is, with its 95 % confidence interval: first minus second, or
        second minus first where the metric is a loss.
    verdict : str
        ``significant``, ``not significant``, ``unstable over seeds`` or ``no test``.
    seeds_agree : str
        In how many seeds the difference has the same sign, ``"3/3"``.
    seed : int or None
        Whose models were compared.
    note : str
        Why there is no test, if so.
    of_methods : bool
        Whether the numbers are of the methods over all seeds, or of the models of `seed` alone.
    agreement : str
        ``mixed`` where methods and models say different things.
    models_p : float
        Adjusted p of the models of `seed`.
    seed_share : float
        Of the variance of the difference of methods: what comes from seeds, not from test rows.
    equivalent : bool
        The difference is shown to be smaller than `margin`.
    """

    delta: float
    ci_low: float
    ci_high: float
    p: float
    log10_p: float
    p_adjusted: float
    verdict: str
    seeds_agree: str
    seed: int | None
    test: str
    correction: str
    family: str
    note: str
    log10_adjusted: float = math.nan
    of_methods: bool = False
    agreement: str = ""
    models_p: float = math.nan
    seed_share: float = math.nan
    equivalent: bool = False
    margin: float = math.nan

    @property
    def tested(self) -> bool:
        """Whether there is a p-value."""
        return not math.isnan(self.p_adjusted)

    def reversed(self) -> "Duel":
        """The same test seen from the second model."""
        return replace(self, delta=-self.delta, ci_low=-self.ci_high, ci_high=-self.ci_low)


Duels = Mapping[tuple[str, str], Duel]


def duels(run: FinishedRun) -> Duels:
    """Every tested pair of cells, both ways round, for the earliest seed that was tested.

    Returns
    -------
    mapping of (str, str) to Duel
        By names of the two cells; a cell's name holds its task.
    """
    rows = run.comparisons
    signs = {task: run.sign(task) for task in run.tasks}
    headline = {task: run.metric(task) for task in run.tasks}
    rows = rows[rows["metric"] == rows["task"].map(headline)]
    rows = rows.assign(order=seed_order(run, rows["seed"])).sort_values("order", kind="stable")
    found: dict[tuple[str, str], Duel] = {}
    for row in rows.to_dict("records"):
        pair = (str(row["cell_a"]), str(row["cell_b"]))
        if pair not in found:
            found[pair] = _duel(row) if signs[row["task"]] > 0 else _duel(row).reversed()
            found[pair[::-1]] = found[pair].reversed()
    return found


def seed_order(run: FinishedRun, seeds: pd.Series) -> pd.Series:
    """Place of each seed among those of the study; after them where it is none of them."""
    return seeds.map({float(seed): place for place, seed in enumerate(run.seeds)}).fillna(np.inf)


def _duel(row: Mapping[str, Any]) -> Duel:
    of_methods = row["claim"] == METHODS
    of = "method_" if of_methods else ""
    unadjusted = str(row["correction"]).lower() in ("none", "")
    numbers = ("delta", "ci_low", "ci_high", "p", "log10_p", "p_adjusted")
    variance = row["var_seed"] + row["var_test"]
    return Duel(
        **{name: row[f"{of}{name}"] for name in numbers},
        log10_adjusted=row[f"{of}log10_p" if unadjusted else f"{of}log10_p_adjusted"],
        verdict=str(row["verdict"]),
        seeds_agree=str(row["seeds_agree"]),
        seed=None if math.isnan(row["seed"]) else int(row["seed"]),
        test=str(row["test"]),
        correction=str(row["correction"]),
        family=str(row["family"]),
        note=str(row.get("note") or row.get("method_note") or ""),
        of_methods=of_methods,
        agreement=str(row["agreement"]),
        models_p=row["p_adjusted"],
        seed_share=row["var_seed"] / variance if variance > 0 else math.nan,
        equivalent=str(row["equivalent"]).lower() == "true",
        margin=row["margin"],
    )
