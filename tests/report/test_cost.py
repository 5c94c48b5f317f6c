"""What cells cost, and the front of score and cost."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.report import write_report
from engine.report.cost import pareto
from engine.report.run import read_run
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
    assert "GPU-hours" not in write_report(out).html.read_text(encoding="utf-8")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["gpus_per_trial"] = {"a/t/lora": 0.5}
    (out / "manifest.json").write_text(json.dumps(manifest))
    # 10 trials of 14.2 s, 5 refits of 21.5 s; half a GPU.
    hours = (10 * 14.2 + 5 * 21.5) * 0.5 / 3600
    text = write_report(out).markdown.read_text(encoding="utf-8")
    assert "GPU-hours" in text
    assert f"| {hours:.2g} |" in text
