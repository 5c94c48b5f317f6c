"""XGBoost: gradient boosting with second-order steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.basics.files import replacing
from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request
from engine.methods.ranges import COUNT, NOT_NEGATIVE, POSITIVE, Range


def build(request: Request) -> Any:
    """Trees grown level by level (Chen & Guestrin 2016)."""
    from xgboost import XGBClassifier, XGBRegressor

    boosting = XGBRegressor if request.kind == "regression" else XGBClassifier
    return boosting(
        n_estimators=request.params.get("n_estimators", 200),
        learning_rate=request.params.get("learning_rate", 0.1),
        max_depth=request.params.get("max_depth", 6),
        min_child_weight=request.params.get("min_child_weight", 1.0),
        subsample=request.params.get("subsample", 1.0),
        colsample_bytree=request.params.get("colsample_bytree", 1.0),
        reg_lambda=request.params.get("reg_lambda", 1.0),
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
    kinds=("classification", "multilabel", "regression"),
    parameters={
        "n_estimators": (),
        "learning_rate": (),
        "max_depth": (),
        "min_child_weight": (),
        "subsample": (),
        "colsample_bytree": (),
        "reg_lambda": (),
        "class_weight": CLASS_WEIGHTS,
    },
    build=build,
    standardize=False,
    suffix=".json",
    save=save,
    load=load,
    ranges={
        "n_estimators": COUNT,
        "learning_rate": POSITIVE,
        "max_depth": Range(1, whole=True, also=(None,)),
        "min_child_weight": NOT_NEGATIVE,
        "subsample": Range(0, 1, without_low=True),
        "colsample_bytree": Range(0, 1, without_low=True),
        "reg_lambda": NOT_NEGATIVE,
    },
)
