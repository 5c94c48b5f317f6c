"""Cells that were lost."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from engine.report.finished_run import read_run
from engine.report.sections.lost import lost_grid
from tests.report.trials import change_trials

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,), ("c", "lora"): (0.85,)}


def test_a_cell_that_failed_altogether_is_told_with_its_reason(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=("t",), per_cell=3)

    def fail(trials: pd.DataFrame) -> pd.DataFrame:
        lost = trials["encoder"] == "b"
        trials.loc[lost, ["status", "error"]] = ["failed", "CUDA out of memory"]
        return trials

    grid = lost_grid(read_run(change_trials(out, fail)))
    assert grid is not None
    assert [[e.text for e in row] for row in grid.rows] == [
        ["b/t/probe", "3 trials", "CUDA out of memory"]
    ]
    assert lost_grid(read_run(make_run(cells=CELLS, tasks=("t",), per_cell=2))) is None
