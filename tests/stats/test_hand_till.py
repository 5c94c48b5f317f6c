"""Hand and Till's M is scikit-learn's one-versus-one average, and does not know the frequencies."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.stats import (
    auc_ci,
    bootstrap_ci,
    delong_test,
    hand_till_auc,
    macro_auc_ci,
    paired_bootstrap,
)
from engine.stats.multiclass import macro_auc_test


def classified(rng, sizes=(40, 25, 15), skill=1.0, decimals=6):
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    logits = rng.normal(size=(2, len(y), len(sizes))) + skill * np.eye(len(sizes))[y]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return y, np.round(probabilities, decimals)


@pytest.mark.parametrize("sizes", [(40, 25, 15), (5, 90), (10, 10, 10, 70)])
@pytest.mark.parametrize("decimals", [1, 12])
def test_value_is_that_of_scikit_learn(sizes, decimals):
    y, (a, _) = classified(np.random.default_rng(0), sizes, decimals=12)
    expected = (
        roc_auc_score(y, a[:, 1])
        if len(sizes) == 2
        else roc_auc_score(y, a, multi_class="ovo", average="macro")
    )
    assert hand_till_auc(y, a) == pytest.approx(expected, abs=1e-12)
    if len(sizes) > 2:  # scikit-learn wants rows that sum to 1, so ties come from a monotone change
        coarse = np.round(a, decimals)
        coarse[:, 0] = 1 - coarse[:, 1:].sum(axis=1)
        expected = roc_auc_score(y, coarse, multi_class="ovo", average="macro")
        assert hand_till_auc(y, coarse) == pytest.approx(expected, abs=1e-12)


def test_a_class_without_rows_is_left_out_when_told():
    y, (a, _) = classified(np.random.default_rng(1), (30, 20))
    wide = np.column_stack([a, np.zeros(50)])
    assert hand_till_auc(y, wide, classes=[0, 1]) == hand_till_auc(y, a)


def test_interval_and_test_hold_the_value_and_find_a_real_difference():
    rng = np.random.default_rng(2)
    y, (a, b) = classified(rng, (60, 40, 30), skill=2.5)
    worse = (b + rng.dirichlet(np.ones(3), len(y)) * 4) / 5
    found = paired_bootstrap(y, a, worse, hand_till_auc, n_resamples=300)
    assert found.value_a == hand_till_auc(y, a)
    assert found.delta > 0
    assert found.p < 0.05
    alone = bootstrap_ci(y, a, hand_till_auc, n_resamples=300)
    assert alone.ci_low < alone.value < alone.ci_high
    assert alone == bootstrap_ci(y, a, hand_till_auc, n_resamples=300)


def test_areas_of_the_classes_average_to_the_macro_auc():
    y, (a, b) = classified(np.random.default_rng(3))
    areas = {k: auc_ci(y == k, a[:, k]) for k in range(3)}
    assert np.mean([area.auc for area in areas.values()]) == pytest.approx(macro_auc_ci(y, a).auc)
    for label, area in areas.items():
        assert area.auc == pytest.approx(roc_auc_score(y == label, a[:, label]), abs=1e-12)
    tests = {k: delong_test(y == k, a[:, k], b[:, k]) for k in range(3)}
    deltas = [test.delta for test in tests.values()]
    assert np.mean(deltas) == pytest.approx(macro_auc_test(y, a, b).delta, abs=1e-12)


def test_copies_of_rows_are_no_evidence_where_they_are_one_group():
    y, (a, b) = classified(np.random.default_rng(4), (30, 20, 20))
    once, groups = np.arange(70), np.repeat(np.arange(70), 9)
    for found in (
        lambda rows, **of: bootstrap_ci(y[rows], a[rows], hand_till_auc, 200, **of).se,
        lambda rows, **of: paired_bootstrap(y[rows], a[rows], b[rows], hand_till_auc, 200, **of).se,
    ):
        assert found(groups, groups=groups) == pytest.approx(found(once), rel=0.25)
        assert found(groups) < found(once) / 2
