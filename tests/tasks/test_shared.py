"""Real files that the project did not make: counts and leaks equal what their table says."""

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.tasks import load_task, task_cards

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TABLE = SHARED / "tasks.csv"
if not TABLE.exists():
    pytest.skip(f"{TABLE} is absent", allow_module_level=True)
with TABLE.open(encoding="utf-8") as handle:
    INFO = {row["name"]: row for row in csv.DictReader(handle)}


@pytest.mark.parametrize("name", sorted(INFO))
def test_file_loads_with_its_rows_and_its_leaks(name):
    info = INFO[name]
    task = load_task(SHARED / info["file"])
    rows = {split: sum(classes.values()) for split, classes in task.counts.items()}
    assert rows["train"] + rows["validation"] == int(info["n_train"])
    assert rows["test"] == int(info["n_test"])
    assert rows["validation"] == pytest.approx(0.15 * int(info["n_train"]), abs=3)
    assert task.classes == tuple(str(label) for label in range(int(info["n_classes"])))
    assert task.file_hash == info["sha256"]
    balance = dict(pair.split(":") for pair in info["class_balance_test"].split(";"))
    assert task.counts["test"] == {label: int(balance.get(label, 0)) for label in task.classes}

    leaks = int(info["train_test_duplicates_revcomp"])
    said = [warning for warning in task.warnings if "also stand in" in warning]
    assert [int(warning.split()[0]) for warning in said] == ([leaks] if leaks else [])
    # The table counts a sequence and its reverse complement apart, so it may count fewer.
    conflicts = [w for w in task.warnings if "more than one label" in w]
    counted = int(conflicts[0].split()[-1]) if conflicts else 0
    assert counted >= int(info["sequences_with_two_labels"])


def test_class_without_test_rows_is_a_warning():
    task = load_task(SHARED / "prom_ecoli_sigma.parquet")
    assert "class '4' has no rows in test, so it is not scored there" in task.warnings


def test_shipped_splice_junctions_agree_with_an_independent_copy():
    classes = {0: "donor", 1: "acceptor", 2: "neither"}
    theirs = pq.read_table(SHARED / "splice_uci_primate.parquet").to_pydict()
    ours = pq.read_table(task_cards()["splice_junctions"].path).to_pydict()
    there = Counter(zip(theirs["sequence"], map(classes.get, theirs["label"]), strict=True))
    here = Counter(zip(ours["sequence"], ours["label"], strict=True))
    assert not here - there
    # StatLog left out four sequences with ambiguous bases.
    assert (there - here).total() == 4
    assert all("N" in sequence for sequence, _ in there - here)
