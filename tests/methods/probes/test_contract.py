"""What every registered probe must do, whatever it is."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.kinds import find_kind
from engine.methods import InfeasibleError, methods
from engine.methods.probes import find_probe, probes
from engine.methods.probes.base import COMMON, hyperparameters
from engine.methods.probes.fitted import FittedProbe, configuration, fit_probes, load_fitted

#: Cheap settings, where the defaults are not.
CHEAP = {
    "random_forest": {"n_estimators": 15},
    "hist_gradient_boosting": {"n_estimators": 8, "min_samples_leaf": 5, "learning_rate": 0.3},
    "xgboost": {"n_estimators": 20},
    "mlp": {"max_epochs": 15, "learning_rate": 1e-2, "hidden": 16},
}
NOT_FINITE = "scores are not finite"
KINDS = ("classification", "multilabel", "regression")
PAIRS = [(name, kind) for name, probe in probes().items() for kind in probe.kinds]
WEIGHTED = [
    (name, kind)
    for name, kind in PAIRS
    if "class_weight" in probes()[name].parameters and kind != "regression"
]


def data(kind: str, rows: int = 150, seed: int = 0, classes: int = 2):
    """Features (N, 6), float32, the last of which is constant, and labels that follow them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 6)).astype(np.float32)
    X[:, 5] = 3.0
    noisy = X[:, :3] + 0.3 * rng.normal(size=(rows, 3))
    if kind == "regression":
        return X, 100 + 20 * noisy[:, 0] - 10 * noisy[:, 1]
    if kind == "multilabel":
        return X, (noisy > [0, 0.5, -0.5]).astype(np.int64)
    if classes == 2:
        return X, (noisy[:, 0] > 0.8).astype(np.int64)
    return X, noisy[:, :classes].argmax(axis=1)


def fitted(name: str, kind: str, X, y, seed: int = 0, **params) -> FittedProbe:
    width = {"classification": int(y.max()) + 1, "regression": 1}.get(kind, y.shape[-1])
    chosen = configuration(
        {"classifier": name, **CHEAP.get(name, {}), **params}, find_kind(kind), seed
    )
    (model,) = fit_probes([chosen], [X], y, np.arange(len(y)), find_kind(kind), width)
    return model


def outcome(name: str, kind: str, X, y, **params):
    """Scores of the rows that it was fitted to and no reason, or none and why."""
    try:
        return fitted(name, kind, X, y, **params).scores(X), ""
    except InfeasibleError as reason:
        return None, str(reason)


def error(scores, y, kind: str) -> float:
    """Share of wrong classes or labels; squared error as a share of the variance."""
    if kind == "regression":
        return float(((scores[:, 0] - y) ** 2).mean() / y.var())
    if kind == "multilabel":
        return float(((scores > 0.5) != y).mean())
    return float((scores.argmax(axis=1) != y).mean())


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_it_beats_chance_and_gives_scores_of_the_right_shape(name: str, kind: str) -> None:
    X, y = data(kind)
    new, truth = data(kind, seed=1)
    scores = fitted(name, kind, X, y).scores(new)
    assert scores.dtype == np.float64
    assert scores.shape == (150, {"classification": 2, "multilabel": 3, "regression": 1}[kind])
    assert np.isfinite(scores).all()
    if kind != "regression":
        assert scores.min() >= 0
        assert scores.max() <= 1
    if kind == "classification":
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    chance = {"classification": 0.21, "multilabel": 0.4, "regression": 1.0}[kind]
    assert error(scores, truth, kind) < 0.7 * chance


@pytest.mark.parametrize("name", [n for n, kind in PAIRS if kind == "classification"])
def test_it_tells_three_classes_apart(name: str) -> None:
    X, y = data("classification", classes=3)
    new, truth = data("classification", seed=1, classes=3)
    scores = fitted(name, "classification", X, y).scores(new)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert error(scores, truth, "classification") < 0.35  # by chance 0.67


@pytest.mark.parametrize("name", [n for n, kind in PAIRS if kind == "classification"])
def test_rows_far_from_train_have_probabilities_too(name: str) -> None:
    X, y = data("classification")
    far = X.copy()
    far[:, 5] = 1e9  # never changes in train
    scores = fitted(name, "classification", X, y).scores(far)
    assert scores.min() >= 0
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", [n for n, kind in PAIRS if kind == "classification"])
def test_a_class_without_train_rows_has_probability_0(name: str) -> None:
    X, y = data("classification")
    scores = fitted(name, "classification", X, 2 * y).scores(X)  # classes 0 and 2
    assert scores.shape == (150, 3)
    assert (scores[:, 1] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", [n for n, kind in PAIRS if kind == "multilabel"])
def test_a_label_that_never_changes_in_train_is_predicted_as_it_is(name: str) -> None:
    X, y = data("multilabel")
    y[:, 1] = 1
    scores = fitted(name, "multilabel", X, y).scores(X)
    assert (scores[:, 1] == 1).all()
    assert error(scores[:, [0, 2]], y[:, [0, 2]], "multilabel") < 0.3


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_seed_decides_and_what_is_saved_scores_bit_for_bit(
    name: str, kind: str, tmp_path: Path
) -> None:
    X, y = data(kind)
    model = fitted(name, kind, X, y, standardize=True, pca=4)
    scores = model.scores(X)
    again = fitted(name, kind, X, y, standardize=True, pca=4)
    assert np.array_equal(again.scores(X), scores)
    model.save(tmp_path, {"more": 1})
    read, about = load_fitted(tmp_path)
    assert np.array_equal(read.scores(X), scores)
    assert about["more"] == 1
    assert read.parameters == model.parameters
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(("name", "kind"), WEIGHTED)
def test_balanced_classes_raise_the_scores_of_the_rare_one(name: str, kind: str) -> None:
    X, y = data("classification", rows=300)
    rows = np.flatnonzero((y == 0) | (np.arange(300) % 3 == 0))  # a tenth positive
    X, y = X[rows], y[rows]
    labels = np.stack([y, 1 - y], axis=1) if kind == "multilabel" else y
    plain = fitted(name, kind, X, labels).scores(X)
    balanced = fitted(name, kind, X, labels, class_weight="balanced").scores(X)
    positive = 0 if kind == "multilabel" else 1
    # A forest or boosted trees may be sure of all rows either way.
    assert not np.array_equal(plain, balanced)
    if name not in ("random_forest", "hist_gradient_boosting", "xgboost"):
        assert balanced[:, positive].mean() > plain[:, positive].mean()


@pytest.mark.parametrize(("name", "kind"), PAIRS)
@pytest.mark.parametrize("rows", [2, 5])
def test_few_rows_give_a_result_or_a_reason(name: str, kind: str, rows: int) -> None:
    X, y = data(kind, rows=rows)
    if kind == "classification":
        y = np.arange(rows) % 2
    if kind == "multilabel":
        y[:2] = [[0, 1, 0], [1, 0, 1]]
    scores, reason = outcome(name, kind, X, y, pca=50)
    assert (scores is None) == bool(reason)
    assert not reason or re.fullmatch(rf"classifier '{name}' on {rows} rows of \d: \w.*", reason)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_features_that_never_change_give_one_score_or_a_reason(name: str, kind: str) -> None:
    X, y = data(kind)
    scores, reason = outcome(name, kind, np.ones_like(X), y, pca=2)
    assert (scores is None) == (reason == f"classifier '{name}' on 150 rows of 2: {NOT_FINITE}")
    assert scores is None or np.ptp(scores, axis=0).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_that_does_not_take_a_kind_says_which_do(kind: str) -> None:
    for name, probe in probes().items():
        if kind not in probe.kinds:
            with pytest.raises(InfeasibleError, match=rf"'{name}' takes .* task is {kind}; valid"):
                configuration({"classifier": name}, find_kind(kind), 0)


@pytest.mark.parametrize("name", ["ridge", "mlp", "xgboost"])
def test_a_small_spread_around_a_large_mean_is_not_rounded_away(name: str) -> None:
    """In float32 a million has steps of 1/16."""
    X, y = data("regression")
    spread = 1e-3 * (y - y.mean()) / y.std()
    scores = fitted(name, "regression", X, 1e6 + spread).scores(X)[:, 0] - 1e6
    assert ((scores - spread) ** 2).mean() < 0.5 * spread.var()


def test_the_ranges_of_a_hyperparameter_are_the_same_in_all_probes() -> None:
    for probe in probes().values():
        for name, declared in probe.parameters.items():
            assert declared.name == name
            assert declared.values, (probe.name, name)
            assert methods()["probe"].parameters[name].values == declared.values


def test_one_class_only_is_told() -> None:
    X, _ = data("classification")
    with pytest.raises(InfeasibleError, match="all 150 rows to fit to are of one class"):
        fitted("naive_bayes", "classification", X, np.ones(150, dtype=np.int64))


def test_a_hyperparameter_of_another_probe_is_told_with_the_condition_it_lacks() -> None:
    with pytest.raises(UserError, match=r"'naive_bayes' does not take 'C'.* when: {classifier: "):
        configuration({"classifier": "naive_bayes", "C": 1.0}, find_kind("classification"), 0)


def test_weights_of_classes_are_refused_where_there_are_none() -> None:
    with pytest.raises(InfeasibleError, match="class_weight: a regression task has no classes"):
        configuration(
            {"classifier": "elastic_net", "class_weight": "balanced"}, find_kind("regression"), 0
        )


def test_the_method_declares_the_hyperparameters_of_every_probe() -> None:
    declared = methods()["probe"].parameters
    assert declared == hyperparameters()
    assert declared["classifier"].values == tuple(probes())
    for probe in probes().values():
        assert not set(probe.parameters) & set(COMMON)
        assert set(probe.parameters) <= set(declared)


def test_names_of_probes_are_those_of_their_files() -> None:
    folder = Path(sys.modules[find_probe.__module__].__file__ or "").parent
    for name in probes():
        assert (folder / f"{name}.py").is_file()


def test_listing_the_probes_imports_no_heavy_library() -> None:
    code = (
        "import sys, json; from engine.methods import methods; methods(); "
        "print(json.dumps(sorted({'torch', 'sklearn', 'xgboost', 'skops'} & set(sys.modules))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []


def test_a_file_with_a_foreign_type_is_not_read(tmp_path: Path) -> None:
    import skops.io

    X, y = data("classification")
    fitted("naive_bayes", "classification", X, y).save(tmp_path, {})
    skops.io.dump(subprocess.Popen, tmp_path / "estimator-0.skops")
    with pytest.raises(UserError, match=r"estimator-0.skops: holds subprocess.Popen"):
        load_fitted(tmp_path)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no fitted probe"):
        load_fitted(tmp_path)
