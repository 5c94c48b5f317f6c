"""What bootstrap and permutation have in common."""

import numpy as np
import pytest

from engine.stats import auc_ci, paired_bootstrap, paired_permutation

both = pytest.mark.parametrize("compare", [paired_bootstrap, paired_permutation])


def auc(y, scores):
    return auc_ci(y, scores).auc


@both
def test_p_is_never_zero(compare):
    y = np.repeat([0, 1], 30)
    good = np.random.default_rng(0).normal(size=60) + 1.5 * y
    assert compare(y, good, -good, auc, n_resamples=200).p == 1 / 201


@both
def test_the_seed_decides(compare):
    y = np.repeat([0, 1], 30)
    a, b = np.random.default_rng(1).normal(size=(2, 60)) + 0.5 * y
    results = [compare(y, a, b, auc, n_resamples=200, seed=seed) for seed in (0, 0, 1)]
    assert results[0] == results[1]
    assert results[0] != results[2]


@both
def test_swapping_the_models_flips_the_sign_only(compare):
    y = np.repeat([0, 1], 30)
    a, b = np.random.default_rng(1).normal(size=(2, 60)) + 0.5 * y
    result, swapped = compare(y, a, b, auc, 200), compare(y, b, a, auc, 200)
    assert swapped.delta == -result.delta
    assert swapped.p == result.p


@both
def test_class_scores_have_a_row_per_label_and_a_column_per_class(compare):
    y = np.repeat([0, 1, 2], 8)
    rng = np.random.default_rng(3)
    good, guess = (rng.normal(size=(24, 3)) + skill * np.eye(3)[y] for skill in (3, 0))

    def accuracy(labels, scores):
        return float(np.mean(scores.argmax(axis=1) == labels))

    result = compare(y, good, guess, accuracy, n_resamples=300)
    assert result.delta > 0.3
    assert result.p < 0.05
