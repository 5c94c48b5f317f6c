"""Wilcoxon's test is exact, with ties too: by enumeration, and by scipy without ties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.stats import adjust, wilcoxon_pairs


def by_enumeration(difference):
    """Two-sided p over all signs of the ranks."""
    difference = difference[difference != 0]
    ranks = stats.rankdata(np.abs(difference))
    seen = ranks[difference > 0].sum()
    sums = np.array(list(product([0, 1], repeat=len(ranks)))) @ ranks
    return min(1.0, 2 * min((sums <= seen + 1e-9).mean(), (sums >= seen - 1e-9).mean()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=8))
def test_p_is_exact_with_ties(differences):
    d = np.array(differences, dtype=float) / 100
    (pair,) = wilcoxon_pairs(np.column_stack([0.5 + d, np.full(len(d), 0.5)]))
    assert pair.p == pytest.approx(by_enumeration(np.round(d, 12)), abs=1e-12)
    assert (pair.wins, pair.ties, pair.losses) == ((d > 0).sum(), (d == 0).sum(), (d < 0).sum())
    assert (pair.n, pair.exact) == ((d != 0).sum(), True)
    assert pair.delta == pytest.approx(np.median(d), abs=1e-12)


@pytest.mark.parametrize("n", [5, 20, 49])
def test_agrees_with_scipy_without_ties(n):
    d = np.random.default_rng(n).normal(0.3, 1, size=n)
    (pair,) = wilcoxon_pairs(np.column_stack([d, np.zeros(n)]))
    theirs = stats.wilcoxon(d, method="exact")
    assert pair.p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert min(pair.statistic, n * (n + 1) / 2 - pair.statistic) == theirs.statistic


def test_many_tasks_use_the_normal_approximation():
    d = np.random.default_rng(0).normal(0.1, 1, size=300)
    (pair,) = wilcoxon_pairs(np.column_stack([d, np.zeros(300)]))
    assert not pair.exact
    assert pair.p == stats.wilcoxon(np.round(d, 12), method="asymptotic").pvalue


def test_the_exact_and_the_approximate_p_meet_where_one_ends():
    d = np.random.default_rng(1).normal(0.1, 1, size=200)
    (pair,) = wilcoxon_pairs(np.column_stack([d, np.zeros(200)]))
    assert pair.exact
    assert pair.p == pytest.approx(stats.wilcoxon(d, method="asymptotic").pvalue, rel=0.03)


def test_five_tasks_cannot_reach_0_05():
    (pair,) = wilcoxon_pairs([[0.9, 0.1]] * 5)
    assert pair.p == 2 / 2**5


def test_all_pairs_are_corrected_together():
    scores = np.random.default_rng(2).normal(size=(12, 4)) + np.array([1.5, 0.5, 0, 0])
    pairs = wilcoxon_pairs(scores)
    assert [(pair.a, pair.b) for pair in pairs] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    expected = adjust([pair.p for pair in pairs], "holm")
    np.testing.assert_array_equal([pair.p_adjusted for pair in pairs], expected)


def test_differences_that_differ_by_rounding_are_tied():
    # 0.8 - 0.7 and 0.9 - 0.8 are the same distance, which binary fractions do not know.
    (pair,) = wilcoxon_pairs([[0.8, 0.7], [0.9, 0.8], [0.1, 0.2]])
    assert pair.statistic == 4.0
