"""Logistic regression with an L2 penalty."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request, coefficients
from engine.methods.ranges import POSITIVE


def build(request: Request) -> Any:
    """Minimise C x the weighted log loss + half the squared norm of the weights."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=request.params.get("C", 1.0), max_iter=1000)


PROBE = Probe(
    name="logistic_regression",
    summary="logistic regression, L2",
    kinds=("classification", "multilabel"),
    parameters={"C": (), "class_weight": CLASS_WEIGHTS},
    build=build,
    count=coefficients,
    ranges={"C": POSITIVE},
)
