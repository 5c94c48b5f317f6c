"""Whatever a probe divides its rows for, no molecule and no group is divided."""

import numpy as np
import pytest

from engine.kinds import find_kind
from engine.methods.probes import find_probe
from engine.methods.probes.base import Request
from engine.methods.probes.parts import bound_rows, folds, held_out
from engine.tasks import Split

KINDS = ("classification", "multilabel", "regression")
ROWS = 90


def labels(kind: str, rows: int = ROWS):
    rng = np.random.default_rng(1)
    if kind == "regression":
        return rng.normal(size=rows)
    return rng.integers(2, size=(rows, 3)) if kind == "multilabel" else np.arange(rows) % 2


def bound(grouped: bool):
    """Of 30 sequences that come twice, and once from the other strand, perhaps in ten groups."""
    rng = np.random.default_rng(0)
    distinct = ["".join(rng.choice(list("ACGT"), size=20)) for _ in range(30)]
    turned = [s.translate(str.maketrans("ACGT", "TGCA"))[::-1] for s in distinct]
    groups = tuple(str(row % 10) for row in range(ROWS)) if grouped else None
    ids = tuple(map(str, range(ROWS)))
    return bound_rows(Split((*distinct, *turned, *distinct), labels("regression"), ids, groups))


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_folds_and_held_out_rows_never_divide_a_molecule_or_a_group(
    kind: str, grouped: bool
) -> None:
    unit = np.arange(ROWS) % (10 if grouped else 30)
    parts = folds(labels(kind), bound(grouped), 5, 0, stratified=kind == "classification")
    assert len(parts) == 5
    held = held_out(labels(kind), bound(grouped), 0.1, 0, find_kind(kind))
    parts.append((np.setdiff1d(np.arange(ROWS), held), held))
    for fitted, scored in parts:
        assert len(scored)
        assert sorted([*fitted, *scored]) == list(range(ROWS))
        assert not set(unit[fitted]) & set(unit[scored])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_stand_alone_are_held_out_to_the_share(kind: str) -> None:
    y = labels(kind, 1000)
    held = held_out(y, np.arange(1000), 0.1, 0, find_kind(kind))
    assert abs(len(held) - 100) <= 5
    assert np.abs(y[held].mean(axis=0) - y.mean(axis=0)).max() < 0.05
    assert not np.array_equal(held, held_out(y, np.arange(1000), 0.1, 1, find_kind(kind)))
    assert np.array_equal(held, held_out(y, np.arange(1000), 0.1, 0, find_kind(kind)))


@pytest.mark.parametrize(
    ("sets", "expected"), [(1, []), (2, [1]), (3, [1])], ids=["one", "two", "three"]
)
def test_of_few_large_sets_the_smallest_at_most_is_held_out(sets: int, expected: list) -> None:
    """Sets of 100 rows; of 85 and 15; of 60, 15 and 25."""
    which = np.repeat([0, 1, 2], [60, 15, 25]) % sets
    held = held_out(np.arange(100) % 2, which, 0.1, 0, find_kind("classification"))
    assert np.unique(which[held]).tolist() == expected


def test_a_class_of_one_set_stays_among_the_rows_to_fit() -> None:
    which = np.arange(60) // 2
    y = (which == 7).astype(np.int64)
    for seed in range(5):
        assert 7 not in which[held_out(y, which, 0.1, seed, find_kind("classification"))]


@pytest.mark.parametrize("seed", [0, 1])
def test_an_svm_is_calibrated_on_whole_groups(seed: int) -> None:
    request = Request({}, find_kind("classification"), labels("classification"), bound(True), seed)
    parts = find_probe("linear_svm").build(request).cv
    assert len(parts) == 3
    for fitted, scored in parts:
        assert not set(fitted % 10) & set(scored % 10)


def test_an_svm_whose_class_is_one_group_cannot_be_calibrated() -> None:
    y = (bound(True) == bound(True)[0]).astype(np.int64)
    with pytest.raises(ValueError, match="one holds all rows of a class"):
        find_probe("linear_svm").build(Request({}, find_kind("classification"), y, bound(True), 0))


@pytest.mark.parametrize("kind", KINDS)
def test_an_mlp_stops_by_whole_groups(kind: str) -> None:
    estimator = find_probe("mlp").build(Request({}, find_kind(kind), labels(kind), bound(True), 0))
    assert len(estimator.held)
    assert not set(estimator.held % 10) & set(np.setdiff1d(np.arange(ROWS), estimator.held) % 10)


def test_an_mlp_of_few_rows_holds_none_out() -> None:
    request = Request({}, find_kind("classification"), np.arange(49) % 2, np.arange(49), 0)
    assert len(find_probe("mlp").build(request).held) == 0
