"""Paired tests between cells: the right test, the right family, and what may be said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from engine.compare.cells import TaskFits, comparison_table, score_table
from engine.compare.corrections import verdict
from engine.compare.evidence import gather, interval
from engine.kinds.classification import KIND as CLASSES
from engine.metrics import METRICS, metrics_of
from engine.records import Cell
from engine.select.winners import FinalFit
from engine.stats import (
    adjust,
    adjust_log10,
    auc_ci,
    delong_test,
    macro_auc_test,
    method_auc_test,
    tost,
)
from tests.compare.fits import BINARY, THREE, fit, scores, welch_df


def table(fits: Sequence[FinalFit], labels=BINARY, seeds=(0,), metric="auroc", **how):
    how = {"family": "per_task", "correction": "holm", **how}
    return comparison_table([TaskFits("t", metric, CLASSES, labels, fits)], seeds, **how)


def test_two_binary_models_are_tested_by_delong():
    a, b = scores(BINARY, 2.0, 1), scores(BINARY, 0.5, 2)
    (row,) = table([fit("a", a), fit("b", b)]).to_dict("records")
    expected = delong_test(BINARY, a[:, 1], b[:, 1])
    for name in ("delta", "ci_low", "ci_high", "z", "p", "log10_p"):
        assert row[name] == getattr(expected, name)
    assert row["value_a"] == pytest.approx(roc_auc_score(BINARY, a[:, 1]), abs=1e-12)
    assert row["value_b"] == pytest.approx(roc_auc_score(BINARY, b[:, 1]), abs=1e-12)
    assert row["delta"] == pytest.approx(row["value_a"] - row["value_b"], abs=1e-12)
    assert (row["test"], row["metric"], row["seed"], row["note"]) == ("DeLong", "auroc", 0, "")
    assert (row["task"], row["cell_a"], row["cell_b"]) == ("t", "a/t/probe", "b/t/probe")
    assert (row["family"], row["correction"]) == ("per_task", "holm")
    assert row["p_adjusted"] == row["p"]  # a family of one


def test_two_models_of_three_classes_are_tested_by_macro_delong():
    a, b = scores(THREE, 2.0, 1), scores(THREE, 0.5, 2)
    (row,) = table([fit("a", a), fit("b", b)], THREE).to_dict("records")
    expected = macro_auc_test(THREE, a, b)
    for name in ("delta", "ci_low", "ci_high", "z", "p", "log10_p"):
        assert row[name] == getattr(expected, name)
    assert row["value_a"] == pytest.approx(
        roc_auc_score(THREE, a, multi_class="ovr", average="macro"), abs=1e-12
    )
    assert row["test"] == "macro DeLong"


def test_a_class_without_test_rows_is_left_out_of_the_average():
    # The model scores three classes, the test split holds two of them.
    labels = np.repeat([0, 2], [20, 20])
    a, b = scores(labels, 2.0, 1), scores(labels, 0.5, 2)
    (row,) = table([fit("a", a), fit("b", b)], labels).to_dict("records")
    areas = [roc_auc_score(labels == k, a[:, k]) for k in (0, 2)]
    assert row["value_a"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert np.isfinite(row["p"])


@pytest.mark.parametrize("metric", ["mcc", "log_loss"])
def test_other_metrics_are_tested_by_paired_bootstrap(metric: str, monkeypatch):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 200)
    a, b = scores(BINARY, 3.0, 1), scores(BINARY, 0.0, 2)
    (row,) = table([fit("a", a), fit("b", b)], metric=metric).to_dict("records")
    assert row["test"] == "paired bootstrap"
    # Its interval and p are one statement, and p is not coarser than a family is large.
    df = np.unique(BINARY, return_counts=True)[1].min() - 1
    assert (row["z"], row["df"]) == (pytest.approx(row["delta"] / row["se"]), df)
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["z"]), df))
    assert row["p"] < 1 / 201
    half_width = stats.t.ppf(0.975, df) * row["se"]
    assert row["ci_high"] - row["delta"] == pytest.approx(half_width)
    assert row["delta"] - row["ci_low"] == pytest.approx(half_width)
    assert row["log10_p"] == pytest.approx(np.log10(row["p"]))
    assert (row["delta"] > 0) == METRICS[metric].greater_is_better


@pytest.mark.parametrize(
    ("labels", "metric", "test"),
    [
        (np.array([0] * 10 + [1]), "auroc", "DeLong"),
        (np.array([0] * 10 + [1] * 10 + [2]), "auroc", "macro DeLong"),
        (np.array([0] * 10 + [1]), "mcc", "paired bootstrap"),
    ],
)
def test_a_class_of_one_row_allows_no_test_and_a_note_says_so(labels, metric, test):
    a, b = scores(labels, 2.0, 1), scores(labels, 0.5, 2)
    (row,) = table([fit("a", a), fit("b", b)], labels, metric=metric).to_dict("records")
    assert (row["test"], row["verdict"]) == (test, "no test")
    assert np.isfinite(row["delta"])
    for name in ("ci_low", "ci_high", "z", "df", "p", "log10_p", "p_adjusted"):
        assert np.isnan(row[name])
    assert "at least two" in row["note"]
    assert all(np.isnan(interval(gather(metric, CLASSES, labels, [a]), a)))


def test_a_difference_without_variance_allows_no_test():
    perfect = np.column_stack([1.0 - BINARY, BINARY])
    constant = np.full((60, 2), 0.5)
    (row,) = table([fit("a", perfect), fit("b", constant)]).to_dict("records")
    assert row["delta"] == 0.5
    assert np.isnan(row["p"])
    assert "variance of the difference is zero" in row["note"]


def test_equal_models_do_not_differ():
    a = scores(BINARY, 1.0, 1)
    (row,) = table([fit("a", a), fit("b", a.copy())]).to_dict("records")
    assert (row["delta"], row["p"], row["verdict"]) == (0.0, 1.0, "not significant")


def two_tasks() -> list[TaskFits]:
    """Three models on each of two tasks."""
    made = []
    for number, task in enumerate(("t1", "t2")):
        fits = [
            fit(name, scores(BINARY, strength, 10 * number + i), task=task)
            for i, (name, strength) in enumerate([("a", 1.5), ("b", 0.8), ("c", 0.2)])
        ]
        made.append(TaskFits(task, "auroc", CLASSES, BINARY, fits))
    return made


@pytest.mark.parametrize("correction", ["holm", "bh", "by", "none"])
def test_p_values_are_adjusted_within_each_task(correction):
    made = comparison_table(two_tasks(), (0,), "per_task", correction)
    assert len(made) == 6
    for _, rows in made.groupby("task"):
        np.testing.assert_array_equal(rows["p_adjusted"], adjust(rows["p"], correction))
    assert set(made["family"]) == {"per_task"}


@pytest.mark.parametrize("correction", ["holm", "bh", "by", "none"])
def test_p_values_are_adjusted_over_the_whole_study(correction):
    made = comparison_table(two_tasks(), (0,), "whole_study", correction)
    np.testing.assert_array_equal(made["p_adjusted"], adjust(made["p"], correction))
    if correction != "none":
        alone = comparison_table(two_tasks(), (0,), "per_task", correction)
        assert (made["p_adjusted"] >= alone["p_adjusted"]).all()
        assert (made["p_adjusted"] > alone["p_adjusted"]).any()


def test_a_pair_without_a_test_does_not_count_in_its_family():
    constant, perfect = np.full((60, 2), 0.5), np.column_stack([1.0 - BINARY, BINARY])
    fits = [fit("a", perfect), fit("b", constant), fit("c", scores(BINARY, 0.7, 3))]
    made = table(fits, correction="holm")
    tested = made["p"].notna()
    assert tested.tolist() == [False, True, True]
    np.testing.assert_array_equal(made["p_adjusted"][tested], adjust(made["p"][tested], "holm"))
    assert made["verdict"][0] == "no test"


@pytest.mark.parametrize(
    ("p_adjusted", "agree", "said"),
    [
        (0.049, "3/3", "significant"),
        (0.049, "2/3", "unstable over seeds"),
        (0.05, "3/3", "not significant"),
        (0.9, "1/3", "not significant"),
        (float("nan"), "3/3", "no test"),
        (0.0, "1/1", "significant"),
    ],
)
def test_what_may_be_said(p_adjusted: float, agree: str, said: str):
    assert verdict(p_adjusted, agree) == said


def test_the_first_seed_is_tested_and_the_others_say_whether_the_sign_holds():
    strong, again, weak = (scores(BINARY, d, s) for d, s in ((3.0, 1), (3.0, 4), (0.0, 2)))
    fits = [
        *(fit("a", values, seed) for seed, values in {7: strong, 3: again, 5: weak}.items()),
        *(fit("b", values, seed) for seed, values in {7: weak, 3: weak, 5: strong}.items()),
    ]
    (row,) = table(fits, seeds=(7, 3, 5)).to_dict("records")
    assert row["seed"] == 7
    assert row["p"] == delong_test(BINARY, strong[:, 1], weak[:, 1]).p < 0.05
    assert row["seeds_agree"] == "2/3"
    (row,) = table(fits, seeds=(5, 3, 7)).to_dict("records")
    assert row["delta"] < 0
    assert row["seeds_agree"] == "1/3"


def test_methods_whose_seeds_turn_the_difference_around_are_mixed():
    strong, weak = scores(BINARY, 3.0, 1), scores(BINARY, 0.0, 2)
    fits = [
        *(fit("a", values, seed) for seed, values in enumerate((strong, strong, weak))),
        *(fit("b", values, seed) for seed, values in enumerate((weak, weak, strong))),
    ]
    (row,) = table(fits, seeds=(0, 1, 2)).to_dict("records")
    assert row["p_adjusted"] < 0.05 < row["method_p_adjusted"]
    assert (row["claim"], row["verdict"]) == ("methods", "not significant")
    assert row["agreement"] == "mixed"
    assert row["var_seed"] > row["var_test"]


def test_methods_are_tested_over_all_seeds():
    a = [scores(BINARY, 2.0, seed) for seed in range(3)]
    b = [scores(BINARY, 1.0, 10 + seed) for seed in range(3)]
    fits = [fit(name, v, s) for name, of in (("a", a), ("b", b)) for s, v in enumerate(of)]
    (row,) = table(fits, seeds=(0, 1, 2), margin=0.5).to_dict("records")
    expected = method_auc_test(BINARY, [v[:, 1] for v in a], [v[:, 1] for v in b])
    for name in ("delta", "se", "ci_low", "ci_high", "t", "df", "p", "log10_p"):
        assert row[f"method_{name}"] == getattr(expected, name)
    for name in ("var_seed", "var_test", "sd_seed_a", "sd_seed_b", "n_seeds_a", "n_seeds_b"):
        assert row[name] == getattr(expected, name)
    assert row["method_delta"] == pytest.approx(row["mean_a"] - row["mean_b"], abs=1e-12)
    assert row["method_se"] ** 2 == pytest.approx(row["var_seed"] + row["var_test"])
    equal = tost(expected.delta, expected.se, 0.5, expected.df)
    assert (row["margin"], row["equivalence_p"]) == (0.5, equal.p)
    assert row["equivalent"] is equal.equivalent is True


def test_equivalence_is_adjusted_over_the_family_too():
    alike = [scores(BINARY, 2.0, 0) + scores(BINARY, 0, i) / 9 for i in range(4)]
    made = [fit(name, values) for name, values in zip("abcd", alike, strict=True)]
    tested = table(made)
    # So that one pair alone would be shown to be equivalent (p = 0.0446), of six none.
    margin = float((tested["delta"].abs() + 1.7 * tested["se"]).min())
    found = table(made, margin=margin)
    assert found["equivalence_p"].min() == pytest.approx(stats.norm.sf(1.7))
    np.testing.assert_array_equal(
        found["equivalence_p_adjusted"], adjust(found["equivalence_p"], "holm")
    )
    assert not found["equivalent"].any()


def test_one_seed_allows_claims_about_fitted_models_only():
    (row,) = table([fit("a", scores(BINARY, 3.0, 1)), fit("b", scores(BINARY, 0, 2))]).to_dict(
        "records"
    )
    assert (row["claim"], row["verdict"]) == ("fitted models only", "significant")
    assert row["agreement"] == "no test"
    assert "one seed" in row["method_note"]
    assert np.isnan(row["method_p_adjusted"])


def test_rows_of_one_group_are_not_independent():
    # Each row twice: without groups the evidence would count double.
    labels = np.repeat(BINARY, 2)
    a, b = (np.repeat(scores(BINARY, d, s), 2, axis=0) for d, s in ((1.5, 1), (0.8, 2)))
    groups = tuple(f"g{row // 2}" for row in range(len(labels)))
    alone = delong_test(BINARY, a[::2, 1], b[::2, 1])
    fits = [fit("a", a), fit("b", b), fit("a", a, 1), fit("b", b, 1)]
    tasks = [TaskFits("t", "auroc", CLASSES, labels, fits, groups)]
    (row,) = comparison_table(tasks, (0, 1), "per_task", "holm").to_dict("records")
    assert row["n_groups"] == 60
    assert row["se"] == pytest.approx(alone.se, rel=1e-9)
    assert np.sqrt(row["var_test"]) == pytest.approx(alone.se, rel=1e-9)
    first = score_table(tasks).iloc[0]
    area = auc_ci(BINARY, a[::2, 1])
    df = welch_df(labels, groups, a)  # of 30 groups that hold either class
    low = area.auc - stats.t.ppf(0.975, df) * area.se
    assert (first["ci_low"], first["ci_high"]) == pytest.approx((low, 1), rel=1e-9)


def test_the_headline_family_is_the_best_by_validation_against_each_other():
    made = [
        FinalFit(Cell(name, "t", "probe"), "tuned", 0, validation, scores(BINARY, d, i), 1.5, 10)
        for i, (name, validation, d) in enumerate([("a", 0.7, 2.0), ("b", 0.9, 1.0), ("c", 0.8, 0)])
    ]
    found = table(made, family="headline")
    assert found[["cell_a", "cell_b"]].to_numpy().tolist() == [
        ["b/t/probe", "a/t/probe"],
        ["b/t/probe", "c/t/probe"],
    ]
    np.testing.assert_array_equal(found["p_adjusted"], adjust(found["p"], "holm"))


def test_logarithms_keep_the_order_where_p_values_underflow():
    labels = np.repeat([0, 1], 20_000)
    noise = np.random.default_rng(0).normal(size=(4, len(labels)))
    made = [
        fit(name, np.column_stack([-v, v]))
        for name, strength, row in (("a", 0.0, 0), ("b", 1.5, 1), ("c", 2.5, 2))
        for v in (noise[row] + strength * labels,)
    ]
    found = table(made, labels)
    assert (found["p"] == 0).sum() >= 2
    np.testing.assert_array_equal(found["log10_p_adjusted"], adjust_log10(found["log10_p"], "holm"))
    assert found["log10_p_adjusted"].nunique() == 3


def test_fits_that_do_not_depend_on_the_seed_count_once():
    strong, weak = scores(BINARY, 3.0, 1), scores(BINARY, 0.0, 2)
    fits = [fit(name, v, seed) for name, v in (("a", strong), ("b", weak)) for seed in (0, 1, 2)]
    (row,) = table(fits, seeds=(0, 1, 2)).to_dict("records")
    assert (row["seeds_agree"], row["verdict"]) == ("1/1", "significant")
    assert row["method_note"] == "same model with every seed: a and b"
    # A seed changes nothing here, so that only the test rows are left.
    assert row["var_seed"] == pytest.approx(0, abs=1e-30)
    assert row["method_se"] == pytest.approx(row["se"])


def test_untuned_fits_are_scored_and_not_compared():
    a, b = scores(BINARY, 1.0, 1), scores(BINARY, 0.5, 2)
    fits = [fit("a", a), fit("a", b, variant="default"), fit("b", b)]
    assert len(table(fits)) == 1
    assert len(score_table([TaskFits("t", "auroc", CLASSES, BINARY, fits)])) == 3


def test_a_single_model_gives_an_empty_table_with_all_columns():
    a, b = fit("a", scores(BINARY, 1.0, 1)), fit("b", scores(BINARY, 0.5, 2))
    alone = table([a])
    assert len(alone) == 0
    assert list(alone) == list(table([a, b]))


def test_scores_have_an_interval_and_every_metric():
    a = scores(BINARY, 1.0, 1)
    (row,) = score_table([TaskFits("t", "auroc", CLASSES, BINARY, [fit("a", a, seed=4)])]).to_dict(
        "records"
    )
    expected = auc_ci(BINARY, a[:, 1])
    assert row["value"] == pytest.approx(expected.auc, abs=1e-12)
    assert (row["ci_low"], row["ci_high"]) == (expected.ci_low, expected.ci_high)
    assert row["mcc"] == pytest.approx(matthews_corrcoef(BINARY, a.argmax(axis=1)), abs=1e-12)
    assert row.keys() >= set(metrics_of(CLASSES))
    assert (row["cell"], row["encoder"], row["task"], row["method"]) == (
        "a/t/probe",
        "a",
        "t",
        "probe",
    )
    assert (row["seed"], row["variant"], row["n_test"]) == (4, "tuned", 60)
    assert (row["validation"], row["seconds"], row["trainable_parameters"]) == (0.9, 1.5, 10)


def test_equivalence_over_few_groups_has_few_degrees_of_freedom():
    groups = [f"g{row % 8}" for row in range(len(BINARY))]
    a, b = scores(BINARY, 1.5, 1), scores(BINARY, 0.8, 2)
    plain = delong_test(BINARY, a[:, 1], b[:, 1], groups=groups)
    (row,) = comparison_table(
        [TaskFits("t", "auroc", CLASSES, BINARY, [fit("a", a), fit("b", b)], groups)],
        (0,),
        "per_task",
        "holm",
    ).to_dict("records")
    assert row["equivalence_p"] == pytest.approx(
        tost(plain.delta, plain.se, 0.01, welch_df(BINARY, groups, a, b)).p
    )
