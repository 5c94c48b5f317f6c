"""The bootstrap is paired, stratified by class, and agrees with closed forms."""

import numpy as np
import pytest

from engine.stats import auc_ci, bootstrap_ci, delong_test, paired_bootstrap


def auc(y, scores):
    return auc_ci(y, scores).auc


def accuracy(y, scores):
    return float(np.mean((scores > 0.5) == y))


def test_agrees_with_delong_on_the_auc():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], 60))
    common = rng.normal(size=120)
    a, b = (common + rng.normal(size=120) + shift * y for shift in (1.5, 0.8))
    delong, bootstrap = delong_test(y, a, b), paired_bootstrap(y, a, b, auc, n_resamples=1000)
    assert bootstrap.delta == pytest.approx(delong.delta)
    assert bootstrap.se == pytest.approx(delong.se, rel=0.1)
    assert bootstrap.ci_low == pytest.approx(delong.ci_low, abs=0.2 * delong.se)
    assert bootstrap.ci_high == pytest.approx(delong.ci_high, abs=0.2 * delong.se)
    assert bootstrap.p == pytest.approx(delong.p, abs=0.02)


def test_standard_error_of_accuracy_is_the_closed_form():
    # Rows of a class are right for a only, for b only, or alike: a multinomial within the class.
    y = np.repeat([0, 1], [60, 40])
    right_a = np.repeat([1, 0, 1, 0], [50, 10, 30, 10])
    right_b = np.repeat([1, 0, 1, 0], [40, 20, 30, 10])[::-1]
    a, b = (np.where(right == 1, y, 1 - y) for right in (right_a, right_b))
    difference = right_a - right_b
    variance = sum((y == k).sum() * difference[y == k].var() for k in (0, 1)) / 100**2
    bootstrap = paired_bootstrap(y, a, b, accuracy, n_resamples=4000)
    assert bootstrap.value_a == 0.8
    assert bootstrap.delta == pytest.approx(0.1)
    assert bootstrap.se == pytest.approx(np.sqrt(variance), rel=0.05)


def test_interval_of_one_model_is_the_closed_form():
    # Accuracy with 50 of 60 and 30 of 40 right: a binomial within each class.
    y = np.repeat([0, 1], [60, 40])
    answers = np.where(np.repeat([1, 0, 1, 0], [50, 10, 30, 10]) == 1, y, 1 - y)
    interval = bootstrap_ci(y, answers, accuracy, n_resamples=4000)
    se = np.sqrt(60 * (5 / 6) * (1 / 6) + 40 * (3 / 4) * (1 / 4)) / 100
    assert interval.value == 0.8
    assert interval.se == pytest.approx(se, rel=0.05)
    assert interval.ci_low == pytest.approx(0.8 - 1.96 * se, abs=0.011)  # a row is 0.01
    assert interval.ci_high == pytest.approx(0.8 + 1.96 * se, abs=0.011)


def test_resamples_keep_class_sizes_and_pair_the_rows():
    y = np.repeat([0, 1, 2], [5, 8, 13])
    a = np.random.default_rng(2).normal(size=26)
    seen = []

    def metric(labels, scores):
        seen.append((labels.copy(), scores.copy()))
        return float(scores[0])

    paired_bootstrap(y, a, -a, metric, n_resamples=5)
    for (labels_a, scores_a), (labels_b, scores_b) in zip(seen[::2], seen[1::2], strict=True):
        assert (np.bincount(labels_a) == np.bincount(y)).all()
        assert (labels_a == labels_b).all()
        assert (scores_b == -scores_a).all()


def test_groups_are_drawn_whole():
    # Copies of each row in one group add no evidence; the standard error is that of single rows.
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 40)
    a, b = rng.normal(size=(2, 80)) + y
    groups = np.tile(np.arange(80), 4)
    single = paired_bootstrap(y, a, b, auc, n_resamples=300)
    rows = [np.tile(values, 4) for values in (y, a, b)]
    grouped = paired_bootstrap(*rows, auc, n_resamples=300, groups=groups)
    assert grouped.se == pytest.approx(single.se, rel=0.12)
    assert paired_bootstrap(*rows, auc, n_resamples=100).se < 0.7 * single.se


def test_a_class_of_two_groups_is_in_every_draw():
    def needs_both(labels, scores):
        assert set(labels) == {0, 1}
        return 0.0

    rows = [0, 0, 0, 0, 1, 1], range(6)
    assert bootstrap_ci(*rows, needs_both, 200, groups=[0, 1, 2, 3, 4, 5]).se == 0


def mean_squared_error(y, scores):
    return float(((y - scores) ** 2).mean())


def test_outcomes_that_are_no_classes_are_drawn_from_all_rows():
    # The mean of N numbers has the standard error sd / sqrt(N), here of squared errors.
    rng = np.random.default_rng(5)
    y, a, b = rng.normal(size=(3, 200))
    one = bootstrap_ci(y, a, mean_squared_error, n_resamples=4000, by_class=False)
    assert one.se == pytest.approx(((y - a) ** 2).std() / np.sqrt(200), rel=0.05)
    both = paired_bootstrap(y, a, b, mean_squared_error, n_resamples=4000, by_class=False)
    assert both.se == pytest.approx(((y - a) ** 2 - (y - b) ** 2).std() / np.sqrt(200), rel=0.05)


def test_labels_that_hold_or_not_keep_their_rows_together():
    y = (np.random.default_rng(6).random((30, 4)) < 0.5).astype(int)
    rows = set(map(tuple, y.tolist()))
    seen = []

    def agree(labels, scores):
        seen.append(set(map(tuple, labels.tolist())) <= rows and (labels == scores).all())
        return 1.0

    bootstrap_ci(y, y.astype(float), agree, n_resamples=20, by_class=False)
    assert all(seen)
    assert len(seen) == 21


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0.5, np.nan], "finite, but row 1 is nan"),
        ([0.5], "two or more rows"),
        (["a", "b"], "must be numbers"),
        (np.zeros((2, 2, 2)), "two or more rows, not shape"),
    ],
)
def test_wrong_outcomes_are_told(y, words):
    with pytest.raises(ValueError, match=words):
        bootstrap_ci(y, [0.1] * len(y), mean_squared_error, by_class=False)
