"""The variance of grouped rows is Obuchowski's, and holds its level where DeLong's does not."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats import (
    ZeroVarianceError,
    auc_ci,
    auc_covariance,
    delong_contrast,
    delong_omnibus,
    delong_test,
    delong_unpaired,
    macro_auc_ci,
    macro_auc_test,
)

GOLDEN = Path(__file__).parent / "golden" / "clustered.csv"


def numbers(text):
    return np.array(text.split(), dtype=float)


def test_agrees_with_the_functions_published_with_the_paper():
    with GOLDEN.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 36
    for line in lines:
        y, groups, a, b = (numbers(line[name]) for name in ("label", "group", "a", "b"))
        theirs = {name: float(line[name]) for name in list(line)[4:]}
        of_a, of_b = auc_ci(y, a, groups=groups), auc_ci(y, b, groups=groups)
        assert (of_a.auc, of_a.se) == pytest.approx((theirs["auc_a"], theirs["se_a"]), abs=1e-12)
        assert (of_b.auc, of_b.se) == pytest.approx((theirs["auc_b"], theirs["se_b"]), abs=1e-12)
        # They subtract the smaller from the larger.
        first, second = (a, b) if of_a.auc >= of_b.auc else (b, a)
        test = delong_test(y, first, second, groups=groups)
        ours = (test.delta, test.se, test.ci_low, test.ci_high, test.p)
        expected = [theirs[name] for name in ("delta", "se", "ci_low", "ci_high", "p")]
        assert ours == pytest.approx(expected, abs=1e-10)
        aucs, covariance = auc_covariance(y, [a, b], groups=groups)
        assert aucs.tolist() == [of_a.auc, of_b.auc]
        assert covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1] == pytest.approx(
            theirs["se"] ** 2, abs=1e-12
        )


def three_classes(rng, n_rows=60):
    y = rng.permutation(np.arange(n_rows) % 3)
    return y, np.round(rng.normal(size=(2, n_rows, 3)) + np.eye(3)[y], 1)


def test_a_group_a_row_is_the_variance_of_independent_rows():
    rng = np.random.default_rng(1)
    y, (a, b) = three_classes(rng)
    names = np.array([f"row {number}" for number in range(len(y))])
    assert macro_auc_test(y, a, b, groups=names) == pytest.approx(macro_auc_test(y, a, b))
    two, of_a, of_b = y[y < 2], a[y < 2, 1], b[y < 2, 1]
    rows = np.arange(len(two))
    for grouped, plain in (
        (auc_ci(two, of_a, groups=rows), auc_ci(two, of_a)),
        (delong_test(two, of_a, of_b, groups=rows), delong_test(two, of_a, of_b)),
        (
            delong_unpaired(two, of_a, two, of_b, groups_a=rows, groups_b=rows + 1000),
            delong_unpaired(two, of_a, two, of_b),
        ),
        (
            delong_contrast(two, [of_a, of_b], [1, -1], groups=rows),
            delong_contrast(two, [of_a, of_b], [1, -1]),
        ),
    ):
        assert grouped == pytest.approx(plain, rel=1e-9)
    grouped = delong_omnibus(two, [of_a, of_b], groups=rows)
    assert grouped.chi2 == pytest.approx(delong_omnibus(two, [of_a, of_b]).chi2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_copies_of_rows_add_no_evidence(seed, copies):
    # Copies grouped with their original leave the AUC; the standard error grows by no more than
    # what the small-sample factors do.
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], rng.integers(5, 20, size=2)))
    a, b = np.round(rng.normal(size=(2, len(y))) + y, 1)
    try:
        once = delong_test(y, a, b)
    except ZeroVarianceError:
        return
    groups = np.tile(np.arange(len(y)), copies)
    many = delong_test(*(np.tile(v, copies) for v in (y, a, b)), groups=groups)
    assert many.delta == pytest.approx(once.delta, abs=1e-12)
    assert many.se == pytest.approx(once.se, abs=1e-12)


def test_macro_variance_of_groups_is_the_jackknife_over_groups():
    # One group left out at a time: another estimate of the same variance.
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(90), 5)
    y = groups % 3
    a = rng.normal(size=(450, 3)) + rng.normal(size=(90, 3))[groups] + np.eye(3)[y]
    left_out = [macro_auc_ci(y[groups != g], a[groups != g]).auc for g in range(90)]
    jackknife = (90 - 1) ** 2 / 90 * np.var(left_out, ddof=1)
    assert macro_auc_ci(y, a, groups=groups).se ** 2 == pytest.approx(jackknife, rel=0.03)
    assert macro_auc_ci(y, a).se ** 2 < jackknife / 2


def test_the_names_and_order_of_groups_do_not_matter():
    rng = np.random.default_rng(3)
    y = rng.permutation(np.repeat([0, 1], 40))
    a, b = rng.normal(size=(2, 80)) + y
    groups = rng.integers(0, 12, size=80)
    plain = delong_test(y, a, b, groups=groups)
    named = delong_test(y, a, b, groups=np.array(list("lkjihgfedcba"), dtype=object)[groups])
    order = rng.permutation(80)
    shuffled = delong_test(y[order], a[order], b[order], groups=groups[order])
    assert named == pytest.approx(plain, rel=1e-12)
    assert shuffled == pytest.approx(plain, rel=1e-9)


def grouped_rows(rng, n_groups, group_size, n_models=2):
    """Rows of a group share their class and half of each model's noise; equal models."""
    groups = np.repeat(np.arange(n_groups), group_size)
    y = groups % 2
    shared = rng.normal(size=(n_models, n_groups))[:, groups]
    return y, groups, (shared + rng.normal(size=(n_models, len(y)))) / 2**0.5 + y


TRUE_AUC = 0.7602499389065233  # of unit normal classes one apart: Phi(1 / sqrt(2))


@pytest.mark.slow
@pytest.mark.parametrize(("n_groups", "group_size"), [(60, 10), (150, 4)])
def test_coverage_of_grouped_rows(n_groups, group_size):
    """Intervals of an AUC, a paired and an unpaired difference hold the truth in 93 to 97 %."""
    rng = np.random.default_rng(n_groups)
    n_simulations = 1000
    held, held_by_rows = np.zeros(3), np.zeros(3)
    for _ in range(n_simulations):
        y, groups, (a, b) = grouped_rows(rng, n_groups, group_size)
        y2, groups2, (c,) = grouped_rows(rng, n_groups, group_size, 1)
        for known, held_now in ((True, held), (False, held_by_rows)):
            of_a, of_both = (groups, groups2 + n_groups) if known else (None, None)
            one = auc_ci(y, a, groups=of_a)
            paired = delong_test(y, a, b, groups=of_a)
            unpaired = delong_unpaired(y, a, y2, c, groups_a=of_a, groups_b=of_both)
            held_now += [
                one.ci_low <= TRUE_AUC <= one.ci_high,
                paired.ci_low <= 0 <= paired.ci_high,
                unpaired.ci_low <= 0 <= unpaired.ci_high,
            ]
    coverage, by_rows = held / n_simulations, held_by_rows / n_simulations
    print(f"groups {coverage}, rows {by_rows}")
    assert (coverage > 0.93).all(), coverage
    assert (coverage < 0.97).all(), coverage
    assert (by_rows < 0.93).all(), "the simulation has no effect of groups"


def test_every_pair_of_three_models_has_the_variance_of_its_contrast():
    rng = np.random.default_rng(4)
    y, groups, scores = grouped_rows(rng, 20, 5, 3)
    for i, j in combinations(range(3), 2):
        weights = np.eye(3)[i] - np.eye(3)[j]
        contrast = delong_contrast(y, scores, weights, groups=groups)
        pair = delong_test(y, scores[i], scores[j], groups=groups)
        assert (contrast.delta, contrast.se, contrast.p) == pytest.approx(
            (pair.delta, pair.se, pair.p), rel=1e-9
        )
