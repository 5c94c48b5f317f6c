"""What every registered probe must do, whatever it is."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.kinds import Kind, find_kind
from engine.methods import InfeasibleError, methods
from engine.methods.probes import find_probe, probes
from engine.methods.probes.base import COMMON, hyperparameters
from engine.methods.probes.fitted import configuration, load_fitted
from engine.testing.probes import Fits, checks, data

#: Cheap settings, where the defaults are not.
CHEAP = {
    "random_forest": {"n_estimators": 15},
    "hist_gradient_boosting": {"n_estimators": 8, "min_samples_leaf": 5, "learning_rate": 0.3},
    "xgboost": {"n_estimators": 20},
    "mlp": {"max_epochs": 15, "learning_rate": 1e-2, "hidden": 16},
}
KINDS = ("classification", "multilabel", "regression")
WEIGHTED = [
    (name, kind)
    for name, probe in probes().items()
    for kind in map(find_kind, probe.kinds)
    if "class_weight" in probe.parameters and not kind.numeric
]


def fits(name: str) -> Fits:
    return Fits(name, CHEAP.get(name, {}))


@pytest.mark.parametrize(
    "check", [c for name in probes() for c in checks(name, CHEAP.get(name))], ids=str
)
def test_contract(check) -> None:
    check()


@pytest.mark.parametrize(("name", "kind"), WEIGHTED, ids=lambda one: getattr(one, "name", one))
def test_balanced_classes_raise_the_scores_of_the_rare_one(name: str, kind: Kind) -> None:
    X, y = data(find_kind("classification"), rows=300)
    rows = np.flatnonzero((y == 0) | (np.arange(300) % 3 == 0))  # a tenth positive
    X, y = X[rows], y[rows]
    labels = np.stack([y, 1 - y], axis=1) if kind.independent else y
    plain = fits(name).fitted(kind, X, labels).scores(X)
    balanced = fits(name).fitted(kind, X, labels, class_weight="balanced").scores(X)
    positive = 0 if kind.independent else 1
    # A forest or boosted trees may be sure of all rows either way.
    assert not np.array_equal(plain, balanced)
    if name not in ("random_forest", "hist_gradient_boosting", "xgboost"):
        assert balanced[:, positive].mean() > plain[:, positive].mean()


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_that_does_not_take_a_kind_says_which_do(kind: str) -> None:
    for name, probe in probes().items():
        if kind not in probe.kinds:
            with pytest.raises(InfeasibleError, match=rf"'{name}' takes .* task is {kind}; valid"):
                configuration({"classifier": name}, find_kind(kind), 0)


@pytest.mark.parametrize("name", ["ridge", "mlp", "xgboost"])
def test_a_small_spread_around_a_large_mean_is_not_rounded_away(name: str) -> None:
    """In float32 a million has steps of 1/16."""
    X, y = data(find_kind("regression"))
    spread = 1e-3 * (y - y.mean()) / y.std()
    scores = fits(name).fitted(find_kind("regression"), X, 1e6 + spread).scores(X)[:, 0] - 1e6
    assert ((scores - spread) ** 2).mean() < 0.5 * spread.var()


def test_the_ranges_of_a_hyperparameter_are_the_same_in_all_probes() -> None:
    for probe in probes().values():
        for name, declared in probe.parameters.items():
            assert declared.name == name
            assert declared.values, (probe.name, name)
            assert methods()["probe"].parameters[name].values == declared.values


def test_one_class_only_is_told() -> None:
    X, _ = data(find_kind("classification"))
    with pytest.raises(InfeasibleError, match="all 150 rows to fit to are of one class"):
        fits("naive_bayes").fitted(find_kind("classification"), X, np.ones(150, dtype=np.int64))


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

    X, y = data(find_kind("classification"))
    fits("naive_bayes").fitted(find_kind("classification"), X, y).save(tmp_path, {})
    skops.io.dump(subprocess.Popen, tmp_path / "estimator-0.skops")
    with pytest.raises(UserError, match=r"estimator-0.skops: holds subprocess.Popen"):
        load_fitted(tmp_path)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no fitted probe"):
        load_fitted(tmp_path)
