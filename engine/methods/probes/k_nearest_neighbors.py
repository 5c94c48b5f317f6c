"""k nearest neighbours."""

from __future__ import annotations

from typing import Any

from engine.methods.hyperparameters import COUNT, Hyperparameter, named
from engine.methods.probes.base import Probe, Request

NEIGHBORS = Hyperparameter("n_neighbors", COUNT, 15, "k")
WEIGHTS = Hyperparameter(
    "neighbor_weights", ("uniform", "distance"), "uniform", "alike, or by inverse distance"
)
DISTANCE = Hyperparameter("distance", ("euclidean", "cosine"), "euclidean", "between rows")


def build(request: Request) -> Any:
    """Share of the classes, or mean, of the k nearest train rows; all distances are computed."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    neighbors = KNeighborsRegressor if request.kind.numeric else KNeighborsClassifier
    return neighbors(
        n_neighbors=NEIGHBORS.of(request.params),
        weights=WEIGHTS.of(request.params),
        metric=DISTANCE.of(request.params),
        algorithm="brute",
    )


PROBE = Probe(
    name="k_nearest_neighbors",
    summary="k nearest neighbours",
    parameters=named(NEIGHBORS, WEIGHTS, DISTANCE),
    build=build,
)
