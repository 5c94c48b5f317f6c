"""Linear model with an elastic-net penalty: logistic for classes, least squares for numbers."""

from __future__ import annotations

from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request, coefficients
from engine.methods.ranges import POSITIVE, Range


def build(request: Request) -> Any:
    """Minimise C x the summed loss + l1_ratio x |w| + (1 - l1_ratio) / 2 x |w|^2.

    The loss of a number is half its squared error; Zou & Hastie (2005).
    """
    from sklearn.linear_model import ElasticNet, LogisticRegression

    C, l1_ratio = request.params.get("C", 1.0), request.params.get("l1_ratio", 0.5)
    if request.kind == "regression":
        # Its loss is the mean over rows.
        return ElasticNet(alpha=1 / (C * len(request.labels)), l1_ratio=l1_ratio, max_iter=5000)
    return LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver="saga", max_iter=1000, random_state=request.seed
    )


PROBE = Probe(
    name="elastic_net",
    summary="logistic (classes) or least-squares (numbers) regression, L1 and L2",
    kinds=("classification", "multilabel", "regression"),
    parameters={"C": (), "l1_ratio": (), "class_weight": CLASS_WEIGHTS},
    build=build,
    count=coefficients,
    ranges={"C": POSITIVE, "l1_ratio": Range(0, 1)},
)
