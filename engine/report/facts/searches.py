"""What happened in the search of every cell: trials by outcome, best so far, time, memory."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from engine.report.finished_run import FinishedRun


@dataclass(frozen=True)
class Search:
    """What happened in the search of one cell.

    Attributes
    ----------
    counts : mapping of str to int
        Trials by status.
    default, best : float
        Validation score of trial 0 and of the best complete trial.
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


def searches(run: FinishedRun) -> dict[str, list[Search]]:
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
        See `FinishedRun.sign`.

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


def _search(rows: pd.DataFrame, sign: int) -> Search:
    numbers, scores = best_so_far(rows, sign)
    default = rows.loc[rows["is_default"].astype(bool), "score"]
    costs = rows["cost"].dropna() if "cost" in rows else []
    peaks = [json.loads(cost).get("peak_memory_bytes") for cost in costs]
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
        peak_bytes=max((float(peak) for peak in peaks if peak is not None), default=math.nan),
    )
