"""Multi-layer perceptron in torch; on a GPU where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.probes.base import Probe, Request
from engine.methods.probes.parts import held_out
from engine.methods.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, Range

PATIENCE = 5

#: Share of the rows that says when to stop.
HELD_OUT = 0.1

#: With fewer rows none are held out: all epochs are run.
FEWEST_TO_HOLD_OUT = 50


def build(request: Request) -> Any:
    """Hidden layers of GELU units and dropout; AdamW, early stopping on a tenth of the rows."""
    import numpy as np

    from engine.methods.probes.models.perceptron import Perceptron, Settings
    from engine.methods.training.short import ShortTraining

    params, labels, seed = request.params, request.labels, request.seed
    settings = Settings(
        kind=request.kind,
        hidden=params.get("hidden", 128),
        layers=params.get("layers", 1),
        dropout=params.get("dropout", 0.1),
        training=ShortTraining(
            epochs=params.get("max_epochs", 50),
            batch_size=params.get("batch_size", 64),
            learning_rate=params.get("learning_rate", 1e-3),
            weight_decay=params.get("weight_decay", 1e-2),
            patience=PATIENCE,
            seed=seed,
        ),
    )
    if len(labels) < FEWEST_TO_HOLD_OUT:
        return Perceptron(settings, np.empty(0, dtype=np.int64))
    return Perceptron(settings, held_out(labels, request.bound, HELD_OUT, seed, request.kind))


def save(estimator: Any, path: Path) -> None:
    """Write weights and shape."""
    from engine.methods.probes.models import perceptron

    perceptron.save(estimator, path)


def load(path: Path) -> Any:
    """Read what `save` wrote."""
    from engine.methods.probes.models import perceptron

    return perceptron.load(path)


PROBE = Probe(
    name="mlp",
    summary="multi-layer perceptron, early stopping on a part of train",
    kinds=("classification", "multilabel", "regression"),
    parameters={
        "hidden": (),
        "layers": (),
        "dropout": (),
        "max_epochs": (),
        "batch_size": (),
        "learning_rate": (),
        "weight_decay": (),
        "class_weight": CLASS_WEIGHTS,
    },
    build=build,
    native_multilabel=True,
    count=lambda model: sum(p.numel() for p in model.network.parameters()),
    suffix=".safetensors",
    save=save,
    load=load,
    ranges={
        "hidden": COUNT,
        "layers": Range(0, whole=True),
        "dropout": SHARE,
        "max_epochs": COUNT,
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "weight_decay": NOT_NEGATIVE,
    },
)
