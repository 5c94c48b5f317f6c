"""Columns of a run's tables: docs/report.md lists those of the rows that are written and read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

import pandas as pd
import pytest

from engine.basics.errors import UserError
from engine.compare.rows import ComparisonRow, ScoreRow
from engine.records import TrialRow
from engine.report.finished_run import read_run

REPORT = Path(__file__).resolve().parents[2] / "docs" / "report.md"
ONE = {("kmer", "probe"): (0.9,), ("onehot", "probe"): (0.8,)}


def documented(first_cell: str, column: int) -> list[str]:
    """Names in a cell of the documentation, what stands in brackets or after a semicolon aside."""
    line = next(row for row in REPORT.read_text().splitlines() if row.startswith(first_cell))
    cell = re.sub(r"\([^)]*\)", "", line.split(" | ")[column]).split(";")[0]
    return [name.strip(" |`") for name in cell.split(",")]


def named(row: type) -> list[str]:
    return [field.name for field in fields(row)]


def test_columns_of_scores_are_documented():
    told = documented("| `scores.csv`", 2)
    assert [n if "every metric" not in n else "metrics" for n in told] == named(ScoreRow)


def test_columns_of_trials_are_documented():
    assert documented("| `trials.parquet`", 2) == named(TrialRow)


def test_columns_of_comparisons_are_documented_in_their_order():
    text = REPORT.read_text().split("### comparisons.csv")[1].split("### ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    told = [name.strip(" |") for row in rows for name in row.split(" | ")[0].split(",")]
    assert told == named(ComparisonRow)


@pytest.mark.parametrize(
    ("file", "row"),
    [("scores.csv", ScoreRow), ("comparisons.csv", ComparisonRow), ("trials.parquet", TrialRow)],
)
def test_a_column_without_default_must_be_there(
    make_run: Callable[..., Path], file: str, row: type
) -> None:
    path = make_run(cells=ONE, tasks=("promoters",)) / file
    parquet = path.suffix == ".parquet"
    whole = pd.read_parquet(path) if parquet else pd.read_csv(path)
    needed = [f.name for f in fields(row) if f.default is MISSING and f.name != "metrics"]
    assert len(needed) > 5
    for name in needed:
        left = whole.drop(columns=name)
        left.to_parquet(path) if parquet else left.to_csv(path, index=False)
        with pytest.raises(UserError, match=f"lacks the column '{name}'"):
            read_run(path.parent)


def test_columns_that_an_earlier_version_lacks_are_filled(make_run: Callable[..., Path]) -> None:
    out = make_run(cells=ONE, tasks=("promoters",))
    written = pd.read_csv(out / "comparisons.csv")
    read = read_run(out).comparisons
    assert set(read.columns) == set(named(ComparisonRow))
    missing = read[[name for name in read if name not in written]]
    assert len(missing.columns) > 10
    assert (missing.isna() | (missing == "")).all(axis=None)
