"""XGBoost: gradient boosting with second-order steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.basics.files import replacing
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

PART = Range(0, 1, without_low=True)

TREES = Hyperparameter("n_estimators", COUNT, 200, "trees")
RATE = Hyperparameter("learning_rate", POSITIVE, 0.1, "weight of each tree")
DEPTH = Hyperparameter(
    "max_depth", Range(1, whole=True, also=(None,)), 6, "most splits on a path; null: XGBoost's own"
)
FEWEST = Hyperparameter("min_child_weight", NOT_NEGATIVE, 1.0, "least curvature in a leaf")
ROWS = Hyperparameter("subsample", PART, 1.0, "share of the rows that a tree sees")
COLUMNS = Hyperparameter("colsample_bytree", PART, 1.0, "share of the features that a tree sees")
PENALTY = Hyperparameter("reg_lambda", NOT_NEGATIVE, 1.0, "L2 penalty on the values of leaves")


def build(request: Request) -> Any:
    """Trees grown level by level (Chen & Guestrin 2016)."""
    from xgboost import XGBClassifier, XGBRegressor

    params = request.params
    boosting = XGBRegressor if request.kind.numeric else XGBClassifier
    return boosting(
        n_estimators=TREES.of(params),
        learning_rate=RATE.of(params),
        max_depth=DEPTH.of(params),
        min_child_weight=FEWEST.of(params),
        subsample=ROWS.of(params),
        colsample_bytree=COLUMNS.of(params),
        reg_lambda=PENALTY.of(params),
        tree_method="hist",
        random_state=request.seed,
    )


def save(estimator: Any, path: Path) -> None:
    """Write the trees in XGBoost's own JSON."""
    with replacing(path) as temporary:
        estimator.save_model(temporary)


def load(path: Path) -> Any:
    """Read what `save` wrote."""
    import json

    from xgboost import XGBClassifier, XGBRegressor

    objective = json.loads(path.read_text())["learner"]["objective"]["name"]
    estimator = XGBRegressor() if objective.startswith("reg:") else XGBClassifier()
    estimator.load_model(path)
    return estimator


PROBE = Probe(
    name="xgboost",
    summary="gradient boosting, XGBoost",
    parameters=named(TREES, RATE, DEPTH, FEWEST, ROWS, COLUMNS, PENALTY, CLASS_WEIGHT),
    build=build,
    standardize=False,
    suffix=".json",
    save=save,
    load=load,
)
