from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import UserError
from engine.methods.probes import find_probe
from engine.prepare import PrepareRequest, prepare
from engine.records import TrialSpec
from engine.trial import refit, run_trial

LOGISTIC = {"pooling": "features", "classifier": "logistic_regression", "C": 1.0}
FOREST = {"pooling": "features", "classifier": "random_forest", "n_estimators": 30}
Spec = Callable[..., TrialSpec]


@pytest.fixture
def embedded(spec_of: Spec) -> Callable[[dict[str, Any]], TrialSpec]:
    """A probe spec whose one-hot embeddings are in the store."""

    def make(params: dict[str, Any]) -> TrialSpec:
        spec = spec_of("probe", params, "onehot")
        request = PrepareRequest(
            spec.encoder,
            spec.task,
            spec.task_fingerprint,
            ("features",),
            (-1,),
            ("train", "validation", "test"),
        )
        return replace(spec, embeddings=prepare(request, spec.store).embeddings)

    return make


@pytest.mark.parametrize("params", [LOGISTIC, FOREST])
def test_a_motif_at_a_fixed_place_is_found(params: dict[str, Any], embedded) -> None:
    result = run_trial(embedded(params))
    assert result.error is None
    assert result.score is not None
    assert result.score > 0.95
    assert result.curve == (result.score,)


def test_test_scores_are_probabilities_of_the_test_rows(embedded) -> None:
    scores = refit(embedded(LOGISTIC)).test
    assert scores.shape == (36, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)


def test_a_probe_never_loads_an_encoder(embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = embedded(LOGISTIC)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an encoder was loaded")

    monkeypatch.setattr("engine.encoders.base.load_encoder", refuse)
    monkeypatch.setattr("engine.prepare.load_encoder", refuse)
    assert run_trial(spec).status == "complete"


def test_the_forest_follows_the_seed(embedded) -> None:
    spec = embedded(FOREST)
    assert np.array_equal(refit(spec).test, refit(spec).test)
    assert not np.array_equal(refit(spec).test, refit(replace(spec, seed=1)).test)


def test_missing_embeddings_are_told_with_the_store(spec_of: Spec) -> None:
    spec = spec_of("probe", LOGISTIC, "onehot")
    result = run_trial(replace(spec, embeddings={"train": "0" * 64, "validation": "0" * 64}))
    assert result.status == "failed"
    assert result.error is not None
    assert "store" in result.error
    assert "every node must share the store" in result.error


def test_unknown_classifier_is_told() -> None:
    with pytest.raises(UserError, match=r"classifier .linear_svn. is unknown; did you mean .linear_svm."):
        find_probe("linear_svn")


def test_parameters_of_a_logistic_regression_are_counted(embedded, motif_file: Path) -> None:
    """Two classes: one weight per feature and an intercept. One-hot of 48 bases: 192 features."""
    assert run_trial(embedded(LOGISTIC)).trainable_parameters == 4 * 48 + 1
