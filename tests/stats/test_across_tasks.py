"""Wins, group means and the bootstrap over groups of tasks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats import group_means, mean_ranks, task_bootstrap, win_tie_loss

SCORES = np.array([[0.9, 0.8, 0.8], [0.7, 0.71, 0.6], [0.5, 0.5, 0.9]])


def test_wins_ties_and_losses_are_counted():
    found = win_tie_loss(SCORES)
    assert found.wins.tolist() == [[0, 1, 2], [1, 0, 1], [1, 1, 0]]
    assert found.ties.tolist() == [[3, 1, 0], [1, 3, 1], [0, 1, 3]]
    np.testing.assert_array_equal(found.losses, found.wins.T)


def test_a_difference_of_the_margin_is_a_tie():
    assert win_tie_loss(SCORES, 0.01).wins[1, 0] == 0  # 0.71 against 0.70
    assert win_tie_loss(SCORES, 0.0099).wins[1, 0] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 6]), st.floats(0, 1))
def test_every_task_is_a_win_a_tie_or_a_loss(seed, decimals, margin):
    scores = np.round(np.random.default_rng(seed).normal(size=(7, 4)), decimals)
    found = win_tie_loss(scores, margin)
    np.testing.assert_array_equal(found.wins + found.ties + found.losses, np.full((4, 4), 7))
    assert (found.ties == found.ties.T).all()


def test_group_means_are_those_of_their_tasks():
    names, means = group_means(SCORES, ["marks", "splice", "marks"])
    assert names.tolist() == ["marks", "splice"]
    np.testing.assert_allclose(means, [[0.7, 0.65, 0.85], [0.7, 0.71, 0.6]], atol=1e-12)


def test_the_bootstrap_of_single_tasks_has_the_standard_error_of_a_mean():
    scores = np.random.default_rng(0).normal(size=(40, 3))
    found = task_bootstrap(scores, n_resamples=4000)
    np.testing.assert_allclose(found.mean, scores.mean(axis=0))
    np.testing.assert_allclose(found.mean_ranks, mean_ranks(scores))
    se = scores.std(axis=0) / 40**0.5
    np.testing.assert_allclose(found.ci_high - found.ci_low, 2 * 1.96 * se, rtol=0.06)
    assert found.n_groups == 40
    assert found.share_best.sum() == pytest.approx(1)


def test_copies_of_a_task_in_one_group_add_no_evidence():
    scores = np.random.default_rng(1).normal(size=(12, 3))
    once = task_bootstrap(scores, seed=3)
    copied = task_bootstrap(np.repeat(scores, 10, axis=0), np.repeat(np.arange(12), 10), seed=3)
    assert copied.n_groups == 12
    for name in ("mean", "ci_low", "ci_high", "rank_low", "rank_high", "share_best"):
        np.testing.assert_allclose(getattr(copied, name), getattr(once, name), atol=1e-12)
    alone = task_bootstrap(np.repeat(scores, 10, axis=0), seed=3)
    assert (alone.ci_high - alone.ci_low < 0.5 * (once.ci_high - once.ci_low)).all()


def test_weighted_sums_are_the_means_of_the_drawn_tasks():
    # Groups of 1, 2 and 3 tasks: every draw's mean is one of those that can be drawn.
    scores = np.arange(12.0).reshape(6, 2)
    groups = np.array(["a", "b", "b", "c", "c", "c"], dtype=object)
    found = task_bootstrap(scores, groups, n_resamples=500, level=0.999)
    members = {name: scores[groups == name] for name in "abc"}
    possible = [
        np.concatenate([members[x], members[y], members[z]]).mean(axis=0)
        for x in "abc"
        for y in "abc"
        for z in "abc"
    ]
    np.testing.assert_allclose(found.ci_low, np.min(possible, axis=0))
    np.testing.assert_allclose(found.ci_high, np.max(possible, axis=0))
