"""Calibration: identities, closed forms, scikit-learn's curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from engine.stats import brier_decomposition, calibration_error, reliability_curve, top_label


def forecasts(seed, n=400, decimals=3, power=1.5):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(n), decimals)
    return (rng.random(n) < p**power).astype(int), p


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3]),
    st.integers(1, 20),
    st.sampled_from(["width", "mass"]),
)
def test_the_parts_sum_to_the_brier_score(seed, decimals, n_bins, strategy):
    y, p = forecasts(seed, 60, decimals)
    parts = brier_decomposition(y, p, n_bins, strategy)
    assert parts.brier == pytest.approx(brier_score_loss(y, p), abs=1e-12)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within
    assert total == pytest.approx(parts.brier, abs=1e-12)
    assert min(parts.reliability, parts.resolution) >= 0


def test_one_probability_a_bin_leaves_nothing_within():
    # Murphy (1973): 0.25 came true in 1 of 4 cases, 0.75 in 3 of 4.
    y, p = [1, 0, 0, 0, 1, 1, 1, 0], [0.25] * 4 + [0.75] * 4
    assert brier_decomposition(y, p) == pytest.approx((0.1875, 0, 0.0625, 0.25, 0), abs=1e-15)
    assert calibration_error(y, p)[:2] == pytest.approx((0, 0), abs=1e-15)
    over = brier_decomposition(y, [0.0] * 4 + [1.0] * 4)
    assert over == pytest.approx((0.25, 0.0625, 0.0625, 0.25, 0), abs=1e-15)
    assert calibration_error(y, [0.0] * 4 + [1.0] * 4)[:2] == (0.25, 0.25)


@pytest.mark.parametrize(("strategy", "theirs"), [("width", "uniform"), ("mass", "quantile")])
@pytest.mark.parametrize("n_bins", [5, 12])
def test_the_curve_is_that_of_scikit_learn(strategy, theirs, n_bins):
    y, p = forecasts(1, 398, 12)  # 397 is prime: no quantile falls on a row
    curve = reliability_curve(y, p, n_bins, strategy)
    observed, predicted = calibration_curve(y, p, n_bins=n_bins, strategy=theirs)
    np.testing.assert_allclose(curve.observed, observed, atol=1e-12)
    np.testing.assert_allclose(curve.predicted, predicted, atol=1e-12)
    assert curve.rows.sum() == len(y)
    assert (curve.low[1:] >= curve.low[:-1]).all()
    error = calibration_error(y, p, n_bins, strategy)
    distance = np.abs(observed - predicted)
    assert error.ece == pytest.approx((curve.rows * distance).sum() / len(y))
    assert error.mce == pytest.approx(distance.max())
    assert (error.n_bins, error.strategy) == (n_bins, strategy)


def test_intervals_are_wilsons():
    # 8 of 10: 0.4902 to 0.9433 (Wilson 1927; Agresti and Coull, American Statistician 52:119).
    y, p = [1] * 8 + [0] * 2, [0.7] * 10
    curve = reliability_curve(y, p)
    assert len(curve.rows) == 1
    assert (curve.ci_low[0], curve.ci_high[0]) == pytest.approx((0.4902, 0.9433), abs=5e-5)


@pytest.mark.parametrize("hits", [0, 1, 50, 99, 100])
def test_intervals_of_rare_and_certain_events_are_those_of_scipy(hits):
    curve = reliability_curve([1] * hits + [0] * (100 - hits), [0.3] * 100, level=0.9)
    theirs = stats.binomtest(hits, 100).proportion_ci(0.9, method="wilson")
    assert (curve.ci_low[0], curve.ci_high[0]) == pytest.approx(tuple(theirs), abs=1e-15)


def test_bins_of_equal_mass_hold_equally_many_rows():
    y, p = forecasts(2, 400, 12)
    assert set(reliability_curve(y, p, 8, "mass").rows.tolist()) <= {49, 50, 51}


def test_calibrated_forecasts_have_a_small_error_and_others_a_large_one():
    assert calibration_error(*forecasts(3, 20_000, 6, power=1.0)).ece < 0.02
    assert calibration_error(*forecasts(3, 20_000, 6, power=3.0)).ece > 0.2


def test_more_classes_are_turned_into_right_or_wrong():
    scores = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]
    correct, confidence = top_label([1, 2, 2], scores)
    assert correct.tolist() == [1, 0, 1]
    assert confidence.tolist() == [0.5, 0.6, 0.7]
