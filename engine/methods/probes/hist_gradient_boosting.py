"""Gradient boosting on histograms of the features, as LightGBM does it, from scikit-learn."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    Hyperparameter,
    Range,
    named,
)
from engine.methods.probes.base import Probe, Request

TREES = Hyperparameter("n_estimators", COUNT, 200, "trees")
RATE = Hyperparameter("learning_rate", POSITIVE, 0.1, "weight of each tree")
LEAVES = Hyperparameter(
    "max_leaf_nodes", Range(2, whole=True, also=(None,)), 31, "most leaves of a tree; null: any"
)
FEWEST_ROWS = Hyperparameter("min_samples_leaf", COUNT, 20, "fewest rows of a leaf")
PENALTY = Hyperparameter("reg_lambda", NOT_NEGATIVE, 0.0, "L2 penalty on the values of leaves")


def build(request: Request) -> Any:
    """Trees of at most so many leaves, the best leaf first (Ke et al. 2017)."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    params, numeric = request.params, request.kind.numeric
    boosting = HistGradientBoostingRegressor if numeric else HistGradientBoostingClassifier
    return boosting(
        max_iter=TREES.of(params),
        learning_rate=RATE.of(params),
        max_leaf_nodes=LEAVES.of(params),
        min_samples_leaf=FEWEST_ROWS.of(params),
        l2_regularization=PENALTY.of(params),
        early_stopping=False,
        random_state=request.seed,
    )


PROBE = Probe(
    name="hist_gradient_boosting",
    summary="gradient boosting on histograms",
    parameters=named(TREES, RATE, LEAVES, FEWEST_ROWS, PENALTY, CLASS_WEIGHT),
    build=build,
    standardize=False,
)
