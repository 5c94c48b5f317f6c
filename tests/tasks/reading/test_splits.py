import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tasks.reading.files import Table
from engine.tasks.reading.rows import check
from engine.tasks.reading.splits import FRACTIONS, assign, bind, canonical, complete

# IUPAC codes as sets of bases (Cornish-Bowden 1985, Nucleic Acids Res. 13:3021).
BASE_SETS = "A C G T AG CT CG AT GT AC CGT AGT ACT ACG ACGT"
IUPAC = dict(zip("ACGTRYSWKMBDHVN", BASE_SETS.split(), strict=True))
PAIR = {"A": "T", "C": "G", "G": "C", "T": "A"}
CODE = {frozenset(bases): code for code, bases in IUPAC.items()}


def reverse_complement(sequence: str) -> str:
    """From the definition of the codes as sets of bases."""
    return "".join(CODE[frozenset(PAIR[base] for base in IUPAC[c])] for c in reversed(sequence))


@st.composite
def labelled(draw, grouped: bool = False):
    """Sequences with repeats and reverse complements among them, labels, and groups."""
    pool = draw(st.lists(st.text("ACGTN", min_size=1, max_size=12), min_size=3, max_size=40))
    picked = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=60))
    turned = [reverse_complement(s) if draw(st.booleans()) else s for s in picked]
    size = len(turned)
    labels = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    groups = draw(st.lists(st.sampled_from("abcdefgh"), min_size=size, max_size=size))
    return turned, np.array(labels), groups if grouped else None


def draw_splits(sequences, labels, groups=None, seed=0, fractions=FRACTIONS):
    return assign([canonical(s) for s in sequences], labels, groups, fractions, seed)


@given(st.text("".join(IUPAC), min_size=1, max_size=30))
def test_both_strands_have_one_canonical_form(sequence):
    turned = reverse_complement(sequence)
    assert canonical(sequence) == canonical(turned) == min(sequence, turned)


def test_rows_are_bound_by_sequence_and_by_group_and_over_others():
    # 0-1 by sequence, 1-2 by group, 3 and 4 by group; 5 alone.
    bound = bind(["A", "A", "C", "G", "CC", "AC"], ["x", "y", "y", "z", "z", "w"]).tolist()
    assert bound[0] == bound[1] == bound[2]
    assert bound[3] == bound[4]
    assert len(set(bound)) == 3


@given(labelled())
def test_no_molecule_straddles_a_split_and_every_row_has_one(data):
    sequences, labels, _ = data
    splits = draw_splits(sequences, labels)
    assert len(splits) == len(sequences)
    assert set(splits) <= {"train", "validation", "test"}
    side = {}
    for sequence, split in zip(sequences, splits, strict=True):
        assert side.setdefault(sequence, split) == split
        assert side.get(reverse_complement(sequence), split) == split


@given(labelled(grouped=True))
def test_no_group_and_no_molecule_straddles_a_split(data):
    sequences, labels, groups = data
    splits = draw_splits(sequences, labels, groups)
    sides = defaultdict(set)
    for sequence, group, split in zip(sequences, groups, splits, strict=True):
        sides[group].add(split)
        sides[canonical(sequence)].add(split)
    assert all(len(found) == 1 for found in sides.values())


@given(labelled(), st.integers(-5, 5), st.randoms(use_true_random=False))
def test_splits_depend_on_the_seed_and_not_on_the_order_of_the_rows(data, seed, chance):
    sequences, labels, _ = data
    splits = draw_splits(sequences, labels, seed=seed)
    order = list(range(len(sequences)))
    chance.shuffle(order)
    shuffled = draw_splits([sequences[i] for i in order], labels[order], seed=seed)
    assert shuffled == [splits[i] for i in order]


def distinct(count: int) -> list[str]:
    """Sequences that are not one another's reverse complement: all start with A, end with A."""
    return [
        "A" + np.base_repr(i, 4).translate(str.maketrans("0123", "ACGT")) + "A"
        for i in range(count)
    ]


def test_another_seed_gives_another_split():
    labels = np.arange(100) % 2
    assert draw_splits(distinct(100), labels, seed=0) != draw_splits(distinct(100), labels, seed=1)


@given(st.lists(st.integers(0, 120), min_size=1, max_size=4), st.integers(0, 3))
def test_classes_are_spread_to_within_one_row_of_their_share(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    splits = draw_splits(distinct(len(labels)), labels, seed=seed)
    for label, size in enumerate(sizes):
        found = Counter(s for s, k in zip(splits, labels, strict=True) if k == label)
        if size > 3:
            for name, fraction in FRACTIONS.items():
                assert abs(found[name] - fraction * size) <= 1
        # A rare class goes to train first, then to test, then to validation.
        if size >= 3:
            assert min(found[name] for name in FRACTIONS) >= 1
        elif size == 2:
            assert (found["train"], found["test"]) == (1, 1)
        elif size == 1:
            assert found["train"] == 1


@given(labelled(grouped=True))
def test_train_has_every_class(data):
    sequences, labels, groups = data
    splits = draw_splits(sequences, labels, groups)
    in_train = {k for s, k in zip(splits, labels.tolist(), strict=True) if s == "train"}
    assert in_train == set(labels.tolist())


def test_large_groups_are_balanced():
    # 24 groups of uneven size, as chromosomes are; no row count is off by more than 5 % of all.
    chance = random.Random(0)
    groups = chance.choices([f"chr{i}" for i in range(24)], weights=range(30, 6, -1), k=6000)
    labels = np.array([chance.random() < 0.3 for _ in groups]).astype(int)
    splits = draw_splits(distinct(6000), labels, groups)
    for label in (0, 1):
        inside = Counter(s for s, k in zip(splits, labels, strict=True) if k == label)
        for name, fraction in FRACTIONS.items():
            assert inside[name] / inside.total() == pytest.approx(fraction, abs=0.05)


def completed(seed=0, **columns):
    rows = check(Table(columns, ()), "x.csv")
    splits, warnings = complete(rows, seed, "x.csv")
    return splits, warnings


def test_given_splits_are_kept_and_leaks_are_counted():
    splits, warnings = completed(
        sequence=["AACC", "AG", "CCA", "GGTT", "AACC", "CCC", "TGG", "TGG", "AAA"],
        label=["0", "1", "1", "0", "1", "1", "1", "0", "0"],
        split=["train", "train", "train", "val", "val", "val", "test", "test", "test"],
    )
    assert splits == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
    # AACC is GGTT and AACC of validation; CCA is TGG, twice in test. Both have two labels.
    assert warnings == [
        "sequences (or reverse complements) with more than one label: 2",
        "2 of 3 validation sequences also stand in train, as they are or as the reverse complement;"
        " scores on validation may be too good",
        "2 of 3 test sequences also stand in train or validation, as they are or as the reverse"
        " complement; scores on test may be too good",
    ]


def test_validation_is_carved_from_train_without_straddling():
    # Every sequence of train stands there twice, once as its reverse complement.
    half = distinct(200)
    train = half + [reverse_complement(s) for s in half]
    test = ["CCC", "CCCC"]
    sequences = train + test
    labels = [str(i % 2) for i in range(200)] * 2 + ["0", "1"]
    splits, warnings = completed(
        sequence=sequences, label=labels, split=["train"] * 400 + ["test"] * 2
    )
    assert splits[400:] == ["test", "test"]
    assert Counter(splits[:400]) == {"train": 340, "validation": 60}
    assert splits[:200] == splits[200:400]
    assert warnings == []


def test_groups_torn_by_given_splits_are_told():
    _, warnings = completed(
        sequence=["A", "AA", "AAA", "AAAA", "AC", "ACC"],
        label=["0", "1", "0", "1", "0", "1"],
        split=["train", "train", "val", "val", "test", "test"],
        group=["x", "y", "x", "z", "z", "w"],
    )
    assert warnings == ["2 of 4 groups stand in more than one split; scores may be too good"]
