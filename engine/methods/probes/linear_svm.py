"""Linear support vector machine with calibrated scores."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request, coefficients
from engine.methods.ranges import POSITIVE

#: Parts of train that the calibration's scores come from, each from a machine fitted to the others.
CALIBRATION_FOLDS = 3


def build(request: Request) -> Any:
    """Squared hinge loss, a class against the rest; a sigmoid makes probabilities (Platt 1999)."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    machine = LinearSVC(
        C=request.params.get("C", 1.0), dual="auto", max_iter=5000, random_state=request.seed
    )
    return CalibratedClassifierCV(machine, method="sigmoid", cv=CALIBRATION_FOLDS, ensemble=False)


PROBE = Probe(
    name="linear_svm",
    summary="linear support vector machine, scores calibrated by a sigmoid",
    kinds=("classification", "multilabel"),
    parameters={"C": (), "class_weight": CLASS_WEIGHTS},
    build=build,
    count=lambda model: coefficients(model.calibrated_classifiers_[0].estimator),
    ranges={"C": POSITIVE},
)
