"""Probe: a classifier from scikit-learn on frozen embeddings; the encoder never runs here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.methods.base import Fitted, Method, Report
from engine.metrics import compute
from engine.records import TrialSpec, array_name
from engine.store import Store
from engine.tasks import cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def classifier(params: dict[str, Any], seed: int) -> Any:
    """Build the unfitted classifier that a configuration describes.

    Parameters
    ----------
    params : dict
        ``classifier`` and its hyperparameters, as `search_spaces/probe.yaml` declares them.
    seed : int
        Draws the trees of a random forest; logistic regression is deterministic.

    Returns
    -------
    scikit-learn estimator

    Raises
    ------
    UserError
        For an unknown classifier.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kind = params.get("classifier", "logistic_regression")
    weight = params.get("class_weight", "none")
    class_weight = None if weight == "none" else weight
    if kind == "logistic_regression":
        model = LogisticRegression(C=params.get("C", 1.0), class_weight=class_weight, max_iter=1000)
        return make_pipeline(StandardScaler(), model) if params.get("standardize", True) else model
    if kind == "random_forest":
        return RandomForestClassifier(
            n_estimators=params.get("n_estimators", 300),
            max_features=params.get("max_features", "sqrt"),
            min_samples_leaf=params.get("min_samples_leaf", 1),
            class_weight=class_weight,
            random_state=seed,
        )
    raise UserError(f"classifier '{kind}' is unknown; valid: logistic_regression, random_forest")


def fit(spec: TrialSpec, report: Report, checkpoint: Path | None = None) -> Fitted:
    """Fit a classifier on the stored embeddings of the train split."""
    task = cached_task(spec.task)
    name = array_name(str(spec.params["pooling"]), int(spec.params.get("layer", -1)))
    model = classifier(dict(spec.params), spec.seed)
    model.fit(_embeddings(spec, "train", name), task.train.labels)
    validation = model.predict_proba(_embeddings(spec, "validation", name))
    score = compute(spec.metric, task.validation.labels, validation)
    report(1, score)
    return Fitted(
        validation=validation,
        test=lambda: model.predict_proba(_embeddings(spec, "test", name)),
        curve=(score,),
        trainable_parameters=_parameters(model),
    )


def _embeddings(spec: TrialSpec, split: str, name: str) -> npt.NDArray[np.float32]:
    arrays = Store(spec.store).load(spec.embeddings[split])
    if arrays is None:
        raise UserError(
            f"{spec.store}: the {split} embeddings of {spec.cell.encoder} on {spec.cell.task} are "
            "not there, or were damaged; run again. On a cluster every node must share the store"
        )
    return arrays[name]


def _parameters(model: Any) -> int:
    last = model[-1] if hasattr(model, "steps") else model
    return int(last.coef_.size + last.intercept_.size) if hasattr(last, "coef_") else 0


METHOD = Method(
    name="probe",
    needs="embeddings",
    summary="logistic regression or random forest on frozen, pooled embeddings",
    parameters={
        "pooling": (),
        "layer": (),
        "classifier": ("logistic_regression", "random_forest"),
        "standardize": (True, False),
        "C": (),
        "class_weight": ("none", "balanced"),
        "n_estimators": (),
        "max_features": ("sqrt", "log2"),
        "min_samples_leaf": (),
    },
    fit=fit,
)
