"""Logistic regression with an L2 penalty."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import named
from engine.methods.probes.base import STRENGTH, Probe, Request, coefficients


def build(request: Request) -> Any:
    """Minimise C x the weighted log loss + half the squared norm of the weights."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH.of(request.params), max_iter=1000)


PROBE = Probe(
    name="logistic_regression",
    summary="logistic regression, L2",
    of_numbers=False,
    parameters=named(STRENGTH, CLASS_WEIGHT),
    build=build,
    count=coefficients,
)
