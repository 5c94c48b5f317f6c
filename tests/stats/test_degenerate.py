"""Every degenerate input has a defined result or a clear error of one line."""

import math

import numpy as np
import pytest

from engine.stats import (
    ZeroVarianceError,
    adjust,
    adjust_log10,
    adjust_within,
    agreement,
    alignment,
    auc_ci,
    auc_covariance,
    bayes_signed_rank,
    bootstrap_ci,
    brier_decomposition,
    calibration_error,
    critical_difference,
    delong_contrast,
    delong_omnibus,
    delong_test,
    delong_unpaired,
    embedding_quality,
    friedman_test,
    group_means,
    hand_till_auc,
    headline_pairs,
    knn_purity,
    macro_auc_ci,
    macro_auc_test,
    mcnemar_test,
    mean_ranks,
    method_auc_test,
    method_metric_test,
    paired_bootstrap,
    paired_permutation,
    partial_auc,
    reliability_curve,
    task_bootstrap,
    top_label,
    tost,
    uniformity,
    wilcoxon_pairs,
    win_tie_loss,
)

Y = [0, 0, 0, 1, 1, 1]
A = [1, 4, 2, 3, 5, 6]
B = [1, 2, 5, 5, 4, 3]
PERFECT = [1, 2, 3, 4, 5, 6]
CONSTANT = [1] * 6
THREE = [0, 0, 1, 1, 2, 2]
ONE_HOT = np.eye(3)[THREE]
FLAT = np.full((6, 3), 1 / 3)
IS_1, OF_1 = np.array(THREE) == 1, ONE_HOT[:, 1]  # class 1 against the rest
GROUPS = [0, 1, 2, 0, 1, 2]
TASKS = [[0.9, 0.8], [0.7, 0.6], [0.5, 0.5]]
SAME_TASKS = [[0.9, 0.9], [0.7, 0.7]]


def accuracy(y, scores):
    return float(np.mean((scores > 3) == y))


DEFINED = [
    ("identical scores", lambda: delong_test(Y, A, A), {"z": 0, "p": 1, "log10_p": 0, "se": 0}),
    ("identical, one-sided", lambda: delong_test(Y, A, A, "greater"), {"z": 0, "p": 0.5}),
    ("same order", lambda: delong_test(Y, A, np.exp(A)), {"z": 0, "p": 1, "ci_high": 0}),
    ("constant twice", lambda: delong_test(Y, CONSTANT, [7] * 6), {"z": 0, "p": 1, "auc_a": 0.5}),
    ("perfect twice", lambda: delong_test(Y, PERFECT, np.square(PERFECT)), {"z": 0, "p": 1}),
    ("equal AUC", lambda: delong_test(Y, A, [1, 2, 4, 3, 5, 6]), {"delta": 0, "z": 0, "p": 1}),
    (
        "unpaired perfect",
        lambda: delong_unpaired(Y, PERFECT, Y, PERFECT),
        {"t": 0, "p": 1, "df": 5},
    ),
    ("perfect alone", lambda: auc_ci(Y, PERFECT), {"auc": 1, "se": 0, "ci_low": 1, "ci_high": 1}),
    ("constant alone", lambda: auc_ci(Y, CONSTANT), {"auc": 0.5, "se": 0, "ci_low": 0.5}),
    ("signed zeros tie", lambda: auc_ci([0, 0, 1, 1], [0.0, -0.0, -0.0, 0.0]), {"auc": 0.5}),
    ("huge and tiny", lambda: auc_ci([0, 0, 1, 1], [-1e308, 5e-324, 1e308, 1e-300]), {"auc": 1}),
    ("macro identical", lambda: macro_auc_test(THREE, ONE_HOT, ONE_HOT), {"z": 0, "p": 1}),
    ("macro constant", lambda: macro_auc_ci(THREE, FLAT), {"auc": 0.5, "se": 0}),
    ("macro perfect", lambda: macro_auc_ci(THREE, ONE_HOT), {"auc": 1, "se": 0}),
    ("bootstrap identical", lambda: paired_bootstrap(Y, A, A, accuracy, 50), {"p": 1, "se": 0}),
    ("permutation identical", lambda: paired_permutation(Y, A, A, accuracy, 50), {"p": 1}),
    ("groups identical", lambda: delong_test(Y, A, A, groups=GROUPS), {"z": 0, "p": 1, "se": 0}),
    ("groups perfect", lambda: auc_ci(Y, PERFECT, groups=GROUPS), {"auc": 1, "se": 0}),
    ("groups by name", lambda: auc_ci(Y, CONSTANT, groups=list("abcabc")), {"auc": 0.5, "se": 0}),
    ("uint8 labels", lambda: delong_test(np.uint8(Y), A, A), {"auc_a": 8 / 9, "p": 1}),
    ("bool labels", lambda: delong_test(np.bool_(Y), A, A), {"auc_a": 8 / 9, "p": 1}),
    ("bool scores", lambda: auc_ci(Y, np.array(A) > 3), {"auc": 2 / 3}),
    ("logit perfect", lambda: auc_ci(Y, PERFECT, transform="logit"), {"ci_low": 1, "ci_high": 1}),
    ("logit constant", lambda: auc_ci(Y, CONSTANT, transform="logit"), {"ci_low": 0.5}),
    ("contrast identical", lambda: delong_contrast(Y, [A, A, A], [2, -1, -1]), {"z": 0, "p": 1}),
    ("omnibus identical", lambda: delong_omnibus(Y, [A, A, A]), {"chi2": 0, "df": 0, "p": 1}),
    ("omnibus perfect", lambda: delong_omnibus(Y, [PERFECT, PERFECT]), {"df": 0, "p": 1}),
    ("omnibus of two kinds", lambda: delong_omnibus(Y, [A, B, A, B]), {"df": 1}),
    ("ovr identical", lambda: delong_test(IS_1, OF_1, OF_1), {"z": 0, "p": 1}),
    ("ovr constant", lambda: auc_ci(IS_1, FLAT[:, 1]), {"auc": 0.5, "se": 0}),
    (
        "Hand-Till identical",
        lambda: paired_bootstrap(THREE, FLAT, FLAT, hand_till_auc, 50),
        {"p": 1, "se": 0, "value_a": 0.5},
    ),
    (
        "Hand-Till perfect",
        lambda: bootstrap_ci(THREE, ONE_HOT, hand_till_auc, 50),
        {"value": 1, "ci_low": 1},
    ),
    ("partial identical", lambda: paired_bootstrap(Y, A, A, partial_auc, 50), {"p": 1, "se": 0}),
    (
        "partial constant",
        lambda: bootstrap_ci(Y, CONSTANT, partial_auc, 50),
        {"value": 0.5, "se": 0},
    ),
    (
        "partial perfect",
        lambda: bootstrap_ci(Y, PERFECT, partial_auc, 50),
        {"value": 1, "ci_low": 1},
    ),
    (
        "methods identical",
        lambda: method_auc_test(Y, [A, A], [A, A]),
        {"t": 0, "p": 1, "var_seed": 0, "var_test": 0},
    ),
    ("methods one-sided", lambda: method_auc_test(Y, [A, A], [A, A], "less"), {"p": 0.5}),
    ("methods perfect", lambda: method_auc_test(Y, [PERFECT] * 2, [PERFECT] * 3), {"p": 1}),
    ("methods macro", lambda: method_auc_test(THREE, [FLAT] * 2, [FLAT] * 2), {"p": 1}),
    (
        "methods by metric",
        lambda: method_metric_test(Y, [A, A], [A, A], accuracy, 20),
        {"p": 1, "se": 0},
    ),
    (
        "McNemar identical",
        lambda: mcnemar_test(Y, Y, Y),
        {"p": 1, "log10_p": 0, "delta": 0, "only_a": 0},
    ),
    ("McNemar mid-p identical", lambda: mcnemar_test(Y, Y, Y, "midp"), {"p": 1}),
    ("McNemar of one class", lambda: mcnemar_test([1, 1], [1, 0], [0, 1]), {"p": 1, "delta": 0}),
    (
        "Brier of one class",
        lambda: brier_decomposition([1, 1], [1.0, 1.0]),
        {"brier": 0, "uncertainty": 0},
    ),
    ("Brier constant", lambda: brier_decomposition(Y, [0.5] * 6), {"brier": 0.25, "resolution": 0}),
    ("tost without a difference", lambda: tost(0.0, 0.0), {"p": 1, "equivalent": False}),
    ("posterior of one task", lambda: bayes_signed_rank([0.0]), {"p_rope": 1}),
    ("quality of one place", lambda: embedding_quality(np.ones((6, 2)), THREE), {"kmeans_ari": 0}),
]

REFUSED = [
    ("NaN score", lambda: delong_test(Y, [math.nan, *A[1:]], B), "row 0 is nan"),
    ("infinite score", lambda: delong_test(Y, A, [*B[:5], math.inf]), "row 5 is inf"),
    ("infinite score of one", lambda: auc_ci(Y, [-math.inf, *A[1:]]), "row 0 is -inf"),
    ("NaN in a matrix", lambda: auc_covariance(Y, [A, [math.nan] * 6]), "row 0 is nan"),
    ("NaN in macro", lambda: macro_auc_ci(THREE, FLAT * math.nan), "finite"),
    ("NaN in bootstrap", lambda: paired_bootstrap(Y, A, [math.nan] * 6, accuracy), "finite"),
    ("text scores", lambda: auc_ci(Y, list("abcdef")), "real numbers"),
    ("complex scores", lambda: auc_ci(Y, [1j] * 6), "real numbers"),
    ("one class", lambda: delong_test([1] * 6, A, B), "6 row(s) of class 1 and 0 of class 0"),
    ("no rows", lambda: auc_ci([], []), "0 row(s) of class 1"),
    ("one positive", lambda: delong_test([0, 0, 0, 0, 0, 1], A, B), "1 row(s) of class 1"),
    ("one negative", lambda: auc_ci([0, 1, 1, 1, 1, 1], A), "1 of class 0"),
    ("one positive, unpaired", lambda: delong_unpaired(Y, A, [0, 0, 1], [1, 2, 3]), "1 row(s)"),
    ("labels 1 and 2", lambda: auc_ci([1, 1, 1, 2, 2, 2], A), "row 3 is 2"),
    ("labels -1 and 1", lambda: auc_ci([-1, -1, -1, 1, 1, 1], A), "row 0 is -1"),
    ("NaN label", lambda: auc_ci([math.nan, 0, 0, 1, 1, 1], A), "row 0 is nan"),
    ("text labels", lambda: auc_ci(list("001101"), A), "numbers"),
    ("labels in a column", lambda: auc_ci(np.c_[Y], A), "one dimension"),
    ("fewer scores than labels", lambda: auc_ci(Y, A[:5]), "5 scores for 6 labels"),
    ("scores in a column", lambda: auc_ci(Y, np.c_[A]), "dimension"),
    ("one model as a vector", lambda: auc_covariance(Y, A), "(models, rows)"),
    ("no model", lambda: auc_covariance(Y, np.empty((0, 6))), "(models, rows)"),
    ("level in percent", lambda: auc_ci(Y, A, level=95), "between 0 and 1"),
    ("level of a test", lambda: delong_test(Y, A, B, level=0), "between 0 and 1"),
    ("unknown alternative", lambda: delong_test(Y, A, B, "two.sided"), "'two.sided'"),
    ("unpaired alternative", lambda: delong_unpaired(Y, A, Y, B, "both"), "'both'"),
    ("class without rows", lambda: macro_auc_ci([0, 0, 1, 1, 0, 1], FLAT), "class 2 has 0 row(s)"),
    ("class with one row", lambda: macro_auc_ci([0, 0, 1, 1, 0, 2], FLAT), "class 2 has 1 row(s)"),
    ("label left out", lambda: macro_auc_ci(THREE, FLAT, classes=[0, 1]), "row 4 is 2"),
    ("class without column", lambda: macro_auc_ci(THREE, FLAT, classes=[0, 3]), "no column"),
    ("one class only", lambda: macro_auc_ci([0] * 6, FLAT, classes=[0]), "two classes"),
    ("half a class", lambda: macro_auc_ci([0, 0, 1, 1, 2, 1.5], FLAT), "row 5 is 1.5"),
    ("infinite label", lambda: macro_auc_ci([0, 0, 1, 1, 2, math.inf], FLAT), "row 5 is inf"),
    ("widths differ", lambda: macro_auc_test(THREE, FLAT, FLAT[:, :2]), "[2, 3]"),
    ("macro of a vector", lambda: macro_auc_ci(THREE, A), "2 dimension"),
    ("bootstrap of one class", lambda: paired_bootstrap([1] * 6, A, B, accuracy), "two classes"),
    ("bootstrap, one row", lambda: paired_bootstrap([0] * 5 + [1], A, B, accuracy), "1 row(s)"),
    ("bootstrap shapes", lambda: paired_bootstrap(THREE, FLAT, ONE_HOT[:, :2], accuracy), "shape"),
    ("no resamples", lambda: paired_bootstrap(Y, A, B, accuracy, 0), "n_resamples"),
    ("metric of NaN", lambda: paired_bootstrap(Y, A, B, lambda *_: math.nan), "gives nan"),
    ("p above 1", lambda: adjust([0.5, 1.5]), "[0, 1]"),
    ("p below 0", lambda: adjust([-0.1]), "[0, 1]"),
    ("unknown correction", lambda: adjust([0.1], "bonferoni"), "'bonferoni'"),
    ("matrix of p-values", lambda: adjust([[0.1]]), "one dimension"),
    ("log p above 0", lambda: adjust_log10([0.1]), "above 0"),
    ("unknown log correction", lambda: adjust_log10([-1], "fdr"), "'fdr'"),
    ("fewer families than p", lambda: adjust_within([0.1, 0.2], ["a"]), "1 families for 2"),
    ("best of NaN", lambda: headline_pairs([0.1, math.nan]), "finite"),
    ("fewer groups than rows", lambda: auc_ci(Y, A, groups=GROUPS[:5]), "shape (6,), not (5,)"),
    (
        "class in one group",
        lambda: auc_ci(Y, A, groups=[0, 0, 0, 1, 2, 3]),
        "class 0 has rows in 1",
    ),
    ("NaN among groups", lambda: auc_ci(Y, A, groups=[*GROUPS[:5], math.nan]), "row 5 has none"),
    (
        "no name of a group",
        lambda: delong_test(Y, A, B, groups=np.array(["a", None, "b"] * 2, dtype=object)),
        "row 1 has none",
    ),
    (
        "macro, class in one group",
        lambda: macro_auc_ci(THREE, FLAT, groups=[0, 1, 0, 1, 0, 0]),
        "class 2 has rows in 1",
    ),
    (
        "bootstrap, class in one group",
        lambda: bootstrap_ci(Y, A, accuracy, groups=[0, 0, 0, 1, 2, 3]),
        "class 0 has rows in 1",
    ),
    (
        "group on both sides",
        lambda: delong_unpaired(Y, A, Y, B, groups_a=GROUPS, groups_b=[9, 8, 2] * 2),
        "group '2'",
    ),
    ("unknown transform", lambda: auc_ci(Y, A, transform="log"), "'log'"),
    ("NaN in a contrast's scores", lambda: delong_contrast(Y, [A, [math.nan] * 6], [1, -1]), "nan"),
    ("contrast of one class", lambda: delong_contrast([1] * 6, [A, B], [1, -1]), "0 of class 0"),
    ("weights that do not sum to 0", lambda: delong_contrast(Y, [A, B], [1, 0]), "sum to 0"),
    ("no weights", lambda: delong_contrast(Y, [A, B], [0, 0]), "sum to 0"),
    ("infinite weights", lambda: delong_contrast(Y, [A, B], [math.inf, -math.inf]), "sum to 0"),
    ("one weight too many", lambda: delong_contrast(Y, [A, B], [1, 1, -2]), "shape (2,)"),
    ("contrast alternative", lambda: delong_contrast(Y, [A, B], [1, -1], "more"), "'more'"),
    ("contrast level", lambda: delong_contrast(Y, [A, B], [1, -1], level=95), "between 0 and 1"),
    ("omnibus of one", lambda: delong_omnibus(Y, [A]), "two models"),
    ("omnibus of NaN", lambda: delong_omnibus(Y, [A, [math.nan] * 6]), "row 0 is nan"),
    ("omnibus, one positive", lambda: delong_omnibus([0] * 5 + [1], [A, B]), "1 row(s)"),
    ("ovr of NaN", lambda: auc_ci(IS_1, FLAT[:, 1] * math.nan), "finite"),
    ("ovr, class without rows", lambda: auc_ci(IS_1 & False, FLAT[:, 1]), "0 row(s) of class 1"),
    ("Hand-Till of one class", lambda: hand_till_auc([0] * 6, FLAT, [0]), "two classes"),
    ("Hand-Till of NaN", lambda: bootstrap_ci(THREE, FLAT * math.nan, hand_till_auc), "finite"),
    (
        "Hand-Till, one row",
        lambda: paired_bootstrap([0, 0, 1, 1, 0, 2], FLAT, FLAT, hand_till_auc),
        "1 row(s)",
    ),
    ("Hand-Till, no row", lambda: hand_till_auc([0, 0, 1, 1, 0, 1], FLAT), "class 2 has 0 row(s)"),
    ("partial of NaN", lambda: partial_auc(Y, [math.nan] * 6), "row 0 is nan"),
    ("partial of one class", lambda: partial_auc([1] * 6, A), "0 of class 0"),
    ("partial, class numbers", lambda: partial_auc(THREE, A), "row 4 is 2"),
    ("partial of nothing", lambda: partial_auc(Y, A, 0), "(0, 1]"),
    ("partial in percent", lambda: partial_auc(Y, A, 10), "(0, 1]"),
    ("one fit of a method", lambda: method_auc_test(Y, [A], [A, B]), "1 fit(s) of method a"),
    ("fits as a vector", lambda: method_auc_test(Y, A, [A, B]), "(fits, rows)"),
    ("methods, NaN", lambda: method_auc_test(Y, [A, [math.nan] * 6], [A, B]), "row 0 is nan"),
    ("methods, one class", lambda: method_auc_test([0] * 6, [A, B], [A, B]), "0 row(s) of class 1"),
    ("methods, one positive", lambda: method_auc_test([0] * 5 + [1], [A, B], [A, B]), "1 row(s)"),
    ("methods, alternative", lambda: method_auc_test(Y, [A, B], [A, B], "up"), "'up'"),
    (
        "methods, no resamples",
        lambda: method_metric_test(Y, [A, B], [A, B], accuracy, 1),
        "n_resamples",
    ),
    (
        "methods, infinite score",
        lambda: method_metric_test(Y, [A, B], [A, [math.inf] * 6], accuracy),
        "row 0 is inf",
    ),
    ("claims at 5", lambda: agreement(0.1, 0.1, 5), "between 0 and 1"),
    ("McNemar of NaN", lambda: mcnemar_test(Y, [math.nan] * 6, Y), "row 0 is nan"),
    ("McNemar of halves", lambda: mcnemar_test(Y, [0.5] * 6, Y), "row 0 is 0.5"),
    ("McNemar of nothing", lambda: mcnemar_test([], [], []), "for 0 labels"),
    ("McNemar, fewer answers", lambda: mcnemar_test(Y, Y[:5], Y), "5 and 6 answers for 6"),
    ("McNemar, unknown method", lambda: mcnemar_test(Y, Y, Y, "chi2"), "'chi2'"),
    ("Brier of NaN", lambda: brier_decomposition(Y, [math.nan] * 6), "row 0 is nan"),
    ("Brier of logits", lambda: brier_decomposition(Y, A), "row 1 is 4"),
    ("Brier of nothing", lambda: brier_decomposition([], []), "no rows"),
    ("calibration, class numbers", lambda: calibration_error(THREE, [0.5] * 6), "row 4 is 2"),
    ("calibration, no bins", lambda: calibration_error(Y, [0.5] * 6, 0), "n_bins"),
    ("calibration, kind", lambda: reliability_curve(Y, [0.5] * 6, 5, "even"), "'even'"),
    ("calibration level", lambda: reliability_curve(Y, [0.5] * 6, level=1), "between 0 and 1"),
    ("top label of a vector", lambda: top_label(Y, A), "2 dimension"),
    ("ranks of NaN", lambda: mean_ranks([[0.5, math.nan], [1, 2]]), "row 0 is [0.5 nan]"),
    ("ranks of one task", lambda: friedman_test([[0.5, 0.6]]), "two of each"),
    ("ranks of one model", lambda: friedman_test([[0.5], [0.6]]), "two of each"),
    ("infinite score of a task", lambda: wilcoxon_pairs([[1, 2], [3, math.inf]]), "row 1"),
    ("pairs, correction", lambda: wilcoxon_pairs(TASKS, "nemenyi"), "'nemenyi'"),
    ("diagram level", lambda: critical_difference(TASKS, 5), "between 0 and 1"),
    ("negative margin", lambda: win_tie_loss(TASKS, -1), "margin"),
    ("margin of NaN", lambda: win_tie_loss(TASKS, math.nan), "margin"),
    ("fewer groups than tasks", lambda: group_means(TASKS, ["a", "b"]), "shape (3,), not (2,)"),
    ("one group of tasks", lambda: task_bootstrap(TASKS, [0, 0, 0]), "1 group(s)"),
    ("no draws of tasks", lambda: task_bootstrap(TASKS, n_resamples=0), "0 resamples"),
    ("posterior of NaN", lambda: bayes_signed_rank([0.1, math.nan]), "row 1 is nan"),
    ("posterior of nothing", lambda: bayes_signed_rank([]), "0 differences"),
    ("negative rope", lambda: bayes_signed_rank([0.1], -0.1), "rope -0.1"),
    ("tost of NaN", lambda: tost(math.nan, 0.1), "finite"),
    ("tost, negative error", lambda: tost(0.1, -0.1), "finite"),
    ("tost without margin", lambda: tost(0.1, 0.1, 0), "margin"),
    ("tost level", lambda: tost(0.1, 0.1, level=0.95), "between 0 and 0.5"),
    ("quality of NaN", lambda: embedding_quality(FLAT * math.nan, THREE), "finite"),
    ("quality of one class", lambda: embedding_quality(FLAT, [0] * 6), "two classes"),
    ("quality of one row", lambda: embedding_quality(FLAT, [0, 0, 0, 0, 0, 1]), "1 row(s)"),
    ("quality, too few rows", lambda: embedding_quality(FLAT, THREE, max_rows=5), "max_rows"),
    ("no direction", lambda: alignment(0 * FLAT, THREE), "row 0 is 0"),
    ("uniformity of one", lambda: uniformity(FLAT[:1]), "two rows"),
    ("no neighbours", lambda: knn_purity(FLAT, THREE, 0), "k must be"),
]

WITHOUT_VARIANCE = [
    ("perfect and constant", lambda: delong_test(Y, PERFECT, CONSTANT)),
    ("constant and perfect", lambda: delong_test(Y, CONSTANT, PERFECT)),
    ("perfect and reversed", lambda: delong_test(Y, PERFECT, PERFECT[::-1])),
    ("unpaired", lambda: delong_unpaired(Y, PERFECT, Y, CONSTANT)),
    ("macro", lambda: macro_auc_test(THREE, ONE_HOT, FLAT)),
    ("groups", lambda: delong_test(Y, PERFECT, CONSTANT, groups=GROUPS)),
    ("contrast", lambda: delong_contrast(Y, [PERFECT, CONSTANT], [1, -1])),
    ("omnibus", lambda: delong_omnibus(Y, [PERFECT, CONSTANT, A])),
    ("ovr", lambda: delong_test(IS_1, OF_1, FLAT[:, 1])),
    ("Hand-Till", lambda: paired_bootstrap(THREE, ONE_HOT, FLAT, hand_till_auc, 50)),
    ("partial", lambda: paired_bootstrap(Y, PERFECT, CONSTANT, partial_auc, 50)),
    ("methods", lambda: method_auc_test(Y, [PERFECT] * 2, [CONSTANT] * 2)),
    ("bootstrap", lambda: paired_bootstrap(Y, PERFECT, PERFECT[::-1], accuracy, 50)),
]


def by_name(cases):
    return [pytest.param(*rest, id=name) for name, *rest in cases]


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize(("call", "expected"), by_name(DEFINED))
def test_degenerate_input_has_the_stated_result(call, expected):
    result = call()._asdict()
    assert {name: result[name] for name in expected} == pytest.approx(expected, abs=1e-15)
    # A normal statistic has infinite degrees of freedom, whatever the input.
    normal = result.get("df") == math.inf and "z" in result
    finite = {name: np.isfinite(value).all() for name, value in result.items()}
    assert all(holds for name, holds in finite.items() if not (normal and name == "df"))


def test_models_that_are_equal_on_every_task_are_told_so():
    assert friedman_test(SAME_TASKS)[1:] == (0, 1, 1, 0, 1, 1, 1)
    (pair,) = wilcoxon_pairs(SAME_TASKS)
    assert (pair.n, pair.ties, pair.p, pair.p_adjusted) == (0, 2, 1, 1)
    assert critical_difference(SAME_TASKS).cliques == ((0, 1),)
    assert win_tie_loss(SAME_TASKS).ties.tolist() == [[2, 2], [2, 2]]
    assert task_bootstrap(SAME_TASKS).share_best.tolist() == [0.5, 0.5]
    assert friedman_test(TASKS).p > 0.05


def test_probabilities_of_0_and_1_are_in_the_outer_bins():
    curve = reliability_curve([0, 1, 1], [0.0, 1.0, 1.0], 4)
    assert (curve.low.tolist(), curve.high.tolist()) == ([0, 0.75], [0.25, 1])
    assert curve.rows.tolist() == [1, 2]
    assert calibration_error([0, 1, 1], [0.0, 1.0, 1.0]).ece == 0


@pytest.mark.parametrize(("call", "words"), by_name(REFUSED))
def test_wrong_input_is_a_value_error_of_one_line(call, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the words are checked below)
        call()
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert not isinstance(caught.value, ZeroVarianceError)


@pytest.mark.parametrize("call", by_name(WITHOUT_VARIANCE))
def test_a_difference_without_variance_has_no_p_value(call):
    # pROC gives p = 0 (paired) or NaN (unpaired) here.
    with pytest.raises(ZeroVarianceError, match="no p-value; use paired_permutation"):
        call()
