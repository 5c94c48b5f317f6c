"""What cells cost, and the front of score and cost."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import pandas as pd

from engine.report.facts.cost import cost_grid, pareto
from engine.report.facts.searches import searches
from engine.report.facts.standings import leaderboard
from engine.report.figures.panels import score_against_cost
from engine.report.finished_run import FinishedRun, read_run
from engine.report.forms.theme import FIGURE_STYLE

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,), ("c", "lora"): (0.85,)}


def test_the_front_holds_what_no_cell_beats_in_score_and_cost(make_run: Maker) -> None:
    cells = leaderboard(read_run(make_run(cells=CELLS, tasks=("t",), per_cell=2)))["t"]
    a, c, b = (replace(s, seconds=x) for s, x in zip(cells, (10.0, 2.0, 5.0), strict=True))
    assert [s.encoder for s in pareto([a, c, b], "seconds", 1)] == ["c", "a"]
    # Of a loss less is better: b is better than c, and both are better than a.
    assert [s.encoder for s in pareto([a, c, b], "seconds", -1)] == ["c", "b"]


def test_gpu_hours_are_the_time_of_a_cell_times_its_share(make_run: Maker) -> None:
    out = make_run(cells={("a", "lora"): (0.9,)}, tasks=("t",), per_cell=10)
    assert "GPU-hours" not in costs(read_run(out))
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["gpus_per_trial"] = {"a/t/lora": 0.5}
    (out / "manifest.json").write_text(json.dumps(manifest))
    # 10 trials of 14.2 s, 5 refits of 21.5 s; half a GPU.
    hours = (10 * 14.2 + 5 * 21.5) * 0.5 / 3600
    assert costs(read_run(out))["GPU-hours"] == f"{hours:.2g}"


def test_a_model_without_parameters_is_no_smallest_network(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=("t",), per_cell=2)
    scores = pd.read_csv(out / "scores.csv")
    scores.loc[scores["encoder"] == "b", "trainable_parameters"] = 0
    scores.to_csv(out / "scores.csv", index=False)
    run = read_run(out)
    board = leaderboard(run)
    assert [s.encoder for s in board["t"] if math.isnan(s.trainable_parameters)] == ["b"]
    with matplotlib.rc_context(FIGURE_STYLE):
        drawing = score_against_cost(run, board, "trainable_parameters")
    assert drawing is not None
    assert len(drawing.tips) == 2
    assert drawing.caption.endswith("Cells without such a number are left out.")


def costs(run: FinishedRun) -> dict[str, str]:
    """The table of costs of a run of one cell, by column."""
    ((search,),) = searches(run).values()
    grid = cost_grid(run, leaderboard(run), [search])
    return {
        column.title: entry.text for column, entry in zip(grid.columns, grid.rows[0], strict=True)
    }
