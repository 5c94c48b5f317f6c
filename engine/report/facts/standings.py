"""Where every cell stands on its task, and its rank over tasks. Nothing here draws or writes.

A mean is over the seeds of a cell's refits. The interval of a cell's score belongs to one fitted
model, the one of the study's first seed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from engine.metrics import METRICS
from engine.report.facts.duels import Duel, Duels, duels, seed_order
from engine.report.finished_run import FinishedRun, cell_label

Status = Literal[
    "best",
    "chosen",
    "ahead",
    "equivalent",
    "tied",
    "unstable",
    "behind",
    "not compared",
    "no score",
]


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
    validation, drop : float
        Validation score of the winning configuration; how much worse it is on test.
    against_best : Duel or None
        The reference against this one: the best cell, or in a headline family the one that was
        chosen by validation.
    status : str
        ``best`` is the reference, or ``chosen`` where others score higher. The rest is against it:
        ``tied`` means not shown to be behind; ``equivalent``: shown to be level within the margin.
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


Leaderboard = Mapping[str, Sequence[Standing]]


def leaderboard(run: FinishedRun, tested: Duels | None = None) -> dict[str, list[Standing]]:
    """Rank the cells of every task by the mean of their test scores over seeds.

    Parameters
    ----------
    tested : mapping of (str, str) to Duel, or None
        What `duels` found, where that is known already.

    Returns
    -------
    dict of str to list of Standing
        By task, best first; a task without any refitted model has an empty list.
    """
    tested = duels(run) if tested is None else tested
    headline = run.compare.get("family") == "headline"
    tables = {}
    for task in run.tasks:
        rows = run.scores[run.scores["task"] == task]
        unranked = [_standing(run, group) for _, group in rows.groupby("cell", sort=False)]
        tables[task] = _rank(unranked, tested, run.sign(task), headline=headline)
    return tables


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


def _standing(run: FinishedRun, rows: pd.DataFrame) -> Standing:
    """Everything about a cell that needs no other cell; rank and status come later."""
    rows = rows.assign(order=seed_order(run, rows["seed"])).sort_values("order", kind="stable")
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
        # A forest or a vote of neighbours has none: it is not a network of size 0.
        trainable_parameters=float(first["trainable_parameters"]) or math.nan,
    )


def _rank(standings: list[Standing], tested: Duels, sign: int, *, headline: bool) -> list[Standing]:
    ordered = sorted(standings, key=lambda s: (math.isnan(s.mean), -sign * s.mean, s.cell))
    scored = [standing for standing in ordered if not math.isnan(standing.mean)]
    rest = [replace(standing, rank=len(ordered)) for standing in ordered[len(scored) :]]
    if not scored:
        return rest
    reference = _chosen(scored, tested) if headline else scored[0]
    ranked = []
    for standing in scored:
        rank = 1 + sum(sign * (other.mean - standing.mean) > 0 for other in scored)
        duel = tested.get((reference.cell, standing.cell))
        if standing is reference:
            status: Status = "best" if standing is scored[0] else "chosen"
        else:
            status = _status(duel, sign * (standing.mean - reference.mean))
        ranked.append(replace(standing, rank=rank, against_best=duel, status=status))
    return ranked + rest


def _chosen(scored: list[Standing], tested: Duels) -> Standing:
    """The one cell of a headline family that was compared with every other."""
    for standing in scored:
        others = [other for other in scored if other is not standing]
        if all((standing.cell, other.cell) in tested for other in others):
            return standing
    return scored[0]


def _status(duel: Duel | None, lead: float) -> Status:
    """Where a cell stands against the reference, judged by the verdict of their test."""
    if duel is None or not duel.tested:
        return "not compared"
    if duel.verdict == "significant":
        if duel.delta > 0 >= lead:
            return "behind"
        # The mean over seeds and the tested model can point opposite ways.
        return "ahead" if duel.delta < 0 < lead else "unstable"
    if duel.verdict.startswith("unstable"):
        return "unstable"
    return "equivalent" if duel.equivalent else "tied"
