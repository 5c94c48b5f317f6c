"""Ridge regression: least squares with an L2 penalty."""

from __future__ import annotations

from typing import Any

from engine.methods.hyperparameters import named
from engine.methods.probes.base import STRENGTH, Probe, Request, coefficients


def build(request: Request) -> Any:
    """Minimise C x half the squared error + half the squared norm of the weights."""
    from sklearn.linear_model import Ridge

    return Ridge(alpha=1 / STRENGTH.of(request.params))


PROBE = Probe(
    name="ridge",
    summary="least squares, L2",
    of_classes=False,
    parameters=named(STRENGTH),
    build=build,
    count=coefficients,
)
