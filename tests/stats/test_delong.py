"""Properties that DeLong's method must have, whatever the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from engine.stats import ZeroVarianceError, auc_ci, auc_covariance, delong_test, delong_unpaired

quick = settings(max_examples=60, deadline=None)


@st.composite
def scored_rows(draw, models=2):
    """Labels with two of each class at least, and whole-number scores with many ties."""
    counts = st.integers(min_value=2, max_value=15)
    y = np.repeat([0, 1], [draw(counts), draw(counts)])
    y = y[draw(st.permutations(range(len(y))))]
    score = st.integers(min_value=-6, max_value=6)
    scores = draw(st.lists(score, min_size=models * len(y), max_size=models * len(y)))
    return y, np.array(scores, dtype=float).reshape(models, len(y))


def by_definition(y, scores):
    """DeLong et al. (1988) as written: every positive against every negative."""
    pairs = [(np.sign(np.subtract.outer(row[y == 1], row[y == 0])) + 1) / 2 for row in scores]
    v10 = np.array([pair.mean(axis=1) for pair in pairs])
    v01 = np.array([pair.mean(axis=0) for pair in pairs])
    s10, s01 = np.atleast_2d(np.cov(v10)), np.atleast_2d(np.cov(v01))
    return v10.mean(axis=1), s10 / v10.shape[1] + s01 / v01.shape[1]


def test_or_zero_variance(*arguments):
    """The test's result, or None where it has none."""
    try:
        return delong_test(*arguments)
    except ZeroVarianceError:
        return None


test_or_zero_variance.__test__ = False


@quick
@given(scored_rows(models=3))
def test_aucs_and_covariance_are_the_definition(rows):
    y, scores = rows
    aucs, covariance = auc_covariance(y, scores)
    expected_aucs, expected_covariance = by_definition(y, scores)
    np.testing.assert_allclose(aucs, expected_aucs, atol=1e-14)
    np.testing.assert_allclose(covariance, expected_covariance, atol=1e-14)


@quick
@given(scored_rows(models=1))
def test_auc_is_mann_whitney_and_scikit_learn(rows):
    y, (scores,) = rows
    auc = auc_ci(y, scores).auc
    positives, negatives = scores[y == 1], scores[y == 0]
    u = stats.mannwhitneyu(positives, negatives).statistic
    assert auc == pytest.approx(u / (len(positives) * len(negatives)), abs=1e-14)
    assert auc == pytest.approx(roc_auc_score(y, scores), abs=1e-14)


@quick
@given(scored_rows(models=5))
def test_covariance_is_positive_semidefinite(rows):
    _, covariance = auc_covariance(*rows)
    assert (covariance == covariance.T).all()
    assert np.linalg.eigvalsh(covariance).min() > -1e-15


@quick
@given(scored_rows())
def test_only_the_order_of_scores_matters(rows):
    y, (a, b) = rows
    assert test_or_zero_variance(y, np.exp(a), b**3 + 100) == test_or_zero_variance(y, a, b)


@quick
@given(scored_rows())
def test_the_order_of_rows_does_not_matter(rows):
    y, (a, b) = rows
    result, turned = (
        test_or_zero_variance(y, a, b),
        test_or_zero_variance(y[::-1], a[::-1], b[::-1]),
    )
    assert (result is None) == (turned is None)
    if result is not None:
        assert turned == pytest.approx(result, abs=1e-9)


@quick
@given(scored_rows())
def test_swapping_the_models_flips_the_sign(rows):
    y, (a, b) = rows
    result, swapped = test_or_zero_variance(y, a, b), test_or_zero_variance(y, b, a)
    assert (result is None) == (swapped is None)
    if result is not None:
        assert swapped.delta == -result.delta
        assert swapped.z == pytest.approx(-result.z, abs=1e-9)
        assert swapped.p == pytest.approx(result.p, abs=1e-9)
        assert swapped.ci_low == pytest.approx(-result.ci_high, abs=1e-9)
        greater = delong_test(y, a, b, "greater").p
        assert greater == pytest.approx(delong_test(y, b, a, "less").p, abs=1e-9)


@quick
@given(scored_rows())
def test_exchanging_the_labels_turns_the_auc_around(rows):
    y, (a, b) = rows
    result, relabelled = test_or_zero_variance(y, a, b), test_or_zero_variance(1 - y, a, b)
    assert (result is None) == (relabelled is None)
    if result is not None:
        assert relabelled.auc_a == pytest.approx(1 - result.auc_a, abs=1e-14)
        assert relabelled.z == pytest.approx(-result.z, abs=1e-9)
        assert relabelled.p == pytest.approx(result.p, abs=1e-9)


@quick
@given(scored_rows())
def test_standard_error_is_the_contrast_of_the_covariance_matrix(rows):
    y, (a, b) = rows
    result = test_or_zero_variance(y, a, b)
    if result is not None:
        _, covariance = auc_covariance(y, [a, b])
        contrast = np.array([1, -1])
        assert result.se**2 == pytest.approx(contrast @ covariance @ contrast, abs=1e-14)


@quick
@given(scored_rows())
def test_one_sided_p_values_add_up_to_one(rows):
    y, (a, b) = rows
    result = test_or_zero_variance(y, a, b)
    if result is not None:
        greater, less = (delong_test(y, a, b, side).p for side in ("greater", "less"))
        assert greater + less == pytest.approx(1)
        assert result.p == pytest.approx(2 * min(greater, less))
        assert 10**result.log10_p == pytest.approx(result.p)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint64, np.int64, np.float32])
def test_the_type_of_labels_does_not_matter(dtype):
    y = np.array([0, 1, 0, 1, 1, 0, 1, 0])
    a, b = np.arange(8.0), np.array([3, 1, 4, 1, 5, 9, 2, 6])
    assert delong_test(y.astype(dtype), a, b) == delong_test(y, a, b)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float16, np.float32])
def test_the_type_of_scores_does_not_matter(dtype):
    y = np.array([0, 1, 0, 1, 1, 0, 1, 0])
    a, b = np.array([0, 1, 0, 1, 1, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 0, 1, 0])
    assert delong_test(y, a.astype(dtype), b.astype(dtype)) == delong_test(y, a, b)


def test_log10_p_stays_finite_where_p_underflows():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 2000)
    good, bad = rng.normal(size=4000) + 4 * y, rng.normal(size=4000)
    for result in (delong_test(y, good, bad), delong_unpaired(y, good, y, bad)):
        assert result.p == 0
        assert -1e5 < result.log10_p < -300


def test_a_wider_level_gives_a_wider_interval():
    y, a, b = [0, 0, 1, 1, 0, 1], [1, 2, 3, 4, 5, 6], [3, 1, 2, 6, 4, 5]
    low, high = delong_test(y, a, b, level=0.8), delong_test(y, a, b, level=0.99)
    assert high.ci_low < low.ci_low < low.delta < low.ci_high < high.ci_high
    half_width = stats.norm.ppf(0.9) * low.se
    assert low.ci_high == pytest.approx(low.delta + half_width)


@pytest.mark.slow
def test_false_positive_rate_is_the_level():
    # Two models of equal AUC in the population, correlated scores, 2,000 data sets.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 100])
    rejected = 0
    for _ in range(2000):
        common = rng.normal(size=250)
        a, b = (common + rng.normal(size=250) + y for _ in range(2))
        rejected += delong_test(y, a, b).p < 0.05
    assert 0.04 <= rejected / 2000 <= 0.062  # 0.05 plus or minus two and a half standard errors
