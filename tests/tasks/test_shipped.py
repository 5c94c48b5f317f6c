"""What every shipped task must fulfil; a new card is tested without a change here."""

import hashlib
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.tasks import load_task, task_cards
from engine.tasks.reading.splits import canonical

pytestmark = pytest.mark.parametrize("name", sorted(task_cards()))


def test_card_is_complete(name):
    card = task_cards()[name]
    for field in ("title", "metric", "group", "species", "source", "licence", "citation", "notes"):
        assert getattr(card, field), field
    assert card.doi.startswith("10.")
    assert card.doi in card.citation
    assert Path(card.path).stem == card.name
    assert set(card.label_meaning) == set(load_task(name).classes)


def test_file_is_the_one_the_card_names(name):
    card = task_cards()[name]
    assert hashlib.sha256(Path(card.path).read_bytes()).hexdigest() == card.sha256


def test_every_split_has_every_class_and_nothing_leaks(name):
    task = load_task(name)
    test = task.unseal_test()
    assert all(number > 0 for classes in task.counts.values() for number in classes.values())
    assert not any("also stand in" in warning for warning in task.warnings)
    splits = {"train": task.train, "validation": task.validation, "test": test}
    molecules = {key: set(map(canonical, split.sequences)) for key, split in splits.items()}
    groups = {key: set(split.groups or ()) for key, split in splits.items()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not molecules[one] & molecules[other]
        assert not groups[one] & groups[other]


def test_rows_are_those_of_the_file(name):
    task = load_task(name)
    table = pq.read_table(task_cards()[name].path).to_pydict()
    splits = {"train": task.train, "validation": task.validation, "test": task.unseal_test()}
    for key, split in splits.items():
        rows = zip(table["id"], table["sequence"], table["label"], table["split"], strict=True)
        expected = [(i, s, label) for i, s, label, where in rows if where == key]
        labels = [task.classes[label] for label in split.labels]
        assert list(zip(split.ids, split.sequences, labels, strict=True)) == expected
        assert Counter(labels) == Counter(task.counts[key])


def test_overlapping_windows_stand_in_one_split(name):
    # 20 bases in a row on either strand: two sequences cut from one place of a genome.
    task = load_task(name)
    side: dict[str, str] = {}
    splits = {"train": task.train, "validation": task.validation, "test": task.unseal_test()}
    for key, split in splits.items():
        for sequence in split.sequences:
            for start in range(len(sequence) - 19):
                word = canonical(sequence[start : start + 20])
                if "N" not in word:
                    assert side.setdefault(word, key) == key
