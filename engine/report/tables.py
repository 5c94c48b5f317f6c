"""The numbers of the report: standings, paired tests, tuning, cost. Nothing here draws or writes.

A mean is over the seeds of a cell's refits. The interval of a cell's score belongs to one fitted
model, the one of the study's first seed. A test is of two methods over all seeds where the study
has seeds enough, else of the two models of the first seed.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.compare import METHODS
from engine.metrics import METRICS
from engine.report.run import Run

Status = Literal["best", "equivalent", "tied", "unstable", "behind", "not compared", "no score"]


@dataclass(frozen=True)
class Duel:
    """A paired test between two cells, seen from the first.

    Attributes
    ----------
    delta, ci_low, ci_high : float
        How much better the first is, with its 95 % confidence interval: first minus second, or
        second minus first where the metric is a loss.
    p, log10_p, p_adjusted, log10_adjusted : float
    verdict : str
        ``significant``, ``not significant``, ``unstable over seeds`` or ``no test``.
    seeds_agree : str
        In how many seeds the difference has the same sign, ``"3/3"``.
    seed : int or None
        Whose models were compared.
    test, correction, family : str
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
    margin : float
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


@dataclass(frozen=True)
class Standing:
    """One cell's place on the leaderboard of its task.

    Attributes
    ----------
    rank : int
        1 is best; equal means share a rank.
    mean, sd : float
        Headline metric on test over the seeds; sd is NaN for one seed.
    by_seed : tuple of (int, float)
        The values behind the mean, in the study's order of seeds.
    ci_low, ci_high : float
        95 % confidence interval of the model of the first of these seeds.
    default, gain : float
        Mean of the untuned models; how much better the tuned ones are, over the seeds that have
        both.
    default_seeds : int
    validation, drop : float
        Validation score of the winning configuration; how much worse it is on test.
    against_best : Duel or None
        The best cell against this one.
    status : str
        ``tied`` means: not shown to be behind; ``equivalent``: shown to be level within the margin.
    others : mapping of str to float
        The other metrics, mean over seeds.
    """

    task: str
    cell: str
    encoder: str
    method: str
    metric: str
    rank: int
    mean: float
    sd: float
    by_seed: tuple[tuple[int, float], ...]
    ci_low: float
    ci_high: float
    default: float
    default_seeds: int
    gain: float
    validation: float
    drop: float
    against_best: Duel | None
    status: Status
    others: Mapping[str, float]
    n_test: float
    seconds: float
    trainable_parameters: float

    @property
    def label(self) -> str:
        """What figures and tables call the cell within its task."""
        return cell_label(self.encoder, self.method)


@dataclass(frozen=True)
class Search:
    """What happened in the search of one cell.

    Attributes
    ----------
    counts : mapping of str to int
        Trials by status.
    default, best : float
        Validation score of trial 0 and of the best complete trial.
    best_number : int or None
    seconds : float
    peak_bytes : float
        Largest memory of a trial; NaN where none measured it.
    """

    task: str
    cell: str
    encoder: str
    method: str
    counts: Mapping[str, int]
    default: float
    best: float
    best_number: int | None
    seconds: float
    peak_bytes: float

    @property
    def total(self) -> int:
        """All trials that were started."""
        return sum(self.counts.values())

    @property
    def label(self) -> str:
        """What figures and tables call the cell within its task."""
        return cell_label(self.encoder, self.method)


Leaderboard = Mapping[str, Sequence[Standing]]
Duels = Mapping[tuple[str, str], Duel]


def cell_label(encoder: str, method: str) -> str:
    """Name of a cell where the task is clear."""
    return f"{encoder} · {method}"


def duels(run: Run) -> Duels:
    """Every tested pair of cells, both ways round, for the earliest seed that was tested.

    Parameters
    ----------
    run : Run

    Returns
    -------
    mapping of (str, str) to Duel
        By names of the two cells; a cell's name holds its task.
    """
    rows = run.comparisons
    signs = {task: run.sign(task) for task in run.tasks}
    headline = {task: run.metric(task) for task in run.tasks}
    rows = rows[rows["metric"] == rows["task"].map(headline)]
    rows = rows.assign(order=_seed_order(run, rows["seed"])).sort_values("order", kind="stable")
    found: dict[tuple[str, str], Duel] = {}
    for row in rows.to_dict("records"):
        pair = (str(row["cell_a"]), str(row["cell_b"]))
        if pair not in found:
            found[pair] = _duel(row) if signs[row["task"]] > 0 else _duel(row).reversed()
            found[pair[::-1]] = found[pair].reversed()
    return found


def leaderboard(run: Run) -> dict[str, list[Standing]]:
    """Rank the cells of every task by the mean of their test scores over seeds.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict of str to list of Standing
        By task, best first; a task without any refitted model has an empty list.
    """
    tested = duels(run)
    tables = {}
    for task in run.tasks:
        rows = run.scores[run.scores["task"] == task]
        unranked = [_standing(run, group) for _, group in rows.groupby("cell", sort=False)]
        tables[task] = _rank(unranked, tested, run.sign(task))
    return tables


def searches(run: Run) -> dict[str, list[Search]]:
    """Count and time the trials of every cell.

    Returns
    -------
    dict of str to list of Search
        By task, in the order in which the study names encoders and methods.
    """
    found: dict[str, list[Search]] = {task: [] for task in run.tasks}
    for _, rows in run.trials.groupby("cell", sort=False):
        task = str(rows["task"].iloc[0])
        found[task].append(_search(rows, run.sign(task)))
    for cells in found.values():
        cells.sort(key=lambda s: (run.encoders.index(s.encoder), run.methods.index(s.method)))
    return found


def best_so_far(trials: pd.DataFrame, sign: int = 1) -> tuple[list[int], list[float]]:
    """Trial numbers at which a cell's best validation score improved, and the score from there.

    Parameters
    ----------
    trials : DataFrame
        Trials of one cell. Only complete ones count: a pruned trial's score is of fewer epochs.
    sign : int
        See `Run.sign`.

    Returns
    -------
    numbers : list of int
    scores : list of float
        Each better than the one before.
    """
    complete = trials[(trials["status"] == "complete") & trials["score"].notna()]
    numbers: list[int] = []
    scores: list[float] = []
    for number, value in complete.sort_values("number")[["number", "score"]].to_numpy():
        if not scores or sign * (value - scores[-1]) > 0:
            numbers.append(int(number))
            scores.append(float(value))
    return numbers, scores


def pareto(cells: Sequence[Standing], cost: str, sign: int) -> list[Standing]:
    """Cells that no other beats in both score and cost, cheapest first.

    Parameters
    ----------
    cells : sequence of Standing
    cost : {"seconds", "trainable_parameters"}
    sign : int
        See `Run.sign`.
    """
    front: list[Standing] = []
    for cell in sorted(cells, key=lambda c: (getattr(c, cost), -sign * c.mean)):
        if not front or sign * (cell.mean - front[-1].mean) > 0:
            front.append(cell)
    return front


def rank_table(board: Leaderboard) -> pd.DataFrame:
    """Ranks of every (encoder, method) on every task.

    Returns
    -------
    DataFrame, shape (cells, tasks)
        Index (encoder, method), best mean rank first; equals share the mean of their ranks; NaN
        where a cell has no score on a task.
    """
    ranks: dict[tuple[str, str], dict[str, float]] = {}
    for task, standings in board.items():
        for standing in standings:
            if standing.status != "no score":
                equals = sum(other.rank == standing.rank for other in standings)
                rank = standing.rank + (equals - 1) / 2
                ranks.setdefault((standing.encoder, standing.method), {})[task] = rank
    table = pd.DataFrame.from_dict(ranks, orient="index", columns=list(board), dtype=float)
    table.index = pd.MultiIndex.from_tuples(ranks, names=["encoder", "method"])
    # A mean over fewer tasks is not comparable with one over all, so those come last.
    order = pd.DataFrame({"gaps": table.isna().sum(axis=1), "mean": table.mean(axis=1)})
    return table.loc[order.sort_values(["gaps", "mean"], kind="stable").index]


def _duel(row: Mapping[str, Any]) -> Duel:
    of_methods = row["claim"] == METHODS
    of = "method_" if of_methods else ""
    unadjusted = str(row["correction"]).lower() in ("none", "")
    return Duel(
        delta=row[f"{of}delta"],
        ci_low=row[f"{of}ci_low"],
        ci_high=row[f"{of}ci_high"],
        p=row[f"{of}p"],
        log10_p=row[f"{of}log10_p"],
        p_adjusted=row[f"{of}p_adjusted"],
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
        seed_share=_share(row["var_seed"], row["var_test"]),
        equivalent=str(row["equivalent"]).lower() == "true",
        margin=row["margin"],
    )


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else math.nan


def _seed_order(run: Run, seeds: pd.Series) -> pd.Series:
    return seeds.map({float(seed): place for place, seed in enumerate(run.seeds)}).fillna(np.inf)


def _standing(run: Run, rows: pd.DataFrame) -> Standing:
    """Everything about a cell that needs no other cell; rank and status come later."""
    rows = rows.assign(order=_seed_order(run, rows["seed"])).sort_values("order", kind="stable")
    scored = rows[rows["value"].notna()]
    tuned = scored[scored["variant"] == "tuned"]
    default = scored[scored["variant"] == "default"]
    both = tuned.merge(default, on="seed", suffixes=("", "_default"))
    first = tuned.iloc[0] if len(tuned) else rows.iloc[0]
    mean = float(tuned["value"].mean())
    sign = run.sign(str(first["task"]))
    validation = float(tuned["validation"].mean())
    return Standing(
        task=str(first["task"]),
        cell=str(first["cell"]),
        encoder=str(first["encoder"]),
        method=str(first["method"]),
        metric=str(first["metric"]),
        rank=0,
        mean=mean,
        sd=float(tuned["value"].std(ddof=1)),
        by_seed=tuple((int(s), float(v)) for s, v in tuned[["seed", "value"]].to_numpy()),
        ci_low=float(first["ci_low"]),
        ci_high=float(first["ci_high"]),
        default=float(default["value"].mean()),
        default_seeds=len(default),
        gain=sign * float((both["value"] - both["value_default"]).mean()),
        validation=validation,
        drop=sign * (validation - mean),
        against_best=None,
        status="no score",
        # A table of several tasks also has the metrics of the others' kinds.
        others={
            name: float(tuned[name].mean())
            for name in METRICS
            if name in tuned and tuned[name].notna().any()
        },
        n_test=float(first["n_test"]),
        seconds=float(rows["seconds"].sum()),
        trainable_parameters=float(first["trainable_parameters"]),
    )


def _rank(standings: list[Standing], tested: Duels, sign: int) -> list[Standing]:
    ordered = sorted(standings, key=lambda s: (math.isnan(s.mean), -sign * s.mean, s.cell))
    ranked = []
    for standing in ordered:
        if math.isnan(standing.mean):
            ranked.append(replace(standing, rank=len(ordered)))
            continue
        rank = 1 + sum(sign * (other.mean - standing.mean) > 0 for other in ordered)
        duel = tested.get((ordered[0].cell, standing.cell))
        status = "best" if standing is ordered[0] else _status(duel)
        ranked.append(replace(standing, rank=rank, against_best=duel, status=status))
    return ranked


def _status(against_best: Duel | None) -> Status:
    """Where a cell stands against the best one, judged by the verdict of its test."""
    if against_best is None or not against_best.tested:
        return "not compared"
    if against_best.verdict == "significant":
        # The mean over seeds and the tested model can point opposite ways.
        return "behind" if against_best.delta > 0 else "unstable"
    if against_best.verdict.startswith("unstable"):
        return "unstable"
    return "equivalent" if against_best.equivalent else "tied"


def _search(rows: pd.DataFrame, sign: int) -> Search:
    numbers, scores = best_so_far(rows, sign)
    default = rows.loc[rows["is_default"].astype(bool), "score"]
    return Search(
        task=str(rows["task"].iloc[0]),
        cell=str(rows["cell"].iloc[0]),
        encoder=str(rows["encoder"].iloc[0]),
        method=str(rows["method"].iloc[0]),
        counts={str(k): int(v) for k, v in rows["status"].value_counts().items()},
        default=float(default.iloc[0]) if len(default) else math.nan,
        best=scores[-1] if scores else math.nan,
        best_number=numbers[-1] if numbers else None,
        seconds=float(rows["seconds"].sum()),
        peak_bytes=max(_peaks(rows), default=math.nan),
    )


def _peaks(trials: pd.DataFrame) -> list[float]:
    costs = trials["cost"].dropna() if "cost" in trials else []
    known = (json.loads(cost).get("peak_memory_bytes") for cost in costs)
    return [float(peak) for peak in known if peak is not None]
