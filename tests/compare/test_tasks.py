"""Models over tasks: which take part, what counts as independent, and against scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engine.compare.tasks import across_tasks

TASKS = [f"t{number}" for number in range(8)]
VALUES = np.random.default_rng(4).normal([0.9, 0.86, 0.80], 0.02, (8, 3))


def scores(values: np.ndarray = VALUES, tasks: list[str] = TASKS) -> pd.DataFrame:
    """Models with two seeds each, whose mean is the value; untuned fits are far better."""
    rows = [
        (encoder, task, "probe", variant, value + shift)
        for task, of_task in zip(tasks, values, strict=True)
        for encoder, value in zip("abc", of_task, strict=False)
        for variant, shift in (("tuned", -0.001), ("tuned", 0.001), ("default", 9.0))
        if np.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["encoder", "task", "method", "variant", "value"])


def test_tests_are_those_of_scipy():
    found = across_tasks(scores(), {}, {})
    assert found is not None
    assert found.models == [("a", "probe"), ("b", "probe"), ("c", "probe")]
    ranks = stats.rankdata(-VALUES, axis=1).mean(axis=0)
    assert found.table["mean_rank"].to_numpy() == pytest.approx(ranks)
    assert found.table["mean"].to_numpy() == pytest.approx(VALUES.mean(axis=0))
    chi2 = stats.friedmanchisquare(*VALUES.T).statistic
    assert found.friedman_f == pytest.approx(7 * chi2 / (8 * 2 - chi2))
    pair = found.pairs.iloc[0]
    assert (pair["encoder_a"], pair["encoder_b"]) == ("a", "b")
    assert pair["p"] == pytest.approx(stats.wilcoxon(VALUES[:, 0], VALUES[:, 1]).pvalue)
    assert pair["delta"] == pytest.approx(np.median(VALUES[:, 0] - VALUES[:, 1]))
    difference = VALUES[:, 0] - VALUES[:, 1]
    assert pair["wins"] == (difference > 0.01).sum()
    assert pair["losses"] == (difference < -0.01).sum()
    assert pair[["wins", "ties", "losses"]].sum() == 8
    assert pair[["p_better", "p_rope", "p_worse"]].sum() == pytest.approx(1)


def test_tasks_of_one_group_count_once():
    groups = {"t0": "marks", "t1": "marks", "t2": "marks"}
    found = across_tasks(scores(), groups, {})
    assert found is not None
    assert (len(found.tasks), found.n_groups) == (8, 6)
    merged = np.vstack([VALUES[:3].mean(axis=0), VALUES[3:]])
    expected = stats.wilcoxon(merged[:, 0], merged[:, 1]).pvalue
    assert found.pairs["p"][0] == pytest.approx(expected)


def test_mean_ranks_and_their_interval_count_the_same_units():
    # Ten marks, on which a leads, are one group; b leads on five tasks more: six units, b first.
    tasks = [f"mark{n}" for n in range(10)] + [f"task{n}" for n in range(5)]
    values = np.array([[0.9, 0.8]] * 10 + [[0.7, 0.8]] * 5)
    found = across_tasks(scores(values, tasks), dict.fromkeys(tasks[:10], "marks"), {})
    assert found is not None
    assert found.models[0] == ("b", "probe")
    assert found.table["mean_rank"].tolist() == pytest.approx([7 / 6, 11 / 6])
    assert found.table["mean"].tolist() == pytest.approx([0.8, (0.9 + 5 * 0.7) / 6])
    # b is behind only if the group of marks is most of a draw of six: Bin(6, 1/6) > 3, half of = 3.
    tied, behind = stats.binom.pmf(3, 6, 1 / 6), stats.binom.sf(3, 6, 1 / 6)
    assert found.table["share_best"][0] == pytest.approx(1 - behind - tied / 2, abs=0.02)


def test_the_sign_of_the_rank_biserial_is_that_of_the_sum_of_ranks():
    # a wins 21 tasks by a hair and loses 19 by far: a better mean rank, and Wilcoxon against it.
    lead = np.r_[np.linspace(0.001, 0.002, 21), np.linspace(-0.1, -0.2, 19)]
    values = np.column_stack([0.8 + lead, np.full(40, 0.8)])
    found = across_tasks(scores(values, [f"t{n}" for n in range(40)]), {}, {})
    assert found is not None
    pair = found.pairs.iloc[0]
    assert (pair["encoder_a"], pair["p"] < 0.05) == ("a", True)
    assert pair["rank_biserial"] == pytest.approx((231 - 589) / 820)


def test_too_few_independent_tasks_allow_no_comparison():
    assert across_tasks(scores(VALUES[:4], TASKS[:4]), {}, {}) is None
    assert across_tasks(scores(), dict.fromkeys(TASKS[:5], "marks"), {}) is None


def test_a_model_without_a_score_on_some_task_is_left_out_by_name():
    values = VALUES.copy()
    values[3, 1] = np.nan
    found = across_tasks(scores(values), {}, {})
    assert found is not None
    assert found.left_out == [("b", "probe")]
    assert len(found.pairs) == 1


def test_of_a_loss_less_is_better():
    found = across_tasks(scores(), {}, dict.fromkeys(TASKS, -1))
    assert found is not None
    assert found.models[0] == ("c", "probe")


def test_models_that_cannot_be_told_apart_share_a_bar():
    same = np.random.default_rng(0).normal(0.8, 0.02, (8, 3))
    found = across_tasks(scores(same), {}, {})
    assert found is not None
    assert found.cliques == [(0, 2)]
