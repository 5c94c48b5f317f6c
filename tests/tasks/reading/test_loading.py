import os
import pickle

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.records import TaskSpec
from engine.tasks import load_task

SPLIT = {"train": "train", "validation": "val", "test": "test"}


@pytest.fixture
def csv(good_rows):
    """Rows in turn train, validation and test, two by two, each with a group of its own."""
    names = [("train", "val", "test")[row // 2 % 3] for row in range(len(good_rows))]
    lines = [f"s{i},{s},{k},{names[i]},g{i}" for i, (s, k) in enumerate(good_rows)]
    return "id,sequence,label,split,group\n" + "\n".join(lines) + "\n"


def expected(csv, split):
    """Ids, sequences, labels and groups of a split, straight from the text."""
    rows = [line.split(",") for line in csv.splitlines()[1:]]
    picked = [row for row in rows if row[3] == SPLIT[split]]
    return [tuple(row[column] for row in picked) for column in (0, 1, 2, 4)]


def found(split):
    return [split.ids, split.sequences, tuple(map(str, split.labels)), split.groups]


def test_splits_hold_the_rows_of_the_file_in_order(csv, write):
    task = load_task(write("mine.csv", csv))
    assert found(task.train) == expected(csv, "train")
    assert found(task.validation) == expected(csv, "validation")
    assert found(task.unseal_test()) == expected(csv, "test")
    assert task.train.labels.dtype == np.int64
    assert task.rows == 40
    assert {name: sum(c.values()) for name, c in task.counts.items()} == {
        "train": 14,
        "validation": 14,
        "test": 12,
    }
    assert task.name == "mine"
    assert task.spec == TaskSpec("mine", "mine.csv", kind="classification")
    assert task.warnings == ()


def test_longest_sequence_of_test_does_not_show(csv, write):
    longest = max(len(line.split(",")[1]) for line in csv.splitlines()[1:])
    longer = csv + f"s40,{'AC' * longest},0,test,g40\n"
    task = load_task(write("mine.csv", longer))
    assert task.max_bases == max(
        map(len, (*expected(csv, "train")[1], *expected(csv, "validation")[1]))
    )


def test_a_task_carries_no_test_row(csv, write):
    task = load_task(write("mine.csv", csv))
    carried = pickle.dumps(task)
    assert expected(csv, "train")[1][0].encode() in carried
    assert not any(sequence.encode() in carried for sequence in expected(csv, "test")[1])
    assert not {*task.train.ids, *task.validation.ids} & {*expected(csv, "test")[0]}
    assert "AAC" not in repr(task)


def test_the_seal_holds_where_the_file_has_changed(csv, write):
    task = load_task(write("mine.csv", csv))
    write("mine.csv", csv.replace("s5,", "t5,"))
    with pytest.raises(UserError, match=r"^mine\.csv: the data changed .*, so its test split.*put"):
        task.unseal_test()
    write("mine.csv", csv)
    assert found(task.unseal_test()) == expected(csv, "test")
    os.remove("mine.csv")
    with pytest.raises(UserError, match=r"mine\.csv: no such file"):
        task.unseal_test()


def test_the_seal_opens_from_another_folder_and_another_process(csv, write, tmp_path, monkeypatch):
    task = load_task(write("mine.csv", csv))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert found(pickle.loads(pickle.dumps(task)).unseal_test()) == expected(csv, "test")


def test_drawn_splits_are_the_same_when_read_again(good_csv, write):
    path = write("mine.csv", good_csv)
    task = load_task(path)
    ids = [*task.train.ids, *task.validation.ids, *task.unseal_test().ids]
    assert sorted(ids) == sorted(f"row{row}" for row in range(1, 41))
    assert load_task(path).fingerprint == task.fingerprint
    assert load_task(TaskSpec("mine", path, seed=1)).fingerprint != task.fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [("s2,", "x2,"), ("AACGAG", "AACGAC"), (",0,train,g0", ",1,train,g0"), ("val,g2", "train,g2")],
)
def test_fingerprint_changes_with_ids_sequences_labels_and_splits(csv, write, old, new):
    changed = csv.replace(old, new, 1)
    assert changed != csv
    before = load_task(write("mine.csv", csv)).fingerprint
    assert load_task(write("mine.csv", changed)).fingerprint != before


def test_fingerprint_is_of_the_values_and_the_hash_is_of_the_file(csv, write):
    task = load_task(write("mine.csv", csv))
    other = load_task(write("mine.csv", csv.replace("\n", "\r\n")))
    assert task.fingerprint == other.fingerprint
    assert task.file_hash != other.file_hash
