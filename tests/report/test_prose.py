"""What the report claims of its tests."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.report.duels import duels
from engine.report.prose import claims, task_notes
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


def test_what_a_method_cuts_beside_the_encoder_is_told(make_run: Maker) -> None:
    out = make_run(cells={("a", "prompt"): (0.9,), ("a", "lora"): (0.8,)}, tasks=("t",))
    trials = pd.read_parquet(out / "trials.parquet")
    trials["cost"] = [json.dumps({"cut": 7} if m == "prompt" else {}) for m in trials["method"]]
    trials.to_parquet(out / "trials.parquet")
    assert [note for note in task_notes(read_run(out), "t") if "prompt" in note] == [
        "Up to 7 sequences of train and validation cut by prompt of a, whose virtual tokens take "
        "room."
    ]
