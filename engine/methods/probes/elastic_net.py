"""Linear model with an elastic-net penalty: logistic for classes, least squares for numbers."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import Hyperparameter, Range, named
from engine.methods.probes.base import STRENGTH, Probe, Request, coefficients

L1_RATIO = Hyperparameter("l1_ratio", Range(0, 1), 0.5, "share of the penalty that is L1")


def build(request: Request) -> Any:
    """Minimise C x the summed loss + l1_ratio x |w| + (1 - l1_ratio) / 2 x |w|^2.

    The loss of a number is half its squared error; Zou & Hastie (2005).
    """
    from sklearn.linear_model import ElasticNet, LogisticRegression

    C, l1_ratio = STRENGTH.of(request.params), L1_RATIO.of(request.params)
    if request.kind.numeric:
        # Its loss is the mean over rows.
        return ElasticNet(alpha=1 / (C * len(request.labels)), l1_ratio=l1_ratio, max_iter=5000)
    return LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver="saga", max_iter=1000, random_state=request.seed
    )


PROBE = Probe(
    name="elastic_net",
    summary="logistic (classes) or least-squares (numbers) regression, L1 and L2",
    parameters=named(STRENGTH, L1_RATIO, CLASS_WEIGHT),
    build=build,
    count=coefficients,
)
