"""The Bayesian signed-rank test gives what baycomp, its authors' package, gives."""

import numpy as np
import pytest

from engine.stats import bayes_signed_rank

# SignedRankTest.probs(zeros, differences, rope, nsamples=200_000, random_state=0) of baycomp 1.0.3.
BAYCOMP = [
    (
        [0.0213, -0.0044, 0.0352, 0.0121, 0.0087, -0.0151, 0.0276, 0.0503, 0.0012, 0.0194],
        {0.01: (0.00007, 0.16755, 0.83239), 0.0001: (0.00623, 1e-05, 0.99377)},
    ),
    (
        [0.0203, -0.0215, 0.0, 0.0112, -0.0127, 0.0304, -0.0531],
        {0.01: (0.43574, 0.31511, 0.24915), 0.02: (0.06546, 0.91950, 0.01505)},
    ),
    ([-0.1, -0.2, -0.15], {0.01: (0.99128, 0.00872, 0.0)}),
]


@pytest.mark.parametrize(("differences", "expected"), BAYCOMP)
def test_agrees_with_baycomp(differences, expected):
    for rope, probabilities in expected.items():
        found = bayes_signed_rank(differences, rope, n_samples=100_000)
        assert found == pytest.approx(probabilities, abs=0.006)
        assert sum(found) == pytest.approx(1)


def test_exchanging_the_models_turns_it_around():
    differences = np.array([0.03, -0.01, 0.02, 0.04])
    found, turned = bayes_signed_rank(differences), bayes_signed_rank(-differences)
    assert (turned.p_less, turned.p_rope, turned.p_greater) == tuple(found)[::-1]


def test_equal_models_are_equivalent():
    assert bayes_signed_rank(np.zeros(5)) == (0, 1, 0)


def test_a_draw_that_ties_is_split():
    """Without a margin, equal models are as often the better as the worse."""
    found = bayes_signed_rank([0.0, 0.0, 0.0, 0.0], rope=0.0)
    assert found.p_less == pytest.approx(found.p_greater)
    assert sum(found) == pytest.approx(1)
