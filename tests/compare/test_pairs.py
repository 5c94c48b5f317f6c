"""Methods over seeds for other metrics than the AUC, and where no claim can be made."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from engine.compare.corrections import equivalence_p
from engine.compare.evidence import gather, method_test
from engine.kinds.classification import KIND as CLASSES
from engine.kinds.regression import KIND as NUMBERS

LABELS = np.random.default_rng(0).normal(size=80)


def predicted(error: float, draw: int) -> np.ndarray:
    noise = np.random.default_rng(draw).normal(size=80)
    return (LABELS + error * noise)[:, None]


def test_other_metrics_are_compared_by_a_bootstrap_of_the_rows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 200)
    a, b = [predicted(0.3, s) for s in (1, 2)], [predicted(1.0, s) for s in (3, 4)]
    found = method_test(gather("r2", NUMBERS, LABELS, [*a, *b]), a, b).result
    assert found is not None
    assert found.value_a == pytest.approx(np.mean([r2_score(LABELS, s[:, 0]) for s in a]))
    assert found.p < 0.05
    assert (found.n_seeds_a, found.n_seeds_b) == (2, 2)


def test_a_method_that_does_not_depend_on_the_seed_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)
    a, b = [predicted(0.3, 1)] * 2, [predicted(1.0, s) for s in (3, 4)]
    found = method_test(gather("r2", NUMBERS, LABELS, [*a, *b]), a, b)
    assert found.note == "same model with every seed: a"
    assert found.result is not None
    assert found.result.sd_seed_a == 0


def test_where_rows_allow_no_test_a_note_says_why():
    labels = np.array([0] * 10 + [1])
    fits = [np.random.default_rng(s).dirichlet([1, 1], 11) for s in range(4)]
    found = method_test(gather("auroc", CLASSES, labels, fits), fits[:2], fits[2:])
    assert found.result is None
    assert "at least two" in found.note


def test_without_a_standard_error_nothing_is_shown_to_be_equal():
    assert np.isnan(equivalence_p(0.0, float("nan"), 0.01))
    assert equivalence_p(0.0, 0.0, 0.01) == 1
    assert equivalence_p(0.0, 0.001, 0.01) < 0.05
