"""Multilabel metrics are scikit-learn's, macro over what can be scored; bad input is refused."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from engine.kinds import find_kind
from engine.metrics import METRICS, compute, compute_all, metrics_of

KIND = find_kind("multilabel")

NAMES = metrics_of(KIND)


@st.composite
def predictions(draw):
    """Labels of which at least one can be ranked, and probabilities, some of them equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, labels = draw(st.integers(2, 25)), draw(st.integers(2, 5))
    y = (rng.random((rows, labels)) < rng.random(labels)).astype(int)
    held = y.sum(axis=0)
    assume(((held > 0) & (held < rows)).any())
    scores = np.clip(rng.random((rows, labels)) + 0.2 * y, 0, 1)
    return y, np.round(scores * 4) / 4 if draw(st.booleans()) else scores


def by_scikit_learn(y, p):
    held = y.sum(axis=0)
    ranked, true = np.flatnonzero((held > 0) & (held < len(y))), np.flatnonzero(held)
    hard = (p > 0.5).astype(int)
    return {
        "auroc": sk.roc_auc_score(y[:, ranked], p[:, ranked], average="macro"),
        "auprc": np.mean([sk.average_precision_score(y[:, k], p[:, k]) for k in ranked]),
        "f1": np.mean([sk.f1_score(y[:, k], hard[:, k], zero_division=0) for k in true]),
        "f1_micro": sk.f1_score(y, hard, average="micro", zero_division=0),
        "hamming": sk.hamming_loss(y, hard),
    }


@settings(max_examples=40, deadline=None)
@given(predictions())
def test_all_metrics_are_those_of_scikit_learn(case):
    y, p = case
    found = compute_all(y, p, KIND)
    assert found == pytest.approx(by_scikit_learn(y, p), abs=1e-12)
    for name, value in found.items():
        low, high = METRICS[name].range
        assert low - 1e-12 <= value <= high + 1e-12


def test_perfect_and_constant_predictions():
    y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
    perfect = {"auroc": 1, "auprc": 1, "f1": 1, "f1_micro": 1, "hamming": 0}
    assert compute_all(y, y.astype(float), KIND) == pytest.approx(perfect)
    # Nothing is predicted at 0.5; the average precision of equal scores is the share that holds.
    constant = {"auroc": 0.5, "auprc": (2 + 2 + 1) / 12, "f1": 0, "f1_micro": 0, "hamming": 5 / 12}
    assert compute_all(y, np.full((4, 3), 0.5), KIND) == pytest.approx(constant)


def test_a_label_that_no_row_holds_does_not_take_part_in_the_averages():
    y = np.array([[1, 0], [0, 0], [1, 0]])
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.3]])
    assert compute("auroc", y, p, KIND) == 1
    assert compute("f1", y, p, KIND) == pytest.approx(2 / 3)


HALF = np.full((2, 2), 0.5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("y", "scores", "words"),
    [
        pytest.param([[0, 1], [0, 1]], HALF, "none or all of the rows", id="no label differs"),
        pytest.param([[0, 2], [1, 0]], HALF, r"0 and 1, but row 0 is \[0, 2\]", id="counts"),
        pytest.param([[0, 1], [1, 0]], HALF * 3, "probabilities, but row 0", id="logits"),
        pytest.param([[0, 1], [1, 0]], -HALF, "probabilities, but row 0", id="negative"),
        pytest.param([[0, 1], [1, 0]], HALF * math.nan, "finite, but row 0", id="NaN"),
        pytest.param([[0, 1, 1], [1, 0, 0]], HALF, "2 rows of scores", id="more labels"),
        pytest.param([[0], [1]], HALF[:, :1], "column per label", id="one label"),
    ],
)
def test_wrong_input_is_a_value_error_of_one_line(name, y, scores, words):
    with pytest.raises(ValueError, match=words) as caught:
        compute(name, y, scores, KIND)
    assert "\n" not in str(caught.value)
