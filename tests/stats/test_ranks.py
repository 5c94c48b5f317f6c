"""Friedman's test and the critical-difference diagram, by a published example and by scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from engine.stats import critical_difference, friedman_test, mean_ranks

# AUC of C4.5, with m, with cf, with both, on 14 data sets: Demšar, JMLR 7:1, 2006, table 6.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.973],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_mean_ranks_of_the_published_example():
    assert mean_ranks(DEMSAR) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)


def test_friedman_of_the_published_example():
    # Demšar's 9.28 and 3.69 are without the correction for ties: of 70, ties take 6.5.
    found = friedman_test(DEMSAR)
    uncorrected = found.chi2 * 63.5 / 70
    assert uncorrected == pytest.approx(9.28, abs=5e-3)
    assert 13 * uncorrected / (14 * 3 - uncorrected) == pytest.approx(3.69, abs=5e-3)
    assert (found.df1, found.df2) == (3, 39)
    theirs = stats.friedmanchisquare(*DEMSAR.T)
    assert (found.chi2, found.p_chi2) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert found.p == pytest.approx(stats.f.sf(found.f, 3, 39))


def test_two_models_are_the_sign_test_in_the_large():
    # With two models chi2 is (wins - losses)^2 / (wins + losses).
    scores = np.column_stack([np.zeros(10), np.repeat([1, -1], [8, 2])])
    with pytest.raises(ValueError):  # noqa: PT011
        stats.friedmanchisquare(*scores.T)
    assert friedman_test(scores).chi2 == pytest.approx((8 - 2) ** 2 / 10)


def test_tasks_that_all_agree_have_the_chance_of_that():
    found = friedman_test([[3, 2, 1]] * 4)
    assert found.f == math.inf
    assert found.p == pytest.approx(1 / 6**3)


def test_tied_models_leave_fewer_ways_to_agree():
    """One best and two equal ones: 3 ways to rank them, so (1/3)^2 that two tasks follow one."""
    found = friedman_test([[0.9, 0.5, 0.5]] * 3)
    assert math.isinf(found.f)
    assert found.p == pytest.approx(1 / 9)


def test_level_of_the_test():
    rng = np.random.default_rng(0)
    p = [friedman_test(rng.normal(size=(10, 5))).p for _ in range(1500)]
    assert 0.035 < np.mean(np.array(p) < 0.05) < 0.065


def test_cliques_are_runs_without_a_significant_pair():
    # Three tiers of two models: the tiers differ on every task, the models within do not.
    rng = np.random.default_rng(1)
    scores = 0.01 * rng.normal(size=(20, 6)) + [0.5, 0.9, 0.7, 0.9, 0.5, 0.7]
    found = critical_difference(scores)
    assert [set(clique) for clique in found.cliques] == [{1, 3}, {2, 5}, {0, 4}]
    assert sorted(found.order.tolist()[:2]) == [1, 3]
    assert (np.diff(found.mean_ranks[found.order]) >= 0).all()


def test_cliques_may_overlap_and_hold_each_other_never():
    # Neighbours cannot be told apart, the ends can.
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(15, 5)) + np.linspace(2, 0, 5)
    found = critical_difference(scores)
    p = {frozenset((pair.a, pair.b)): pair.p_adjusted for pair in found.pairs}
    place = {model: rank for rank, model in enumerate(found.order.tolist())}
    for clique in found.cliques:
        places = [place[model] for model in clique]
        assert places == list(range(places[0], places[0] + len(clique)))
        assert all(p[frozenset((i, j))] >= 0.05 for i in clique for j in clique if i != j)
    sets = [set(clique) for clique in found.cliques]
    assert not any(a < b for a in sets for b in sets)
    assert any(a & b for a in sets for b in sets if a != b)


def test_models_that_cannot_be_told_apart_are_one_clique_and_different_ones_none():
    assert critical_difference(np.ones((6, 3))).cliques == ((0, 1, 2),)
    ordered = np.arange(12)[:, np.newaxis] * [0.0, 0.0] + [1.0, 0.0]
    assert critical_difference(ordered).cliques == ()
