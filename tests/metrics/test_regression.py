"""Metrics of numbers are those of SciPy and scikit-learn; constants have a stated result."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from engine.kinds import find_kind
from engine.metrics import METRICS, compute, compute_all, metrics_of

KIND = find_kind("regression")

NAMES = metrics_of(KIND)


@st.composite
def predictions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(3, 40))
    y = rng.normal(size=rows) * 10.0 ** draw(st.integers(-6, 6))
    predicted = draw(st.sampled_from([0.0, 0.5, 3.0])) * y + y.std() * rng.normal(size=rows)
    if draw(st.booleans()):
        y, predicted = (np.round(2 * x / y.std()) / 2 for x in (y, predicted))
    assume(np.ptp(y) > 0)
    assume(np.ptp(predicted) > 0)
    return y, predicted


@settings(max_examples=40, deadline=None)
@given(predictions())
def test_all_metrics_are_those_of_scipy_and_scikit_learn(case):
    y, predicted = case
    expected = {
        "spearman": stats.spearmanr(y, predicted).statistic,
        "pearson": stats.pearsonr(y, predicted).statistic,
        "r2": sk.r2_score(y, predicted),
        "mse": sk.mean_squared_error(y, predicted),
        "rmse": sk.root_mean_squared_error(y, predicted),
    }
    found = compute_all(y, predicted[:, None], KIND)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    for name, value in found.items():
        low, high = METRICS[name].range
        assert low <= value <= high


def test_closed_forms():
    y, predicted = np.array([1.0, 2.0, 4.0]), np.array([[1.0], [4.0], [2.0]])
    expected = {"spearman": 0.5, "mse": 8 / 3, "rmse": math.sqrt(8 / 3), "r2": 1 - 8 / (14 / 3)}
    found = compute_all(y, predicted, KIND)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert compute_all(y, y[:, None], KIND) == pytest.approx(
        {"spearman": 1, "pearson": 1, "r2": 1, "mse": 0, "rmse": 0}
    )


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e300])
def test_constant_predictions_correlate_with_nothing(constant):
    y = np.arange(10.0)
    scores = np.full((10, 1), constant)
    assert compute("pearson", y, scores, KIND) == compute("spearman", y, scores, KIND) == 0
    assert compute("r2", y, np.full((10, 1), y.mean()), KIND) == 0


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_correlations_do_not_depend_on_the_scale(scale):
    rng = np.random.default_rng(0)
    y = rng.normal(size=20)
    scores = y[:, None] + rng.normal(size=(20, 1))
    for name in ("pearson", "spearman"):
        assert compute(name, y, scores * scale, KIND) == pytest.approx(
            compute(name, y, scores, KIND)
        )


COLUMN = np.arange(3.0)[:, None]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("y", "scores", "words"),
    [
        pytest.param([2.5, 2.5, 2.5], COLUMN, r"only \[2.5\]", id="constant values"),
        pytest.param(np.empty(0), np.empty((0, 1)), r"only \[\]", id="no rows"),
        pytest.param([1.0, math.nan, 2.0], COLUMN, "finite, but row 1 is nan", id="NaN"),
        pytest.param([1.0, math.inf, 2.0], COLUMN, "finite, but row 1 is inf", id="infinite"),
        pytest.param([1.0, 2.0, 3.0], COLUMN * math.nan, "scores must be finite", id="NaN scores"),
        pytest.param([1.0, 2.0], COLUMN, "3 rows of scores", id="fewer values"),
    ],
)
def test_wrong_input_is_a_value_error_of_one_line(name, y, scores, words):
    with pytest.raises(ValueError, match=words) as caught:
        compute(name, y, scores, KIND)
    assert "\n" not in str(caught.value)
