"""The method-level test is Welch's where rows have no luck, DeLong's where seeds have none."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.stats import (
    agreement,
    auc_ci,
    auc_covariance,
    delong_test,
    macro_auc_test,
    method_auc_test,
    method_difference,
    method_metric_test,
    tost,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from method_level import share_of_claims, simulated_study


def study(seed=0, **changes):
    setting = {"n_rows": 400, "n_seeds": 4, "sd_seed": 0.02} | changes
    return simulated_study(np.random.default_rng(seed), **setting)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("sizes", [(3, 3), (2, 5), (10, 4)])
def test_without_luck_of_the_rows_it_is_welchs_test(sizes, alternative):
    rng = np.random.default_rng(1)
    a, b = (rng.normal(0.8, sd, size=n) for sd, n in zip((0.02, 0.01), sizes, strict=True))
    found = method_difference(a, b, lambda weights: 0.0, 99, alternative)
    theirs = stats.ttest_ind(a, b, equal_var=False, alternative=alternative)
    assert (found.t, found.p, found.df) == pytest.approx(
        (theirs.statistic, theirs.pvalue, theirs.df)
    )
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(interval))
    assert (found.var_test, found.sd_seed_a) == (0, pytest.approx(a.std(ddof=1)))


def test_without_luck_of_the_seeds_it_is_delongs_variance():
    y, _, a, b = study()
    same_a, same_b = np.tile(a[0], (3, 1)), np.tile(b[0], (5, 1))
    found, pair = method_auc_test(y, same_a, same_b), delong_test(y, a[0], b[0])
    assert (found.delta, found.se, found.t) == pytest.approx((pair.delta, pair.se, pair.z))
    assert (found.var_seed, found.sd_seed_a, found.sd_seed_b) == pytest.approx((0, 0, 0), abs=1e-12)
    # Welch's degrees of freedom, of how each row takes part (by definition, in O(m n)).
    placed = [((s[y == 1][:, None] > s[y == 0]).astype(float)) for s in (a[0], b[0])]
    shares = placed[0] - placed[1]
    welch = stats.ttest_ind(shares.mean(axis=1), shares.mean(axis=0), equal_var=False)
    assert found.df == pytest.approx(welch.df)
    assert (found.n_seeds_a, found.n_seeds_b) == (3, 5)


def test_degrees_of_freedom_are_at_least_those_of_two_values():
    # Seeds differ by 0.04 and their luck with the rows explains all of it: nothing is left of
    # var_seed, but all of s2 stands in Satterthwaite's denominator (0.0003 degrees of freedom).
    a, b = np.array([0.78, 0.82]), np.array([0.70, 0.70])

    def variance(weights):
        return 1e-6 if weights[:2].sum() > 0.5 else 8e-4

    found = method_difference(a, b, variance, df_test=9)
    assert (found.sd_seed_a, found.df) == (0, 1)
    assert found.p == pytest.approx(2 * stats.cauchy.sf(found.delta / 1e-3))


def test_parts_of_the_variance_are_the_moments():
    y, groups, a, b = study(3, group_size=4)
    for known in (None, groups):
        found = method_auc_test(y, a, b, groups=known)
        aucs, covariance = auc_covariance(y, [*a, *b], groups=known)
        weights = np.repeat([1 / 4, -1 / 4], 4)
        assert found.delta == pytest.approx(weights @ aucs)
        assert found.var_test == pytest.approx(weights @ covariance @ weights)
        expected = 0.0
        for part, sd in ((slice(0, 4), found.sd_seed_a), (slice(4, 8), found.sd_seed_b)):
            inner = covariance[part, part]
            by_rows = np.diag(inner).mean() - inner[~np.eye(4, dtype=bool)].mean()
            of_seeds = max(0.0, aucs[part].var(ddof=1) - by_rows)
            assert sd**2 == pytest.approx(of_seeds)
            expected += of_seeds / 4
        assert found.var_seed == pytest.approx(expected)
        assert found.se**2 == pytest.approx(found.var_seed + found.var_test)


def test_groups_of_one_class_each_are_units_of_their_class():
    """With a group a row, groups change nothing; groups that hold both classes are counted once."""
    y, _, a, b = study(2, n_rows=60)
    one_each = method_auc_test(y, a, b, groups=np.arange(60))
    assert one_each.df == pytest.approx(method_auc_test(y, a, b).df)
    mixed = np.arange(60) % 5
    same_a, same_b = np.tile(a[0], (3, 1)), np.tile(b[0], (3, 1))
    assert method_auc_test(y, same_a, same_b, groups=mixed).df <= 4


@pytest.mark.parametrize("difficulty", [0.5, 2.0])
def test_a_rare_class_makes_no_false_claims(difficulty):
    """Two equal models whose fits do not depend on the seed; 4 positives, 200 negatives."""
    rng = np.random.default_rng(5)
    y = np.repeat([1, 0], [4, 200])
    claims = 0
    for _ in range(300):
        common, *own = rng.normal(size=(3, 204))
        a, b = (common + noise + difficulty * y for noise in own)
        claims += method_auc_test(y, [a, a], [b, b]).p < 0.05
    # At 5 % more claims than this come once in a hundred runs.
    assert claims <= stats.binom.isf(0.01, 300, 0.05)


def test_the_luck_of_seeds_is_found_on_average():
    sds = [
        method_auc_test(*np.array(study(s, n_seeds=10), dtype=object)[[0, 2, 3]]) for s in range(60)
    ]
    found = np.sqrt(np.mean([result.sd_seed_a**2 for result in sds]))
    assert found == pytest.approx(0.02, rel=0.12)


def test_any_metric_by_bootstrap_agrees_with_the_closed_form():
    y, groups, a, b = study(4, n_rows=200, group_size=2, n_seeds=3)

    def auc(labels, scores):
        return auc_ci(labels, scores).auc

    for known in (None, groups):
        closed = method_auc_test(y, a, b, groups=known)
        drawn = method_metric_test(y, a, b, auc, n_resamples=150, groups=known)
        assert drawn.delta == pytest.approx(closed.delta)
        assert drawn.var_test == pytest.approx(closed.var_test, rel=0.25)
        assert drawn.se == pytest.approx(closed.se, rel=0.1)


def test_measured_values_have_methods_too():
    # Mean squared error: its variance over rows is known without a bootstrap.
    rng = np.random.default_rng(8)
    y = rng.normal(size=300)
    a, b = y + rng.normal(0, 0.5, size=(2, 4, 300))

    def loss(values, scores):
        return float(((values - scores) ** 2).mean())

    found = method_metric_test(y, a, b, loss, n_resamples=400, by_class=False)
    losses_a, losses_b = ((y - a) ** 2).mean(axis=0), ((y - b) ** 2).mean(axis=0)
    assert found.delta == pytest.approx((losses_a - losses_b).mean())
    assert found.var_test == pytest.approx((losses_a - losses_b).var(ddof=1) / 300, rel=0.2)
    groups = np.arange(300) // 3
    assert method_metric_test(y, a, b, loss, 50, by_class=False, groups=groups).p <= 1


def test_the_variance_of_few_groups_is_unbiased():
    # The mean of 8 groups of 5 rows: resamples of 8 see seven eighths of its variance.
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(8), 5)
    y = rng.normal(size=40)
    a, b = y + rng.normal(size=(2, 8))[:, groups]
    found = method_metric_test(
        y,
        [a, a],
        [b, b],
        lambda _, scores: float(scores.mean()),
        4000,
        by_class=False,
        groups=groups,
    )
    of_group = (a - b)[::5]
    assert found.var_test == pytest.approx(of_group.var(ddof=1) / 8, rel=0.06)


def test_more_than_two_classes():
    rng = np.random.default_rng(5)
    y = np.arange(150) % 3
    a, b = rng.normal(size=(2, 3, 150, 3)) + np.eye(3)[y]
    found = method_auc_test(y, a, b)
    deltas = [macro_auc_test(y, a[seed], b[seed]).delta for seed in range(3)]
    assert found.delta == pytest.approx(np.mean(deltas))
    wide = np.concatenate([a, np.zeros((3, 150, 1))], axis=2)
    with_empty = np.concatenate([b, np.zeros((3, 150, 1))], axis=2)
    assert method_auc_test(y, wide, with_empty) == pytest.approx(found)


def test_swapping_the_methods_flips_the_sign():
    y, _, a, b = study(6)
    found, swapped = method_auc_test(y, a, b), method_auc_test(y, b, a)
    assert swapped.delta == -found.delta
    assert swapped.p == pytest.approx(found.p)
    halves = [method_auc_test(y, a, b, side).p for side in ("greater", "less")]
    assert sum(halves) == pytest.approx(1)
    assert 2 * min(halves) == pytest.approx(found.p)


def test_equivalence_follows_from_its_t_distribution():
    y, _, a, b = study(7, n_rows=4000, n_seeds=10, sd_seed=0.002)
    found = method_auc_test(y, a, b)
    result = tost(found.delta, found.se, 0.03, found.df)
    expected = stats.t.sf((0.03 - abs(found.delta)) / found.se, found.df)
    assert result.p == pytest.approx(expected)
    assert result.equivalent


@pytest.mark.parametrize(
    ("p_fits", "p_methods", "label"),
    [
        (0.01, 0.01, "significant"),
        (0.01, 0.2, "mixed"),
        (0.2, 0.01, "mixed"),
        (0.05, 0.2, "not significant"),
        (float("nan"), 0.01, "no test"),
        (0.01, float("nan"), "no test"),
    ],
)
def test_fits_and_methods_may_disagree(p_fits, p_methods, label):
    assert agreement(p_fits, p_methods) == label


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {"n_rows": 500, "n_seeds": 3, "sd_seed": 0.01},
        {"n_rows": 500, "n_seeds": 3, "sd_seed": 0.02},
        {"n_rows": 1000, "n_seeds": 5, "sd_seed": 0.015},
        {"n_rows": 500, "n_seeds": 10, "sd_seed": 0.015},
        {"n_rows": 1000, "n_seeds": 5, "sd_seed": 0.015, "group_size": 10},
    ],
    ids=str,
)
def test_false_claims_keep_the_level_where_delongs_do_not(setting):
    """Methods equal in expectation: 3 to 7 % of claims at 0.05; a real difference is found."""
    delong, method = share_of_claims(1000, seed=1, **setting)
    power = share_of_claims(100, seed=2, difference=0.06, **setting)[1]
    print(f"{setting}: DeLong {delong:.3f}, method level {method:.3f}, power at 0.06 {power:.3f}")
    assert 0.03 <= method <= 0.07
    assert delong > 0.1
    assert power > 0.5
