"""McNemar's test is the exact binomial one, by published numbers and by statsmodels."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from engine.stats import mcnemar_test


def answers(both, only_a, only_b, neither):
    """Labels and two models' answers with these counts."""
    right_a = np.repeat([1, 1, 0, 0], [both, only_a, only_b, neither])
    right_b = np.repeat([1, 0, 1, 0], [both, only_a, only_b, neither])
    y = np.arange(len(right_a)) % 3
    return y, np.where(right_a, y, 9), np.where(right_b, y, 9)


def test_the_published_example():
    # Airway hyper-responsiveness before and after a transplantation, discordant pairs 1 and 7:
    # Fagerland, Lydersen and Laake (2013), table 5.
    rows = answers(1, 1, 7, 12)
    assert mcnemar_test(*rows).p == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_test(*rows, "midp").p == pytest.approx(0.0391, abs=5e-5)


@pytest.mark.parametrize("counts", [(50, 9, 1, 3), (0, 4, 4, 0), (3, 0, 6, 1), (500, 60, 41, 99)])
def test_agrees_with_statsmodels(counts):
    both, only_a, only_b, neither = counts
    found = mcnemar_test(*answers(*counts))
    theirs = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert found.p == pytest.approx(theirs, rel=1e-10)
    n = sum(counts)
    assert (found.accuracy_a, found.accuracy_b) == ((both + only_a) / n, (both + only_b) / n)
    assert found.delta == pytest.approx(found.accuracy_a - found.accuracy_b)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.ci_low < found.delta < found.ci_high
    seen = stats.binom.pmf(min(only_a, only_b), only_a + only_b, 0.5)
    expected = 1 if only_a == only_b else theirs - seen
    assert mcnemar_test(*answers(*counts), "midp").p == pytest.approx(expected)


def test_a_tiny_p_keeps_its_logarithm():
    found = mcnemar_test(*answers(10, 3000, 0, 10))
    assert found.p == 0
    assert found.log10_p == pytest.approx(np.log10(2) - 3000 * np.log10(2))


def test_interval_holds_the_true_difference():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        counts = rng.multinomial(80, [0.7, 0.15, 0.05, 0.1])
        found = mcnemar_test(*answers(*counts))
        held += found.ci_low <= 0.1 <= found.ci_high
    assert 0.93 < held / 1000 < 0.97
