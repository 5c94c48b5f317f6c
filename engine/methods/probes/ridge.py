"""Ridge regression: least squares with an L2 penalty."""

from __future__ import annotations

from typing import Any

from engine.methods.probes.base import Probe, Request, coefficients
from engine.methods.ranges import POSITIVE


def build(request: Request) -> Any:
    """Minimise C x half the squared error + half the squared norm of the weights."""
    from sklearn.linear_model import Ridge

    return Ridge(alpha=1 / request.params.get("C", 1.0))


PROBE = Probe(
    name="ridge",
    summary="least squares, L2",
    kinds=("regression",),
    parameters={"C": ()},
    build=build,
    count=coefficients,
    ranges={"C": POSITIVE},
)
