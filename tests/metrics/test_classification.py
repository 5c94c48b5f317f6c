"""Metrics of classes are scikit-learn's or the closed form; degenerate inputs are as stated."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from engine.kinds import find_kind
from engine.metrics import METRICS, compute, compute_all

KIND = find_kind("classification")

NAMES = ["auroc", "auprc", "mcc", "f1", "accuracy", "balanced_accuracy", "log_loss", "brier"]


def probabilities(rng, y, n_classes, skill=1.0):
    scores = np.exp(rng.normal(size=(len(y), n_classes)) + skill * np.eye(n_classes)[y])
    return scores / scores.sum(axis=1, keepdims=True)


@st.composite
def predictions(draw, n_classes):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = rng.permutation(np.repeat(np.arange(n_classes), rng.integers(1, 12, size=n_classes)))
    scores = probabilities(rng, y, n_classes)
    if draw(st.booleans()):
        scores = np.round(scores * 4) + 1  # ties
        scores /= scores.sum(axis=1, keepdims=True)
    return y, scores


def by_scikit_learn(y, p):
    labels = list(range(p.shape[1]))
    hard = p.argmax(axis=1)
    if p.shape[1] == 2:
        ranked = {
            "auroc": sk.roc_auc_score(y, p[:, 1]),
            "auprc": sk.average_precision_score(y, p[:, 1]),
            "f1": sk.f1_score(y, hard, zero_division=0),
            "brier": sk.brier_score_loss(y, p[:, 1]),
        }
    else:
        ranked = {
            "auroc": sk.roc_auc_score(y, p, multi_class="ovr", average="macro"),
            "auprc": sk.average_precision_score(np.eye(p.shape[1])[y], p, average="macro"),
            "f1": sk.f1_score(y, hard, average="macro", zero_division=0),
            "brier": sum(np.mean(((y == k) - p[:, k]) ** 2) for k in labels),
        }
    return ranked | {
        "mcc": sk.matthews_corrcoef(y, hard),
        "accuracy": sk.accuracy_score(y, hard),
        "balanced_accuracy": sk.balanced_accuracy_score(y, hard),
        "log_loss": sk.log_loss(y, p, labels=labels),
    }


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([2, 3, 5]).flatmap(predictions))
def test_all_metrics_are_those_of_scikit_learn(case):
    y, p = case
    assert compute_all(y, p, KIND) == pytest.approx(by_scikit_learn(y, p), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([2, 4]).flatmap(predictions))
def test_values_lie_in_the_stated_range(case):
    for name, value in compute_all(*case, KIND).items():
        low, high = METRICS[name].range
        assert low - 1e-12 <= value <= high + 1e-12


def test_closed_forms():
    y = [0, 0, 1, 1]
    p = np.array([0.1, 0.6, 0.4, 0.8])
    expected = {
        "auroc": 3 / 4,
        "auprc": (1 + 2 / 3) / 2,
        "mcc": 0,
        "f1": 1 / 2,
        "accuracy": 1 / 2,
        "balanced_accuracy": 1 / 2,
        "log_loss": -math.log(0.9 * 0.4 * 0.4 * 0.8) / 4,
        "brier": (0.01 + 0.36 + 0.36 + 0.04) / 4,
    }
    assert compute_all(y, np.column_stack([1 - p, p]), KIND) == pytest.approx(expected)


def test_perfect_predictions_have_the_best_value():
    y = [0, 1, 2, 2, 1, 0]
    for name, value in compute_all(y, np.eye(3)[y], KIND).items():
        low, high = METRICS[name].range
        assert value == pytest.approx(high if METRICS[name].greater_is_better else low, abs=1e-15)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_constant_predictions(n_classes):
    y = np.repeat(np.arange(n_classes), 10)
    values = compute_all(y, np.full((len(y), n_classes), 1 / n_classes), KIND)
    assert values["mcc"] == 0
    assert values["auroc"] == 0.5
    assert values["auprc"] == pytest.approx(1 / n_classes)
    assert values["balanced_accuracy"] == pytest.approx(1 / n_classes)
    assert values["log_loss"] == pytest.approx(math.log(n_classes))


def test_a_majority_class_model_has_high_accuracy_and_no_mcc():
    y = np.repeat([0, 1], [83, 17])
    p = np.tile([0.9, 0.1], (100, 1))
    values = compute_all(y, p, KIND)
    assert values["accuracy"] == pytest.approx(0.83)
    assert (values["mcc"], values["f1"], values["balanced_accuracy"]) == (0, 0, 0.5)


def test_macro_averages_run_over_the_classes_that_have_rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=60)
    p = probabilities(rng, y, 3)
    with_empty = np.insert(p, 1, 0.0, axis=1)
    assert compute_all(np.array([0, 2, 3])[y], with_empty, KIND) == pytest.approx(
        compute_all(y, p, KIND)
    )


def test_a_true_class_of_probability_zero_has_a_finite_log_loss():
    assert compute("log_loss", [0, 1], [[0, 1], [0, 1]], KIND) == pytest.approx(
        36.0436 / 2, abs=1e-4
    )


def test_ranking_and_label_metrics_need_no_probabilities():
    y, logits = [0, 1, 0, 1], [[3, -2], [-1, 5], [0, 1], [2, 4]]
    assert compute("auroc", y, logits, KIND) == 1
    assert compute_all(y, logits, KIND, ["accuracy", "mcc"]).keys() == {"accuracy", "mcc"}
    with pytest.raises(ValueError, match=r"log_loss needs probabilities .* row 0"):
        compute("log_loss", y, logits, KIND)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_the_type_of_labels_does_not_matter(dtype):
    y = np.array([0, 1, 0, 1, 1])
    p = probabilities(np.random.default_rng(0), y, 2)
    assert compute_all(y.astype(dtype), p, KIND) == compute_all(y, p, KIND)


HALF = np.full((4, 2), 0.5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("y", "scores", "words"),
    [
        pytest.param([1, 1, 1, 1], HALF, r"only \[1\]", id="one class"),
        pytest.param([], np.empty((0, 2)), r"only \[\]", id="no rows"),
        pytest.param([0, 1, 0, 1], HALF * math.nan, "row 0 is", id="NaN scores"),
        pytest.param([0, 1, 0, 1], HALF * math.inf, "row 0 is", id="infinite scores"),
        pytest.param([0, 1, 0, 2], HALF, "row 3 is 2", id="label without column"),
        pytest.param([0, 1, 0, -1], HALF, "row 3 is -1", id="negative label"),
        pytest.param([0, 1, 0, 0.5], HALF, "row 3 is 0.5", id="half a label"),
        pytest.param(["0", "1", "0", "1"], HALF, "class numbers", id="text labels"),
        pytest.param([0, 1, 0], HALF, "4 rows of scores", id="fewer labels"),
        pytest.param([0, 1, 0, 1], HALF[:, 0], "column per class", id="vector of scores"),
        pytest.param([0, 1, 0, 1], HALF[:, :1], "column per class", id="one column"),
    ],
)
def test_wrong_input_is_a_value_error_of_one_line(name, y, scores, words):
    with pytest.raises(ValueError, match=words) as caught:
        compute(name, y, scores, KIND)
    assert "\n" not in str(caught.value)
