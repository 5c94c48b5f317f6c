"""The macro AUC, its variance and its test."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from engine.stats import (
    ZeroVarianceError,
    auc_ci,
    delong_test,
    macro_auc_ci,
    macro_auc_test,
    paired_bootstrap,
)


def three_classes(rng, sizes=(40, 25, 15), skill=1.0, shared=0.6):
    """Labels and two models' scores, related to each other, better than chance."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    common = rng.normal(size=(len(y), len(sizes)))
    models = []
    for _ in range(2):
        noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=common.shape)
        models.append(noise + skill * np.eye(len(sizes))[y])
    return y, models


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_two_classes_are_exactly_delong(seed, ties):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], rng.integers(2, 30, size=2)))
    a, b = np.round(rng.normal(size=(2, len(y))) + y, 0 if ties else 6)
    of_two = [np.column_stack([-scores, scores]) for scores in (a, b)]
    try:
        binary = delong_test(y, a, b)
    except ZeroVarianceError:
        with pytest.raises(ZeroVarianceError):
            macro_auc_test(y, *of_two)
        return
    assert macro_auc_test(y, *of_two) == pytest.approx(binary, rel=1e-9, abs=1e-9)
    assert macro_auc_ci(y, of_two[0]) == pytest.approx(auc_ci(y, a), abs=1e-14)


def test_value_is_that_of_scikit_learn():
    y, (a, _) = three_classes(np.random.default_rng(0))
    p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    expected = roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert macro_auc_ci(y, p).auc == pytest.approx(expected, abs=1e-14)


def test_variance_is_that_of_the_definition():
    # psi by comparing every row with every other, class by class.
    y, (a, _) = three_classes(np.random.default_rng(1), sizes=(9, 6, 4))
    a = np.round(a)
    psi = np.zeros(len(y))
    for i in range(len(y)):
        for k in range(3):
            others = (y != k) if y[i] == k else (y == k)
            sign = 1 if y[i] == k else -1
            above = (np.sign(sign * (a[i, k] - a[others, k])) + 1) / 2
            psi[i] += (
                above.mean() / (y == k).sum() / 3
                if y[i] == k
                else (above.mean() / (y != k).sum() / 3)
            )
    variance = sum((y == k).sum() * psi[y == k].var(ddof=1) for k in range(3))
    assert macro_auc_ci(y, a).se ** 2 == pytest.approx(variance, rel=1e-12)


def test_standard_errors_are_those_of_a_stratified_bootstrap():
    y, (a, b) = three_classes(np.random.default_rng(2), sizes=(80, 50, 30))

    def value(labels, scores):
        return macro_auc_ci(labels, scores).auc

    test = macro_auc_test(y, a, b)
    bootstrap = paired_bootstrap(y, a, b, value, n_resamples=1000)
    assert bootstrap.delta == pytest.approx(test.delta)
    assert bootstrap.se == pytest.approx(test.se, rel=0.1)  # 1,000 resamples: 2.2 % of noise


def test_models_that_differ_are_told_apart_and_equal_ones_are_not():
    rng = np.random.default_rng(3)
    y, (a, b) = three_classes(rng, sizes=(200, 150, 100))
    assert macro_auc_test(y, a, b).p > 0.05
    worse = b + 2 * rng.normal(size=b.shape)
    assert macro_auc_test(y, a, worse).p < 1e-6
    assert macro_auc_test(y, a, worse, "less").p > 0.999


def test_classes_leaves_a_class_without_rows_out():
    y, (a, b) = three_classes(np.random.default_rng(4))
    with_empty = [np.insert(scores, 1, 0.5, axis=1) for scores in (a, b)]
    relabelled = np.array([0, 2, 3])[y]
    with pytest.raises(ValueError, match="class 1 has 0 row"):
        macro_auc_ci(relabelled, with_empty[0])
    kept = macro_auc_test(relabelled, *with_empty, classes=[0, 2, 3])
    assert kept == macro_auc_test(y, a, b)
    assert macro_auc_ci(relabelled, with_empty[0], classes=[3, 0, 2]) == macro_auc_ci(y, a)


@pytest.mark.slow
def test_intervals_cover_the_population_value():
    # Gaussian scores: AUC of each class against the rest is Phi(skill / sqrt 2).
    from scipy.stats import norm

    rng = np.random.default_rng(5)
    truth = norm.cdf(1 / np.sqrt(2))
    covered, rejected, runs = 0, 0, 2000
    for _ in range(runs):
        y, (a, b) = three_classes(rng, sizes=(80, 50, 30))
        interval = macro_auc_ci(y, a)
        covered += interval.ci_low <= truth <= interval.ci_high
        rejected += macro_auc_test(y, a, b).p < 0.05
    assert 0.93 <= covered / runs <= 0.97
    assert 0.035 <= rejected / runs <= 0.065
