"""Gaussian naive Bayes."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request
from engine.methods.ranges import NOT_NEGATIVE


def build(request: Request) -> Any:
    """Each feature normal in each class, on its own; ``class_weight`` moves the priors."""
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB(var_smoothing=request.params.get("var_smoothing", 1e-9))


PROBE = Probe(
    name="naive_bayes",
    summary="Gaussian naive Bayes",
    kinds=("classification", "multilabel"),
    parameters={"var_smoothing": (), "class_weight": CLASS_WEIGHTS},
    build=build,
    standardize=False,
    count=lambda model: int(model.theta_.size + model.var_.size + model.class_prior_.size),
    ranges={"var_smoothing": NOT_NEGATIVE},
)
