"""What the report claims of its tests."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.report import write_report

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
    text = write_report(out).markdown.read_text(encoding="utf-8")
    assert f"**{heading}.**" in text
    assert all(f"t ({groups['t']} groups)" in text for _ in groups)
