"""Many models at once: published numbers, and what contrast and omnibus test have in common."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from engine.stats import (
    ZeroVarianceError,
    auc_ci,
    auc_covariance,
    delong_contrast,
    delong_omnibus,
    delong_test,
)

# Albumin, total protein, K-G score and outcome of 43 patients (DeLong et al. 1988), as SAS prints
# them in its example "Comparing Receiver Operating Characteristic Curves" of PROC LOGISTIC.
PATIENTS = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1
3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0
2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1
3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0
3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""
ALBUMIN, PROTEIN, SCORE, OUTCOME = np.array(PATIENTS.split(), dtype=float).reshape(-1, 4).T
MODELS = [ALBUMIN, 10 - SCORE, PROTEIN]


def test_areas_of_the_published_example():
    published = [
        (0.7366, 0.0927, 0.5549, 0.9182),
        (0.7258, 0.1028, 0.5243, 0.9273),
        (0.6478, 0.1000, 0.4518, 0.8439),
    ]
    for scores, expected in zip(MODELS, published, strict=True):
        assert auc_ci(OUTCOME, scores) == pytest.approx(expected, abs=5.1e-5)


def test_contrasts_and_omnibus_test_of_the_published_example():
    omnibus = delong_omnibus(OUTCOME, MODELS)
    assert omnibus.df == 2
    assert (omnibus.chi2, omnibus.p) == pytest.approx((2.5340, 0.2817), abs=5.1e-5)
    published = {
        (1, -1, 0): (0.0108, 0.0953, -0.1761, 0.1976, 0.9102),
        (0, -1, 1): (-0.0780, 0.1046, -0.2830, 0.1271, 0.4561),
    }
    for weights, expected in published.items():
        found = delong_contrast(OUTCOME, MODELS, weights)
        ours = (found.delta, found.se, found.ci_low, found.ci_high, found.p)
        assert ours == pytest.approx(expected, abs=5.1e-5)


@st.composite
def scored_rows(draw, n_models):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = rng.permutation(np.repeat([0, 1], rng.integers(4, 30, size=2)))
    common = rng.normal(size=len(y))
    scores = common + rng.normal(size=(n_models, len(y))) + rng.uniform(0, 2, (n_models, 1)) * y
    return y, np.round(scores, draw(st.sampled_from([0, 1, 6])))


@settings(max_examples=60, deadline=None)
@given(scored_rows(2), st.sampled_from(["two-sided", "greater", "less"]))
def test_two_models_are_delongs_test(rows, alternative):
    y, scores = rows
    try:
        pair = delong_test(y, *scores, alternative)
    except ZeroVarianceError:
        with pytest.raises(ZeroVarianceError):
            delong_contrast(y, scores, [1, -1], alternative)
        with pytest.raises(ZeroVarianceError):
            delong_omnibus(y, scores)
        return
    contrast = delong_contrast(y, scores, [1, -1], alternative)._asdict()
    assert contrast.pop("df") == math.inf
    assert tuple(contrast.values()) == pytest.approx(pair[5:], abs=1e-9)
    omnibus = delong_omnibus(y, scores)
    assert omnibus.chi2 == pytest.approx(pair.z**2, rel=1e-9)
    assert omnibus.df == (pair.se > 0)
    assert omnibus.p == pytest.approx(delong_test(y, *scores).p, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(scored_rows(4), st.permutations(range(4)))
def test_omnibus_is_the_quadratic_form_whatever_the_order_and_the_copies(rows, order):
    y, scores = rows
    aucs, covariance = auc_covariance(y, scores)
    contrasts = np.column_stack([np.ones(3), -np.eye(3)])
    inner = contrasts @ covariance @ contrasts.T
    if np.linalg.cond(inner) > 1e9:
        return
    difference = contrasts @ aucs
    expected = difference @ np.linalg.solve(inner, difference)
    with_copies = [*scores[order], 3 * scores[0] + 1, scores[2]]
    for models in (scores, scores[order], with_copies):
        found = delong_omnibus(y, models)
        assert found.df == 3
        assert found.chi2 == pytest.approx(expected, rel=1e-6)
        assert found.p == pytest.approx(stats.chi2.sf(expected, 3), rel=1e-5)


def test_the_weights_only_set_the_scale():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    scores = rng.normal(size=(3, 60)) + y
    found = delong_contrast(y, scores, [2, -1, -1])
    halved = delong_contrast(y, scores, [1, -0.5, -0.5])
    assert found.delta == pytest.approx(2 * halved.delta)
    assert (found.z, found.p) == pytest.approx((halved.z, halved.p))
    aucs, covariance = auc_covariance(y, scores)
    weights = np.array([1, -0.5, -0.5])
    assert halved.delta == pytest.approx(weights @ aucs)
    assert halved.se**2 == pytest.approx(weights @ covariance @ weights)


def test_a_model_that_differs_without_variance_is_refused():
    y = np.repeat([0, 1], 5)
    with pytest.raises(ZeroVarianceError, match="direction"):
        delong_omnibus(y, [np.arange(10), np.ones(10), np.arange(10) ** 2])


def test_equal_models_are_found_to_differ_as_often_as_the_level_says():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 100)
    found = [
        delong_omnibus(y, rng.normal(size=200) + rng.normal(size=(4, 200)) + y).p < 0.05
        for _ in range(600)
    ]
    assert 0.03 < np.mean(found) < 0.075


@pytest.mark.slow
def test_the_logit_interval_holds_its_level_near_1_where_the_plain_one_does_not():
    # AUC 0.96, 15 rows of each class: the plain interval holds the truth in about 79 %.
    rng = np.random.default_rng(6)
    y = np.repeat([0, 1], 15)
    shift = stats.norm.ppf(0.96) * 2**0.5
    held = np.zeros(2)
    n_simulations = 1000
    for _ in range(n_simulations):
        scores = rng.normal(size=30) + shift * y
        for place, transform in enumerate(("none", "logit")):
            found = auc_ci(y, scores, transform=transform)
            held[place] += found.ci_low <= 0.96 <= found.ci_high
    plain, logit = held / n_simulations
    print(f"plain {plain:.3f}, logit {logit:.3f}")
    assert logit > plain + 0.03


def test_the_logit_interval_is_its_formula():
    found = auc_ci(OUTCOME, ALBUMIN, transform="logit")
    center, se = np.log(found.auc / (1 - found.auc)), found.se / (found.auc * (1 - found.auc))
    for bound, z in ((found.ci_low, -1.959963984540054), (found.ci_high, 1.959963984540054)):
        assert np.log(bound / (1 - bound)) == pytest.approx(center + z * se, rel=1e-12)
    assert found[:2] == auc_ci(OUTCOME, ALBUMIN)[:2]
