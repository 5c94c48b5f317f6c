"""A headline family: every cell against the one that was best by validation."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml

from engine.report.facts.answer import answer
from engine.report.facts.duels import duels
from engine.report.facts.standings import leaderboard
from engine.report.finished_run import FinishedRun, read_run
from engine.report.sections.claims import claims
from engine.report.sections.leaderboard import leaderboard_grid

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.95,), ("b", "probe"): (0.90,), ("c", "probe"): (0.899,)}


def headline(out: Path, chosen: str) -> FinishedRun:
    """The run with pairs of one chosen cell only."""
    study = yaml.safe_load((out / "study.yaml").read_text())
    study["compare"]["family"] = "headline"
    (out / "study.yaml").write_text(yaml.safe_dump(study))
    pairs = pd.read_csv(out / "comparisons.csv")
    cell = f"{chosen}/t/probe"
    pairs = pairs[(pairs["cell_a"] == cell) | (pairs["cell_b"] == cell)]
    pairs.assign(family="headline").to_csv(out / "comparisons.csv", index=False)
    return read_run(out)


def test_the_chosen_cell_is_the_reference_though_another_scores_higher(make_run: Maker) -> None:
    run = headline(make_run(cells=CELLS, tasks=("t",)), "b")
    standings = leaderboard(run)["t"]
    # b trails a by 0.05 and leads c by 0.001, at a standard error of 0.006.
    assert [(s.encoder, s.rank, s.status) for s in standings] == [
        ("a", 1, "ahead"),
        ("b", 2, "chosen"),
        ("c", 3, "tied"),
    ]
    found = answer("t", standings)
    assert found.outcome == "beaten"
    assert found.sentence == (
        "b · probe was chosen by validation and scores 0.900 AUROC; a · probe scores highest "
        "(0.950); a · probe is significantly ahead of it; it cannot be told apart from c · probe."
    )


def test_a_chosen_cell_that_scores_highest_is_simply_the_best(make_run: Maker) -> None:
    run = headline(make_run(cells=CELLS, tasks=("t",)), "a")
    standings = leaderboard(run)["t"]
    assert [s.status for s in standings] == ["best", "behind", "behind"]
    assert answer("t", standings).outcome == "winner"


def test_the_report_says_which_cell_was_chosen_and_why_that_is_fair(make_run: Maker) -> None:
    run = headline(make_run(cells=CELLS, tasks=("t",)), "b")
    board = leaderboard(run)
    assert "The compared cell was chosen before the test" in dict(claims(run, board, duels(run)))
    assert "Every cell was compared with" in leaderboard_grid(run, board).caption
    assert answer("t", board["t"]).verdict == "Chosen cell beaten"
