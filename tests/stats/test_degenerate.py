"""Every degenerate input has a defined result or a clear error of one line."""

import math

import numpy as np
import pytest

from engine.stats import (
    ZeroVarianceError,
    adjust,
    auc_ci,
    auc_covariance,
    delong_test,
    delong_unpaired,
    macro_auc_ci,
    macro_auc_test,
    paired_bootstrap,
    paired_permutation,
)

Y = [0, 0, 0, 1, 1, 1]
A = [1, 4, 2, 3, 5, 6]
B = [1, 2, 5, 5, 4, 3]
PERFECT = [1, 2, 3, 4, 5, 6]
CONSTANT = [1] * 6
THREE = [0, 0, 1, 1, 2, 2]
ONE_HOT = np.eye(3)[THREE]
FLAT = np.full((6, 3), 1 / 3)


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
]

WITHOUT_VARIANCE = [
    ("perfect and constant", lambda: delong_test(Y, PERFECT, CONSTANT)),
    ("constant and perfect", lambda: delong_test(Y, CONSTANT, PERFECT)),
    ("perfect and reversed", lambda: delong_test(Y, PERFECT, PERFECT[::-1])),
    ("unpaired", lambda: delong_unpaired(Y, PERFECT, Y, CONSTANT)),
    ("macro", lambda: macro_auc_test(THREE, ONE_HOT, FLAT)),
    ("bootstrap", lambda: paired_bootstrap(Y, PERFECT, PERFECT[::-1], accuracy, 50)),
]


def by_name(cases):
    return [pytest.param(*rest, id=name) for name, *rest in cases]


@pytest.mark.parametrize(("call", "expected"), by_name(DEFINED))
def test_degenerate_input_has_the_stated_result(call, expected):
    result = call()._asdict()
    assert {name: result[name] for name in expected} == pytest.approx(expected, abs=1e-15)
    assert all(math.isfinite(value) for value in result.values())


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
