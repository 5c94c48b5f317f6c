"""Random forest."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request
from engine.methods.ranges import COUNT, Range


def build(request: Request) -> Any:
    """Trees on bootstrap samples, a random part of the features at each split (Breiman 2001)."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestRegressor if request.kind == "regression" else RandomForestClassifier
    return forest(
        n_estimators=request.params.get("n_estimators", 300),
        max_features=request.params.get("max_features", "sqrt"),
        max_depth=request.params.get("max_depth"),
        min_samples_split=request.params.get("min_samples_split", 2),
        min_samples_leaf=request.params.get("min_samples_leaf", 1),
        random_state=request.seed,
    )


PROBE = Probe(
    name="random_forest",
    summary="random forest",
    kinds=("classification", "multilabel", "regression"),
    parameters={
        "n_estimators": (),
        "max_features": ("sqrt", "log2"),
        "max_depth": (),
        "min_samples_split": (),
        "min_samples_leaf": (),
        "class_weight": CLASS_WEIGHTS,
    },
    build=build,
    standardize=False,
    ranges={
        "n_estimators": COUNT,
        "max_depth": Range(1, whole=True, also=(None,)),
        "min_samples_split": Range(2, whole=True),
        "min_samples_leaf": COUNT,
    },
)
