from pathlib import Path

import pytest

from engine.plan.space import parse_space
from engine.records import Cell, TrialRecord, TrialResult
from engine.search.ledger import Ledger, cell_key
from engine.search.searcher import Drawing

CELL = Cell("tiny-bert", "feng2024/4mC", "probe")


def record(number: int, key: str = "k" * 64) -> TrialRecord:
    result = TrialResult("complete", 0.7, {"auroc": 0.7}, (0.6, 0.7), 1.5, 10)
    return TrialRecord(CELL, key, number, "t", {"C": 0.1, "pooling": "mean"}, result)


def test_records_come_back_equal_and_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number in (2, 0, 11, 1):
        ledger.write(record(number))
    found = ledger.read(["k" * 64])["k" * 64]
    assert [r.number for r in found] == [0, 1, 2, 11]
    assert found[0] == record(0)


def test_records_of_another_search_are_left_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(record(0))
    assert ledger.read(["x" * 64]) == {"x" * 64: []}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_record_is_logged_and_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(record(0))
    (tmp_path / "x--y--00001.json").write_text('{"cell": ["a"')
    assert [r.number for r in ledger.read(["k" * 64])["k" * 64]] == [0]
    assert "x--y--00001.json" in caplog.text


def test_key_changes_with_what_bends_a_search(cell_plan) -> None:
    plan = cell_plan()
    key = cell_key(plan, "enc", "task", "tpe", 0, Drawing())
    assert key == cell_key(plan, "enc", "task", "tpe", 0, Drawing())
    other = plan.space.to_dict()
    other["parameters"]["C"] = {"loguniform": [1e-3, 1e2], "when": other["parameters"]["C"]["when"]}
    changed = [
        cell_key(plan, "enc2", "task", "tpe", 0, Drawing()),
        cell_key(plan, "enc", "task2", "tpe", 0, Drawing()),
        cell_key(plan, "enc", "task", "random", 0, Drawing()),
        cell_key(plan, "enc", "task", "tpe", 1, Drawing()),
        cell_key(cell_plan(of=parse_space(other, "s")), "enc", "task", "tpe", 0, Drawing()),
        cell_key(plan, "enc", "task", "tpe", 0, Drawing(batch=8)),
        cell_key(plan, "enc", "task", "tpe", 0, Drawing(objectives=("score", "seconds"))),
        cell_key(plan, "enc", "task", "tpe", 0, Drawing(warm_points=({"pooling": "max"},))),
    ]
    assert len({key, *changed}) == 9
