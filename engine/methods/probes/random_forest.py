"""Random forest."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import COUNT, Hyperparameter, Range, named
from engine.methods.probes.base import Probe, Request

TREES = Hyperparameter("n_estimators", COUNT, 300, "trees")
FEATURES = Hyperparameter(
    "max_features", ("sqrt", "log2"), "sqrt", "of their number that are looked at for a split"
)
DEPTH = Hyperparameter[int | None](
    "max_depth", Range(1, whole=True, also=(None,)), None, "most splits on a path; null: any"
)
FEWEST_TO_SPLIT = Hyperparameter(
    "min_samples_split", Range(2, whole=True), 2, "fewest rows that are split"
)
FEWEST_ROWS = Hyperparameter("min_samples_leaf", COUNT, 1, "fewest rows of a leaf")


def build(request: Request) -> Any:
    """Trees on bootstrap samples, a random part of the features at each split (Breiman 2001)."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    params = request.params
    forest = RandomForestRegressor if request.kind.numeric else RandomForestClassifier
    return forest(
        n_estimators=TREES.of(params),
        max_features=FEATURES.of(params),
        max_depth=DEPTH.of(params),
        min_samples_split=FEWEST_TO_SPLIT.of(params),
        min_samples_leaf=FEWEST_ROWS.of(params),
        random_state=request.seed,
    )


PROBE = Probe(
    name="random_forest",
    summary="random forest",
    parameters=named(TREES, FEATURES, DEPTH, FEWEST_TO_SPLIT, FEWEST_ROWS, CLASS_WEIGHT),
    build=build,
    standardize=False,
)
