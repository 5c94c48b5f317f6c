"""The partial AUC is scikit-learn's (pROC's: test_delong_proc.py); its test finds differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from engine.stats import auc_ci, bootstrap_ci, paired_bootstrap, partial_auc


def up_to(max_fpr):
    return lambda y, scores: partial_auc(y, scores, max_fpr)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 6]), st.floats(0.01, 1))
def test_value_is_that_of_scikit_learn(seed, decimals, max_fpr):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], rng.integers(2, 40, size=2)))
    scores = np.round(rng.normal(size=len(y)) + y, decimals)
    expected = roc_auc_score(y, scores, max_fpr=max_fpr)
    assert partial_auc(y, scores, max_fpr) == pytest.approx(expected, abs=1e-12)


def test_the_whole_curve_is_the_auc():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 25)
    scores = np.round(rng.normal(size=50) + y, 1)
    assert partial_auc(y, scores, 1.0) == pytest.approx(auc_ci(y, scores).auc, abs=1e-12)


def test_models_that_cross_are_told_apart_at_the_left_end():
    # b ranks a fifth of the positives above all negatives, the rest at random; a does the opposite.
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], 300)
    late = rng.normal(size=600) + 0.5 * y
    early = rng.normal(size=600) + 6 * ((y == 1) & (rng.random(600) < 0.25))
    found = paired_bootstrap(y, late, early, up_to(0.05), n_resamples=400)
    assert found.p < 0.01
    assert found.delta < 0
    assert found.value_a == partial_auc(y, late, 0.05)
    alone = bootstrap_ci(y, early, up_to(0.05), n_resamples=400)
    assert alone.ci_low < found.value_b == alone.value < alone.ci_high


def test_copies_of_rows_are_no_evidence_where_they_are_one_group():
    rng = np.random.default_rng(2)
    y = np.repeat([0, 1], 40)
    a, b = rng.normal(size=(2, 80)) + np.outer([1, 0.5], y)
    once, groups = np.arange(80), np.repeat(np.arange(80), 9)
    for found in (
        lambda rows, **of: bootstrap_ci(y[rows], a[rows], up_to(0.3), 400, **of).se,
        lambda rows, **of: paired_bootstrap(y[rows], a[rows], b[rows], up_to(0.3), 400, **of).se,
    ):
        assert found(groups, groups=groups) == pytest.approx(found(once), rel=0.2)
        assert found(groups) < found(once) / 2
