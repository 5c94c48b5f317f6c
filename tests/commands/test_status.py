"""How far a study has come is told from its folder alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.commands.status import status
from engine.records import Cell, TrialRecord, TrialResult
from engine.search.ledger import Ledger, Searched, write_search


def record(cell: str, key: str, number: int, outcome: str, score: float | None) -> TrialRecord:
    result = TrialResult(outcome, score, error="x" if outcome == "failed" else None)  # type: ignore[arg-type]
    return TrialRecord(Cell(*cell.split("/")), key, number, f"{key}{number}", {}, result)


def test_trials_are_counted_by_cell_and_the_best_is_named(tmp_path: Path) -> None:
    cells = {
        "a/t/probe": Searched("k1", 5, "auroc"),
        "b/t/probe": Searched("k2", 3, "mse"),
        "c/t/probe": Searched("k3", 3, "auroc"),
    }
    write_search(tmp_path, cells)
    ledger = Ledger(tmp_path / "trials")
    for number, (outcome, score) in enumerate(
        [("complete", 0.7), ("complete", 0.9), ("pruned", 0.99), ("complete", 0.9)]
    ):
        ledger.write(record("a/t/probe", "k1", number, outcome, score))
    # Of an earlier search over other data, and beyond a budget that was lowered.
    ledger.write(record("a/t/probe", "old", 0, "complete", 1.0))
    ledger.write(record("a/t/probe", "k1", 7, "complete", 1.0))
    for number, (outcome, score) in enumerate(
        [("complete", 2.0), ("complete", 0.5), ("failed", None)]
    ):
        ledger.write(record("b/t/probe", "k2", number, outcome, score))
    rows = {row.pop("cell"): row for row in status(tmp_path).rows}
    assert rows == {
        "a/t/probe": {
            "done": "4/5", "complete": 3, "pruned": 1, "failed": 0,
            "metric": "auroc", "best": "0.9000", "trial": 1,
        },
        "b/t/probe": {
            "done": "3/3", "complete": 2, "pruned": 0, "failed": 1,
            "metric": "mse", "best": "0.5000", "trial": 1,
        },
        "c/t/probe": {
            "done": "0/3", "complete": 0, "pruned": 0, "failed": 0,
            "metric": "auroc", "best": "", "trial": "",
        },
    }  # fmt: skip


def test_a_folder_without_a_search_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the folder of a study; give what the run printed"):
        status(tmp_path / "nothing")
    (tmp_path / "study.yaml").write_text("name: s")
    with pytest.raises(UserError, match="still embedding, or was stopped before its first trial"):
        status(tmp_path)
