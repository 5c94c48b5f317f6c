"""What cells cost, and the front of score and cost."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.report.cost import cost_grid, pareto
from engine.report.run import Run, read_run
from engine.report.searches import searches
from engine.report.tables import leaderboard

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


def costs(run: Run) -> dict[str, str]:
    """The table of costs of a run of one cell, by column."""
    ((search,),) = searches(run).values()
    grid = cost_grid(run, leaderboard(run), [search])
    return {
        column.title: entry.text for column, entry in zip(grid.columns, grid.rows[0], strict=True)
    }
