"""All scores at a glance."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from engine.report.facts.findings import findings
from engine.report.facts.standings import leaderboard
from engine.report.finished_run import read_run
from engine.report.sections.leaderboard import scores_grid

Maker = Callable[..., Path]


def test_scores_stand_under_their_task_and_bold_is_what_is_not_behind(make_run: Maker) -> None:
    # The helper gives every pair a standard error of about 0.006.
    cells = {
        ("a", "probe"): (0.9, 0.7),
        ("b", "probe"): (0.899, 0.9),
        ("c", "lora"): (0.8, 0.8),
    }
    run = read_run(make_run(cells=cells, tasks=("t", "u")))
    grid = scores_grid(run, leaderboard(run))
    assert [column.title for column in grid.columns[3:]] == ["t", "u"]
    shown = {row[0].text: [(e.text, e.strong) for e in row[3:]] for row in grid.rows}
    assert shown == {
        "b": [("0.899", True), ("0.900", True)],
        "a": [("0.900", True), ("0.700", False)],
        "c": [("0.800", False), ("0.800", False)],
    }
    # Ranks 2 and 1, 1 and 3, 3 and 2.
    assert [(row[0].text, row[2].text) for row in grid.rows] == [
        ("b", "1.5"),
        ("a", "2.0"),
        ("c", "2.5"),
    ]


def test_a_cell_without_a_score_on_a_task_has_a_dash_there(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9, 0.7), ("b", "probe"): (0.8, 0.9)}
    out = make_run(cells=cells, tasks=("t", "u"))
    scores = pd.read_csv(out / "scores.csv")
    lost = (scores["encoder"] == "b") & (scores["task"] == "u")
    scores[~lost].to_csv(out / "scores.csv", index=False)
    run = read_run(out)
    grid = scores_grid(run, findings(run).board)
    assert [[entry.text for entry in row] for row in grid.rows] == [
        ["a", "probe", "1.0", "0.900", "0.700"],
        ["b", "probe", "2.0", "0.800", "–"],
    ]
