"""k-mer and one-hot features against closed forms."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.basics.errors import UserError
from engine.encoders import load_encoder
from engine.encoders.families import kmer_counts, onehot

texts = st.text(alphabet="ACGTN", max_size=20)


def names(k):
    return ["".join(letters) for letters in itertools.product("ACGT", repeat=k)]


ALL_NAMES = [name for k in range(1, 6) for name in names(k)]


def test_kmer_by_hand():
    values = dict(zip(ALL_NAMES, kmer_counts.features(["AACAA"])[0], strict=True))
    found = {name: float(value) for name, value in values.items() if value}
    third = pytest.approx(1 / 3)
    assert found == {
        "A": pytest.approx(0.8), "C": pytest.approx(0.2),
        "AA": 0.5, "AC": 0.25, "CA": 0.25,
        "AAC": third, "ACA": third, "CAA": third,
        "AACA": 0.5, "ACAA": 0.5,
        "AACAA": 1.0,
    }  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_kmers_are_those_of_a_plain_count(sequences):
    for row, sequence in zip(kmer_counts.features(sequences), sequences, strict=True):
        expected = []
        for k in range(1, 6):
            pieces = [sequence[i : i + k] for i in range(len(sequence) - k + 1)]
            pieces = [piece for piece in pieces if "N" not in piece]
            expected += [pieces.count(name) / max(len(pieces), 1) for name in names(k)]
        np.testing.assert_allclose(row, expected, atol=1e-7)


def test_kmers_sum_to_one_for_each_k():
    rows = kmer_counts.features(["ACGTNACGTTTTGACA", "ACGTA"])
    ends = np.cumsum([4**k for k in range(1, 6)])[:-1]
    for block in np.split(rows, ends, axis=1):
        np.testing.assert_allclose(block.sum(axis=1), 1.0, atol=1e-6)


def test_kmers_of_many_sequences_are_those_of_few():
    # More sequences than are counted at once.
    sequences = ["ACGTTGCA", "GGGCCCAA", "TTTTNAAA"] * 1500
    rows = kmer_counts.features(sequences)
    np.testing.assert_array_equal(rows, np.tile(kmer_counts.features(sequences[:3]), (1500, 1)))


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_one_k_alone_is_its_part_of_several(k):
    sequences = ["ACGTNACGTTTTGACAGATTACA", "ACGTACGTAC", "ACN", ""]
    encoder = load_encoder(f"kmer{k}")
    values = encoder.features(sequences)
    assert values.shape == (4, 4**k)
    assert encoder.hidden_size == 4**k
    first = sum(4**n for n in range(1, k))
    together = kmer_counts.count(sequences, range(1, 7))
    np.testing.assert_array_equal(values, together[:, first : first + 4**k])
    assert encoder.fingerprint != load_encoder("kmer").fingerprint


def test_onehot_by_hand():
    rows = onehot.features(["ACN", "", "TTTTG"], 3)
    zero = [0, 0, 0, 0]
    assert rows.tolist() == [
        [1, 0, 0, 0, 0, 1, 0, 0, *zero],
        [*zero, *zero, *zero],
        [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1],
    ]


@settings(max_examples=50, deadline=None)
@given(texts, st.integers(1, 12))
def test_onehot_is_the_middle_aligned_left(sequence, positions):
    row = onehot.features([sequence], positions)[0].reshape(positions, 4)
    cut = max(0, len(sequence) - positions) // 2
    middle = sequence[cut : cut + positions]
    for place in range(positions):
        letter = middle[place] if place < len(middle) else "N"
        assert row[place].tolist() == [float(letter == base) for base in "ACGT"]


@pytest.mark.parametrize(("bases", "width"), [(1, 4), (60, 240), (1024, 4096), (5000, 4096)])
def test_onehot_is_as_wide_as_the_task(bases, width):
    assert load_encoder("onehot", max_bases=bases).hidden_size == width


def test_onehot_needs_the_longest_sequence():
    with pytest.raises(UserError, match="max_bases is 0"):
        load_encoder("onehot")


def test_onehot_fingerprint_follows_the_width():
    prints = {load_encoder("onehot", max_bases=n).fingerprint for n in (10, 20)}
    assert len(prints) == 2
