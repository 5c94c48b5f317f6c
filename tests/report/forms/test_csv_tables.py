"""The report's tables as CSV files."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.report import ReportPaths, write_report

Maker = Callable[..., Path]


def test_every_table_of_the_page_is_a_file(demo_report: ReportPaths) -> None:
    page = demo_report.html.read_text(encoding="utf-8")
    assert len(demo_report.tables) == page.count('<figure class="table"')
    assert {"scores-by-task.csv", "leaderboard.csv", "cost.csv"} <= {
        p.name for p in demo_report.tables
    }
    assert all(len(pd.read_csv(path).columns) > 1 for path in demo_report.tables)


def test_numbers_have_all_digits_and_names_stay_names(make_run: Maker) -> None:
    value = 0.912345678901
    out = make_run(cells={("1e5", "probe"): (value,), ("b", "probe"): (0.8,)}, tasks=("t/u",))
    scores = pd.read_csv(out / "scores.csv")
    lost = scores["variant"] == "default"
    scores.loc[lost, "value"] = float("nan")
    scores.to_csv(out / "scores.csv", index=False)
    tables = {path.name: path for path in write_report(out).tables}
    board = pd.read_csv(tables["leaderboard.csv"], dtype={"Encoder": str})
    expected = scores[(scores["encoder"] == "1e5") & ~lost]["value"].mean()
    assert board["Encoder"].tolist() == ["1e5", "b"]
    assert board["AUROC"][0] == pytest.approx(expected, rel=1e-5)
    assert board["Default"].isna().all()
    metrics = pd.read_csv(tables["metrics-t-u.csv"])
    assert (metrics["Test sequences"] == scores["n_test"][0]).all()
    assert " to " in board["95 % CI"][0]


def test_the_folder_is_written_durably(demo_report: ReportPaths) -> None:
    folder = demo_report.tables[0].parent
    assert {path.name for path in folder.iterdir()} == {path.name for path in demo_report.tables}
