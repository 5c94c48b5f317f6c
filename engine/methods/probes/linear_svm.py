"""Linear support vector machine with calibrated scores."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import named
from engine.methods.probes.base import STRENGTH, Probe, Request, coefficients
from engine.methods.probes.parts import folds
from engine.methods.probes.persistence import save_skops

#: Parts of train that the calibration's scores come from, each from a machine fitted to the others.
CALIBRATION_FOLDS = 3


def build(request: Request) -> Any:
    """Squared hinge loss, a class against the rest; a sigmoid makes probabilities (Platt 1999).

    Raises
    ------
    ValueError
        If a class is not in all parts to fit, so that no machine can tell it apart there.
    """
    import numpy as np
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    strength = STRENGTH.of(request.params)
    machine = LinearSVC(C=strength, dual="auto", max_iter=5000, random_state=request.seed)
    parts = folds(request.labels, request.bound, CALIBRATION_FOLDS, request.seed, stratified=True)
    classes = len(np.unique(request.labels))
    if any(len(np.unique(request.labels[fitted])) < classes for fitted, _ in parts):
        raise ValueError(
            f"of {CALIBRATION_FOLDS} parts to calibrate on, one holds all rows of a class"
        )
    return CalibratedClassifierCV(machine, method="sigmoid", cv=parts, ensemble=False)


def save(estimator: Any, path: Path) -> None:
    """Write it without the rows of the parts, which no score depends on."""
    save_skops(copy(estimator).set_params(cv=None), path)


PROBE = Probe(
    name="linear_svm",
    summary="linear support vector machine, scores calibrated by a sigmoid",
    of_numbers=False,
    parameters=named(STRENGTH, CLASS_WEIGHT),
    build=build,
    count=lambda model: coefficients(model.calibrated_classifiers_[0].estimator),
    save=save,
)
