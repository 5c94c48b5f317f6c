"""Two one-sided tests: by statsmodels, by the interval, and by their level at the margin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from engine.stats import delong_test, tost


def test_agrees_with_statsmodels():
    sample = np.random.default_rng(0).normal(0.1, 1, size=25)
    stats_of = DescrStatsW(sample)
    expected, _, _ = stats_of.ttost_mean(-0.5, 0.5)
    found = tost(stats_of.mean, stats_of.std_mean, 0.5, df=24)
    assert found.p == pytest.approx(expected, rel=1e-10)
    assert (found.ci_low, found.ci_high) == pytest.approx(stats_of.tconfint_mean(alpha=0.1))


@settings(max_examples=80, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(1e-4, 0.05), st.sampled_from([2.5, 30, float("inf")]))
def test_equivalent_is_the_interval_within_the_margin(delta, se, df):
    found = tost(delta, se, 0.01, df)
    inside = max(-found.ci_low, found.ci_high) < 0.01
    if min(abs(found.ci_low + 0.01), abs(found.ci_high - 0.01)) > 1e-9:
        assert found.equivalent == inside


def test_a_difference_at_the_margin_is_called_equal_as_often_as_the_level_says():
    rng = np.random.default_rng(1)
    delta = 0.01 + 0.002 * rng.normal(size=2000)
    claims = np.mean([tost(d, 0.002, 0.01).equivalent for d in delta])
    assert 0.04 < claims < 0.06


def test_not_different_is_not_equal():
    rng = np.random.default_rng(2)
    y = np.repeat([0, 1], 20)
    test = delong_test(y, *(rng.normal(size=(2, 40)) + y))
    assert test.p > 0.05
    assert not tost(test.delta, test.se, 0.01).equivalent


def test_a_tiny_p_keeps_its_logarithm():
    assert tost(0, 0.001, 0.1).log10_p < -2000
