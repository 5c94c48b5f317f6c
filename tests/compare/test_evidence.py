"""Two fitted models and their test; one model and its interval."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import matthews_corrcoef

from engine.compare.by_area import Areas
from engine.compare.evidence import gather, interval, method_test, paired_test
from engine.kinds.classification import KIND as CLASSES
from engine.stats import auc_ci, delong_test, macro_auc_ci
from tests.compare.fits import BINARY, THREE, scores, welch_df


def test_a_bootstrap_is_the_test_of_methods_without_luck_of_seeds(monkeypatch):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 100)
    groups = [f"g{row % 8}" for row in range(len(BINARY))]
    a, b = scores(BINARY, 1.0, 1), scores(BINARY, 0.5, 2)
    for known in (None, groups):
        evidence = gather("mcc", CLASSES, BINARY, [a, b], known)
        of_fits = paired_test(evidence, a, b)
        of_methods = method_test(evidence, [a, a], [b, b]).result
        assert of_methods is not None
        assert (of_fits["p"], of_fits["df"]) == pytest.approx((of_methods.p, of_methods.df))


def test_a_value_by_mcc_is_that_of_scikit_learn(monkeypatch):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)
    a = scores(BINARY, 1.0, 1)
    b = scores(BINARY, 0.5, 2)
    result = paired_test(gather("mcc", CLASSES, BINARY, [a, b]), a, b)
    expected = matthews_corrcoef(BINARY, a.argmax(axis=1)) - matthews_corrcoef(
        BINARY, b.argmax(axis=1)
    )
    assert result["delta"] == pytest.approx(expected, abs=1e-12)


def test_few_groups_are_tested_with_few_degrees_of_freedom():
    groups = [f"g{row % 8}" for row in range(len(BINARY))]
    a, b = scores(BINARY, 1.5, 1), scores(BINARY, 0.8, 2)
    plain = delong_test(BINARY, a[:, 1], b[:, 1], groups=groups)
    found = paired_test(gather("auroc", CLASSES, BINARY, [a, b], groups), a, b)
    assert (found["se"], found["z"]) == (plain.se, plain.z)
    df = welch_df(BINARY, groups, a, b)
    assert found["df"] == pytest.approx(df)
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(plain.z), df))
    half_width = stats.t.ppf(0.975, df) * plain.se
    assert found["ci_high"] == pytest.approx(plain.delta + half_width)
    assert found["ci_low"] == pytest.approx(plain.delta - half_width)


def test_intervals_follow_the_metric_and_the_number_of_classes(monkeypatch):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 200)
    three = scores(THREE, 1.0, 1)
    expected = macro_auc_ci(THREE, three)
    assert interval(gather("auroc", CLASSES, THREE, [three]), three) == (
        expected.ci_low,
        expected.ci_high,
    )
    low, high = interval(gather("accuracy", CLASSES, THREE, [three]), three)
    assert low < np.mean(three.argmax(axis=1) == THREE) < high
    narrow = interval(gather("auroc", CLASSES, THREE, [three]), three, level=0.5)
    assert expected.ci_low < narrow[0] < narrow[1] < expected.ci_high


def test_an_interval_over_few_groups_is_students_and_stays_within_one():
    groups = [f"g{row % 8}" for row in range(len(BINARY))]
    a = scores(BINARY, 1.0, 1)
    area = auc_ci(BINARY, a[:, 1], groups=groups)
    half_width = stats.t.ppf(0.975, welch_df(BINARY, groups, a)) * area.se
    found = Areas(BINARY, groups).interval(a, 0.95)
    assert found == pytest.approx((area.auc - half_width, min(1, area.auc + half_width)))
    perfect = np.column_stack([1.0 - BINARY, BINARY])
    assert Areas(BINARY, groups).interval(perfect, 0.95) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["auroc", "mcc"])
def test_intervals_over_eight_groups_hold_the_truth(metric, monkeypatch):
    # Plain percentiles held it in 88 %, a normal interval of the AUC in 92 %.
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 300)
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(8), 25)
    spread = np.sqrt(1 + 0.3**2)  # of scores within a class: rows, and groups with their own luck
    right, wrong = stats.norm.sf([-0.6 / spread, 0.6 / spread])
    truth = {"auroc": stats.norm.cdf(1.2 / spread / np.sqrt(2)), "mcc": right - wrong}[metric]
    held = 0
    for _ in range(300):
        y = rng.permutation(np.repeat([0, 1], 100))
        luck = rng.normal(0, 0.3, size=(8, 2))[groups, y]
        score = stats.norm.cdf(1.2 * y - 0.6 + luck + rng.normal(size=200))
        both = np.column_stack([1 - score, score])
        low, high = interval(gather(metric, CLASSES, y, [both], groups), both)
        held += low <= truth <= high
    assert 0.92 <= held / 300 <= 0.98
