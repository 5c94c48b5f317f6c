"""Splits of labels and numbers are balanced, and refused where nothing can be scored."""

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.kinds import find_kind
from engine.tasks import load_task
from engine.tasks.reading.balance import count
from engine.tasks.reading.labels import Labels


def distinct(count: int) -> list[str]:
    """Sequences none of which is another's reverse complement."""
    return [
        "A" + np.base_repr(i, 4).translate(str.maketrans("0123", "ACGT")) + "A"
        for i in range(count)
    ]


def load(write, labels, **columns):
    columns = {"sequence": distinct(len(labels)), "label": labels, **columns}
    lines = [",".join(map(str, line)) for line in zip(*columns.values(), strict=True)]
    return load_task(write("mine.csv", "\n".join([",".join(columns), *lines]) + "\n"))


def test_numbers_are_spread_by_quantile(write):
    values = np.random.default_rng(0).lognormal(sigma=2, size=400)
    task = load(write, values.tolist())
    edges = np.quantile(values, np.arange(1, 10) / 10)
    for part, share in ((task.train, 0.7), (task.validation, 0.15), (task.unseal_test(), 0.15)):
        inside = np.bincount(np.searchsorted(edges, part.labels, side="right"), minlength=10)
        assert len(part.labels) == pytest.approx(400 * share, abs=1)
        assert np.abs(inside - 40 * share).max() <= 1


def test_bins_are_fewer_where_rows_are_few_and_equal_values_share_one():
    few = Labels(find_kind("regression"), np.arange(25.0), ("value",))
    assert few.strata.sum(axis=0).tolist() == [12, 13]
    assert Labels(find_kind("regression"), np.arange(9.0), ("value",)).strata.shape == (9, 1)
    zeros = np.concatenate([np.zeros(80), np.arange(1, 21)])
    assert (
        len(np.unique(Labels(find_kind("regression"), zeros, ("value",)).strata[:80], axis=0)) == 1
    )


def test_labels_of_any_frequency_are_spread_and_rare_ones_reach_every_split(write):
    rng = np.random.default_rng(0)
    held = rng.random((400, 4)) < [0.5, 0.2, 0.05, 0.0]
    held[[3, 77, 200], 3] = True
    sets = [";".join("abcd"[k] for k in np.flatnonzero(row)) + ";" for row in held]
    task = load(write, sets)
    for name, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        assert task.sizes[name] == pytest.approx(400 * share, abs=4)
        for k, label in enumerate("abc"):
            assert task.counts[name][label] == pytest.approx(held[:, k].sum() * share, abs=3)
        assert task.counts[name]["d"] == 1
    assert task.warnings == ()


def test_counts_are_by_label_and_of_rows():
    splits = ["train", "test", "train"]
    labels = Labels(find_kind("multilabel"), np.array([[1, 0], [1, 1], [1, 0]]), ("a", "b"))
    assert count(splits, labels) == {
        "train": {"a": 2, "b": 0},
        "validation": {"a": 0, "b": 0},
        "test": {"a": 1, "b": 1},
    }
    numbers = Labels(find_kind("regression"), np.array([0.5, 1.5, 2.5]), ("value",))
    assert count(splits, numbers)["train"] == {"value": 2}


SPLIT = ["train", "train", "val", "val", "test", "test"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["a;b", "a", "a;b", "b", "a;b", "b"],
            "label 'a' holds in none or all of the rows of train; mark other rows train",
        ),
        (
            ["a;", "b", "a;b", "a;b", "a", "b"],
            "the validation split holds every label in none or all of its rows, so nothing can be"
            " scored on it; give at least one label three or more different sequences",
        ),
    ],
)
def test_splits_on_which_no_label_can_be_scored_are_refused(labels, message, write):
    with pytest.raises(UserError, match=rf"^mine\.csv: {message}"):
        load(write, labels, split=SPLIT)


def test_a_split_of_one_value_is_refused(write):
    values = [0.5 + i for i in range(12)]
    values[-1] = values[-2]
    with pytest.raises(UserError, match=r"the test split holds one value only, .* two values"):
        load(write, values, split=["train"] * 8 + ["val", "val", "test", "test"])


def test_a_label_that_cannot_be_ranked_on_a_split_is_a_warning(write):
    task = load(write, ["a;b", ";", "a", "b", "a", ";"], split=SPLIT)
    assert task.warnings == (
        "label 'b' holds in none or all of the rows of test, so it is not ranked there",
    )


def test_a_sequence_with_two_values_is_told(write):
    task = load(
        write,
        [0.1 * i for i in range(14)],
        sequence=["AACC", "GGTT", *distinct(12)],
        split=["train"] * 8 + ["val"] * 3 + ["test"] * 3,
    )
    assert task.warnings == ("sequences (or reverse complements) with more than one label: 1",)
