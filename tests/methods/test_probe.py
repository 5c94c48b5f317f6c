import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score

from engine.basics.errors import UserError
from engine.embedding.stored import PrepareRequest, prepare
from engine.methods.probe import METHOD, fit_many
from engine.methods.probes import find_probe
from engine.records import TaskSpec, TrialSpec
from engine.store import Store
from engine.tasks import load_task
from engine.trial import refit, run_trial

LOGISTIC = {"pooling": "features", "classifier": "logistic_regression", "C": 1.0}
FOREST = {"pooling": "features", "classifier": "random_forest", "n_estimators": 30}
Spec = Callable[..., TrialSpec]


@pytest.fixture
def embedded(spec_of: Spec) -> Callable[[dict[str, Any]], TrialSpec]:
    """A probe spec whose one-hot embeddings are in the store."""

    def make(params: dict[str, Any]) -> TrialSpec:
        spec = spec_of("probe", params, "onehot")
        return prepared_spec(spec, ("features",))

    return make


def prepared_spec(spec: TrialSpec, poolings: tuple[str, ...]) -> TrialSpec:
    """A spec whose embeddings are in the store, under the encoder's own fingerprint."""
    splits = ("train", "validation", "test")
    request = PrepareRequest(
        spec.encoder, spec.task, spec.task_fingerprint, poolings, (-1,), splits
    )
    made = prepare(request, spec.store)
    return replace(spec, embeddings=made.embeddings, encoder_fingerprint=made.encoder_fingerprint)


def loaded_scores(spec: TrialSpec, folder: Path, sequences: Sequence[str]) -> Any:
    """Scores by a model that was fitted, saved and read."""
    (fitted,) = fit_many([spec])
    assert fitted.save is not None
    fitted.save(folder)
    assert METHOD.load is not None
    return METHOD.load(folder, spec)(sequences), fitted


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

    monkeypatch.setattr("engine.encoders.registry.load_encoder", refuse)
    monkeypatch.setattr("engine.embedding.stored.load_encoder", refuse)
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
    with pytest.raises(
        UserError, match=r"classifier .linear_svn. is unknown; did you mean .linear_svm."
    ):
        find_probe("linear_svn")


def test_parameters_of_a_logistic_regression_are_counted(embedded, motif_file: Path) -> None:
    """Two classes: one weight per feature and an intercept. One-hot of 48 bases: 192 features."""
    assert run_trial(embedded(LOGISTIC)).trainable_parameters == 4 * 48 + 1


SEVERAL = [
    {"pooling": "mean", "classifier": "logistic_head", "C": 1e-3},
    {"pooling": "max", "classifier": "logistic_head", "C": 100.0, "class_weight": "balanced"},
    {"pooling": "mean", "classifier": "naive_bayes"},
    {"pooling": "mean", "classifier": "logistic_head", "C": 1.0, "pca": 10, "folds": 3},
    {"pooling": "mean+max", "classifier": "logistic_head", "C": 1.0, "standardize": False},
]


def test_configurations_fitted_together_score_as_alone(spec_of: Spec) -> None:
    """Of two classifiers, three poolings (one of another width) and with folds."""
    first = prepared_spec(spec_of("probe", SEVERAL[0]), ("max", "mean", "mean+max"))
    specs = [replace(first, params=params) for params in SEVERAL]
    together = fit_many(specs)
    for spec, fitted in zip(specs, together, strict=True):
        (alone,) = fit_many([spec])
        np.testing.assert_allclose(fitted.validation, alone.validation, atol=1e-7)
        np.testing.assert_allclose(fitted.test(), alone.test(), atol=1e-7)
        assert fitted.curve == alone.curve
        assert fitted.trainable_parameters == alone.trainable_parameters
    assert [fitted.score is not None for fitted in together] == [False, False, False, True, False]


def test_with_folds_the_score_is_scikit_learns_over_folds_of_train(embedded) -> None:
    spec = replace(embedded({**FOREST, "folds": 4}), metric="accuracy")
    result = run_trial(spec)
    task = load_task(spec.task)
    X = Store(spec.store).load(spec.embeddings["train"])["features@-1"]
    forest = RandomForestClassifier(30, max_features="sqrt", random_state=0)
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    scores = cross_val_score(forest, X, task.train.labels, cv=folds, scoring="accuracy")
    assert result.score == pytest.approx(scores.mean())
    assert result.curve == (result.score,)
    # The other metrics are of the validation split and the model that all of train was fitted to.
    plain = run_trial(replace(spec, params=FOREST))
    assert result.metrics == plain.metrics
    assert refit(spec).validation == result.score


def test_more_folds_than_rows_of_a_class_are_infeasible(embedded) -> None:
    result = run_trial(embedded({**LOGISTIC, "folds": 90}))
    assert result.status == "infeasible"
    assert result.error is not None
    assert result.error.startswith("folds: 90: ")


@pytest.mark.parametrize(
    ("encoder", "pooling", "classifier"),
    [
        ("onehot", "features", "logistic_regression"),
        ("onehot", "features", "xgboost"),
        ("tiny-bert", "mean", "mlp"),
    ],
)
def test_a_saved_probe_scores_sequences_as_it_scored_the_test_split(
    encoder: str, pooling: str, classifier: str, spec_of: Spec, tmp_path: Path
) -> None:
    params = {"pooling": pooling, "classifier": classifier}
    spec = prepared_spec(spec_of("probe", params, encoder), (pooling,))
    sequences = load_task(spec.task).unseal_test().sequences
    scores, fitted = loaded_scores(spec, tmp_path / "best", sequences)
    assert np.array_equal(scores, fitted.test())


def test_a_saved_probe_is_not_used_with_other_weights(spec_of: Spec, tmp_path: Path) -> None:
    spec = prepared_spec(spec_of("probe", {"pooling": "mean"}), ("mean",))
    (fitted,) = fit_many([spec])
    assert fitted.save is not None
    assert METHOD.load is not None
    fitted.save(tmp_path / "best")
    other = replace(spec, encoder=replace(spec.encoder, seed=1))
    with pytest.raises(UserError, match="was fitted on other weights of tiny-bert"):
        METHOD.load(tmp_path / "best", other)


def test_a_saved_probe_reads_embeddings_in_the_precision_that_it_was_fitted_on(
    spec_of: Spec, tmp_path: Path
) -> None:
    """As where a GPU embeds in bfloat16 and a CPU predicts."""
    spec = spec_of("probe", {"pooling": "mean", "classifier": "logistic_regression"})
    splits = ("train", "validation", "test")
    request = PrepareRequest(
        spec.encoder, spec.task, spec.task_fingerprint, ("mean",), (-1,), splits, "bfloat16"
    )
    made = prepare(request, spec.store)
    spec = replace(spec, embeddings=made.embeddings, encoder_fingerprint=made.encoder_fingerprint)
    sequences = load_task(spec.task).unseal_test().sequences
    scores, fitted = loaded_scores(spec, tmp_path / "best", sequences)
    assert json.loads((tmp_path / "best" / "probe.json").read_text())["precision"] == "bfloat16"
    assert np.array_equal(scores, fitted.test())


@pytest.mark.parametrize("classifier", ["linear_svm", "mlp"])
def test_parts_within_a_fit_know_the_groups_of_the_task(
    classifier: str, spec_of: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each group is two sequences, both twice; of the folds too, each is fitted on whole groups."""
    rng = np.random.default_rng(0)
    lines = ["sequence,label,split,group"]
    for group in range(60):
        split = ("train", "train", "validation", "test")[group // 2 % 4]
        for _ in range(2):
            sequence = "".join(rng.choice(list("ACGT"), size=30))
            lines += [f"{sequence},{group % 2},{split},g{group}"] * 2
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    task = TaskSpec("mine", str(tmp_path / "mine.csv"))
    loaded = load_task(task)
    spec = prepared_spec(
        spec_of("probe", {}, "kmer3", task=task, task_fingerprint=loaded.fingerprint),
        ("features",),
    )
    file = import_module(f"engine.methods.probes.{classifier}")
    divide = "held_out" if classifier == "mlp" else "folds"
    bounds, original = [], getattr(file, divide)

    def spy(labels: Any, bound: Any, *more: Any, **named: Any) -> Any:
        bounds.append(bound)
        return original(labels, bound, *more, **named)

    monkeypatch.setattr(file, divide, spy)
    params = {"pooling": "features", "classifier": classifier, "folds": 2}
    assert run_trial(replace(spec, params=params)).status == "complete"
    assert len(bounds) == 3  # all of train, and two folds
    for bound in bounds:
        assert set(Counter(bound.tolist()).values()) == {4}
    assert sorted(bounds[1].tolist() + bounds[2].tolist()) == sorted(bounds[0].tolist())


def test_a_probe_for_numbers_is_infeasible_on_classes(embedded) -> None:
    result = run_trial(embedded({"pooling": "features", "classifier": "ridge"}))
    assert (result.status, result.score) == ("infeasible", None)
    assert result.error is not None
    assert "'ridge' takes regression, and this task is classification; valid: " in result.error


@pytest.mark.parametrize(
    ("kind", "metric", "classifiers"),
    [
        ("regression", "spearman", ("", "xgboost")),
        ("multilabel", "auroc", ("", "logistic_head", "mlp")),
    ],
)
def test_other_kinds_of_tasks_are_fitted_too(
    kind: str, metric: str, classifiers: tuple[str, ...], spec_of: Spec, tmp_path: Path
) -> None:
    """Numbers follow the share of G; the label sets say whether G and whether C is common."""
    rng = np.random.default_rng(0)
    lines = ["sequence,label"]
    for _ in range(200):
        share = rng.dirichlet([2, 2, 2, 2])
        sequence = "".join(rng.choice(list("ACGT"), size=60, p=share))
        labels = (["g"] if share[2] > 0.25 else []) + (["c"] if share[1] > 0.25 else [])
        told = f"{10 + 3.5 * share[2]:.4f}" if kind == "regression" else ";".join(labels) or ";"
        lines.append(f"{sequence},{told}")
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(lines))
    task = TaskSpec("mine", str(file))
    assert load_task(task).kind.name == kind
    base = prepared_spec(
        spec_of(
            "probe",
            {},
            "kmer3",
            task=task,
            task_fingerprint=load_task(task).fingerprint,
            metric=metric,
        ),
        ("features",),
    )
    for name in classifiers:
        params = {"pooling": "features"} | ({"classifier": name} if name else {})
        spec = replace(base, params={**params, "folds": 2})
        result = run_trial(spec)
        assert result.error is None
        assert result.score is not None
        assert result.score > 0.75
        scores, fitted = loaded_scores(spec, tmp_path / f"best-{name}", ["ACGT" * 9])
        assert scores.shape == (1, 2 if kind == "multilabel" else 1)
        assert fitted.test().shape[1] == scores.shape[1]
