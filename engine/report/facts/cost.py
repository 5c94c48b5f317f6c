"""What every cell cost, and the cells that no other beats in both score and cost."""

import math
from collections.abc import Iterable, Sequence

from engine.basics.wording import count, duration, hours, size
from engine.report.facts.searches import Search
from engine.report.facts.standings import Leaderboard, Standing
from engine.report.finished_run import FinishedRun
from engine.report.forms.grids import (
    CELL_COLUMNS,
    Column,
    Entry,
    Grid,
    cell_entries,
    for_tasks,
    scored,
)


def pareto(cells: Sequence[Standing], cost: str, sign: int) -> list[Standing]:
    """Cells that no other beats in both score and cost, cheapest first.

    Parameters
    ----------
    cost : {"seconds", "trainable_parameters"}
    sign : int
        See `FinishedRun.sign`.
    """
    front: list[Standing] = []
    for cell in sorted(cells, key=lambda c: (getattr(c, cost), -sign * c.mean)):
        if not front or sign * (cell.mean - front[-1].mean) > 0:
            front.append(cell)
    return front


def cost_grid(run: FinishedRun, board: Leaderboard, found: Iterable[Search]) -> Grid:
    """Seconds and parameters of every cell."""
    standings = {standing.cell: standing for cells in board.values() for standing in cells}
    columns = [
        *CELL_COLUMNS,
        Column("Search", numeric=True, tip="sum over trials"),
        Column("Refits", numeric=True, tip="sum over seeds, tuned and default"),
        Column("GPU-hours", numeric=True, tip="search and refits, times the share of a GPU"),
        Column("Peak memory", numeric=True, tip="largest of the trials, where it was measured"),
        Column("Trained parameters", numeric=True),
        Column("Encoder parameters", numeric=True, spare=True),
        Column("Score", numeric=True),
    ]
    rows = []
    for search in found:
        standing = standings.get(search.cell)
        refits = standing.seconds if standing else math.nan
        trained = standing.trainable_parameters if standing else math.nan
        parameters = float(run.encoder(search.encoder).get("parameters") or math.nan)
        on_gpu = (search.seconds + refits) * run.gpus(search.cell) / 3600
        rows.append(
            [
                Entry(search.task),
                *cell_entries(run, search.encoder, search.method),
                Entry(duration(search.seconds), search.seconds),
                Entry(duration(refits), refits),
                Entry(hours(on_gpu), on_gpu),
                Entry(size(search.peak_bytes), search.peak_bytes),
                Entry(count(trained), trained),
                Entry(count(parameters), parameters),
                scored(standing.mean if standing else math.nan),
            ]
        )
    caption = "Time of trials and refits, summed over workers; embedding is timed per stage below."
    grid = for_tasks(run, Grid("cost", caption, columns, rows))
    return grid if any(map(run.gpus, standings)) else grid.without("GPU-hours")
