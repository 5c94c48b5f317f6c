"""Gradient boosting on histograms of the features, as LightGBM does it, from scikit-learn."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request
from engine.methods.ranges import COUNT, NOT_NEGATIVE, POSITIVE, Range


def build(request: Request) -> Any:
    """Trees of at most so many leaves, the best leaf first (Ke et al. 2017)."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    boosting = (
        HistGradientBoostingRegressor
        if request.kind == "regression"
        else HistGradientBoostingClassifier
    )
    return boosting(
        max_iter=request.params.get("n_estimators", 200),
        learning_rate=request.params.get("learning_rate", 0.1),
        max_leaf_nodes=request.params.get("max_leaf_nodes", 31),
        min_samples_leaf=request.params.get("min_samples_leaf", 20),
        l2_regularization=request.params.get("reg_lambda", 0.0),
        early_stopping=False,
        random_state=request.seed,
    )


PROBE = Probe(
    name="hist_gradient_boosting",
    summary="gradient boosting on histograms",
    kinds=("classification", "multilabel", "regression"),
    parameters={
        "n_estimators": (),
        "learning_rate": (),
        "max_leaf_nodes": (),
        "min_samples_leaf": (),
        "reg_lambda": (),
        "class_weight": CLASS_WEIGHTS,
    },
    build=build,
    standardize=False,
    ranges={
        "n_estimators": COUNT,
        "learning_rate": POSITIVE,
        "max_leaf_nodes": Range(2, whole=True, also=(None,)),
        "min_samples_leaf": COUNT,
        "reg_lambda": NOT_NEGATIVE,
    },
)
