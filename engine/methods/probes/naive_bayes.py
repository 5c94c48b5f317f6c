"""Gaussian naive Bayes."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import NOT_NEGATIVE, Hyperparameter, named
from engine.methods.probes.base import Probe, Request

SMOOTHING = Hyperparameter(
    "var_smoothing", NOT_NEGATIVE, 1e-9, "share of the largest variance that is added to all"
)


def build(request: Request) -> Any:
    """Each feature normal in each class, on its own; ``class_weight`` moves the priors."""
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=SMOOTHING.of(request.params))


PROBE = Probe(
    name="naive_bayes",
    summary="Gaussian naive Bayes",
    of_numbers=False,
    parameters=named(SMOOTHING, CLASS_WEIGHT),
    build=build,
    standardize=False,
    count=lambda model: int(model.theta_.size + model.var_.size + model.class_prior_.size),
)
