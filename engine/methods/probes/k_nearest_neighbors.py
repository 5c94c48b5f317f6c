"""k nearest neighbours."""

from __future__ import annotations

from typing import Any

from engine.methods.probes.base import Probe, Request
from engine.methods.ranges import COUNT


def build(request: Request) -> Any:
    """Share of the classes, or mean, of the k nearest train rows; all distances are computed."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    neighbors = KNeighborsRegressor if request.kind == "regression" else KNeighborsClassifier
    return neighbors(
        n_neighbors=request.params.get("n_neighbors", 15),
        weights=request.params.get("neighbor_weights", "uniform"),
        metric=request.params.get("distance", "euclidean"),
        algorithm="brute",
    )


PROBE = Probe(
    name="k_nearest_neighbors",
    summary="k nearest neighbours",
    kinds=("classification", "multilabel", "regression"),
    parameters={
        "n_neighbors": (),
        "neighbor_weights": ("uniform", "distance"),
        "distance": ("euclidean", "cosine"),
    },
    build=build,
    ranges={"n_neighbors": COUNT},
)
