"""Draws that models share: one at a time or many at once, the same resamples."""

import numpy as np
import pytest

from engine.stats.bootstrap import bootstrap_ci, difference_of, interval_of, paired_bootstrap
from engine.stats.draws import draw
from engine.stats.method_level import method_metric_test, method_of

Y = np.repeat([0, 1], [25, 15])
A, B, C, D = np.random.default_rng(0).normal(size=(4, 40)) + Y


def accuracy(y, scores):
    return float(np.mean((scores > 0.5) == y))


def accuracy_over(y, scores):
    hit = ((scores > 0.5) == y).astype(float)
    return lambda weights: hit @ weights / weights.sum(axis=0)


@pytest.mark.parametrize("groups", [None, np.arange(40) // 2])
def test_many_at_once_are_the_same_as_one_at_a_time(groups, monkeypatch):
    monkeypatch.setattr("engine.stats.draws.MOST_WEIGHTS", 40 * 7)  # seven resamples at a time
    slow = draw(Y, [A, B], accuracy, 30, groups=groups)
    fast = draw(Y, [A, B], accuracy, 30, groups=groups, over=accuracy_over)
    np.testing.assert_allclose(fast.drawn, slow.drawn, rtol=1e-12)
    assert fast.drawn.shape == (2, 30)
    assert (fast.values == slow.values).all()
    assert fast.n_units == slow.n_units == (15 if groups is None else 8)


def test_tests_of_shared_draws_are_those_of_each_pair():
    draws = draw(Y, [A, B, C, D], accuracy, 50)
    assert interval_of(draws, 2) == bootstrap_ci(Y, C, accuracy, 50)
    assert difference_of(draws, 3, 1) == paired_bootstrap(Y, D, B, accuracy, 50)
    assert method_of(draws, [0, 1], [2, 3]) == method_metric_test(Y, [A, B], [C, D], accuracy, 50)


def test_a_model_whose_metric_is_not_finite_spoils_no_other():
    draws = draw(Y, [A, B, C], lambda y, s: np.nan if s[0] == B[0] else accuracy(y, s), 20)
    assert np.isfinite(difference_of(draws, 0, 2).p)
    with pytest.raises(ValueError, match="gives nan on 40 rows"):
        difference_of(draws, 0, 1)
