"""What pooling brings: the best validation score of every cell under each pooling it tried."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from engine.basics.wording import count, difference
from engine.report.finished_run import FinishedRun
from engine.report.forms.grids import MODEL_COLUMNS, Column, Entry, Grid, cell_entries


@dataclass(frozen=True)
class Pooled:
    """One pooling of one cell.

    Attributes
    ----------
    best : float
        Best validation score of the complete trials with this pooling.
    trials : int
        How many these are.
    loss : float
        How much worse that is than the cell's best under any pooling; 0 for the best pooling.
    """

    task: str
    encoder: str
    method: str
    pooling: str
    best: float
    trials: int
    loss: float


def poolings(run: FinishedRun) -> list[Pooled]:
    """Every pooling of every cell that completed trials with two poolings or more."""
    trials = run.trials[(run.trials["status"] == "complete") & run.trials["score"].notna()]
    if "params" not in trials or trials.empty:
        return []
    chosen = trials["params"].map(lambda text: json.loads(text or "{}").get("pooling"))
    trials = trials.assign(pooling=chosen)
    found: list[Pooled] = []
    for (task, encoder, method), cell in trials.groupby(["task", "encoder", "method"], sort=False):
        sign = run.sign(str(task))
        best = (sign * cell["score"]).groupby(cell["pooling"]).max()
        if len(best) > 1:
            tried = cell["pooling"].value_counts()
            found += [
                Pooled(
                    *(str(task), str(encoder), str(method), str(pooling)),
                    best=sign * value,
                    trials=int(tried[pooling]),
                    loss=float(best.max() - value),
                )
                for pooling, value in best.items()
            ]
    return found


def pooling_grid(run: FinishedRun, found: Sequence[Pooled]) -> Grid:
    """Every pooling of every encoder and method, over tasks."""
    table = pd.DataFrame(found)
    columns = [
        *MODEL_COLUMNS,
        Column("Pooling", filtered=True),
        Column("Tasks", numeric=True, tip="on which the search tried it beside another"),
        Column("Best on", numeric=True, tip="tasks on which it gave the cell's best score"),
        Column("Mean loss", numeric=True, tip="validation score lost against the cell's best"),
        Column("Largest loss", numeric=True),
        Column("Trials", numeric=True, spare=True, tip="complete ones, over all tasks"),
    ]
    rows = []
    for (encoder, method, pooling), cells in table.groupby(["encoder", "method", "pooling"]):
        mean, most = cells["loss"].mean(), cells["loss"].max()
        won, tried = int((cells["loss"] == 0).sum()), int(cells["trials"].sum())
        rows.append(
            [
                *cell_entries(run, str(encoder), str(method)),
                Entry(str(pooling)),
                Entry(count(len(cells)), len(cells)),
                Entry(count(won), won, strong=2 * won > len(cells)),
                Entry(difference(mean).lstrip("+"), mean),
                Entry(difference(most).lstrip("+"), most),
                Entry(count(tried), tried),
            ]
        )
    caption = (
        "Of the trials of the search: the best validation score that a cell reached with each "
        "pooling, against its best with any. A sampler gives promising poolings more trials, and "
        "more trials find more, so small losses mean little."
    )
    grid = Grid("pooling", caption, columns, rows)
    if len({run.metric(task) for task in table["task"].unique()}) == 1:
        return grid
    # A mean over different metrics means nothing.
    return grid.without("Mean loss").without("Largest loss")
