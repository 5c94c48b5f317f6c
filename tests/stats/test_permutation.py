"""The permutation test is exact, and answers where DeLong's test cannot."""

import numpy as np
import pytest

from engine.stats import auc_ci, paired_permutation


def auc(y, scores):
    return auc_ci(y, scores).auc


def accuracy(y, scores):
    return float(np.mean((scores > 0.5) == y))


def test_is_the_exact_sign_test_on_accuracy():
    # Only a is right on 9 rows, only b on 1: the exact sign test (McNemar) gives 22 / 1024.
    y = np.repeat([0, 1], 10)
    a, b = y.astype(float), y.astype(float)
    b[:9] = 1 - b[:9]
    a[19] = 0
    result = paired_permutation(y, a, b, accuracy, n_resamples=4000)
    assert result.delta == pytest.approx(0.4)
    assert result.p == pytest.approx(22 / 1024, abs=0.007)


@pytest.mark.parametrize(("n", "low", "high"), [(2, 0.05, 1), (30, 0, 0.01)])
def test_perfect_against_constant_has_a_p_value(n, low, high):
    # Ranks within each model: four rows say little, sixty say much.
    y = np.repeat([0, 1], n)
    perfect = np.arange(1, 2 * n + 1)
    constant = np.full(2 * n, perfect.mean())
    assert low <= paired_permutation(y, perfect, constant, auc, n_resamples=500).p <= high
