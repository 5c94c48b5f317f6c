"""What the report claims of its tests."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.report.duels import duels
from engine.report.prose import claims
from engine.report.run import read_run
from engine.report.tables import leaderboard

Maker = Callable[..., Path]


@pytest.mark.parametrize(
    ("groups", "heading"),
    [
        ({}, "Test sequences count as independent"),
        ({"t": 24, "u": 7}, "Groups of test sequences count as independent"),
        ({"t": 24}, "Test sequences, or groups of them, count as independent"),
    ],
)
def test_what_counts_as_independent_follows_the_groups(
    make_run: Maker, groups: dict[str, int], heading: str
) -> None:
    cells = {("a", "probe"): (0.9, 0.9), ("b", "probe"): (0.8, 0.8)}
    out = make_run(cells=cells, tasks=("t", "u"))
    pairs = pd.read_csv(out / "comparisons.csv")
    pairs["n_groups"] = pairs["task"].map(groups)
    pairs.to_csv(out / "comparisons.csv", index=False)
    run = read_run(out)
    told = dict(claims(run, leaderboard(run), duels(run)))
    for task, number in groups.items():
        assert f"{task} ({number} groups)" in told[heading]
