"""Multi-layer perceptron in torch; on a GPU where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Hyperparameter,
    Range,
    named,
)
from engine.methods.probes.base import Probe, Request
from engine.methods.probes.parts import held_out

HIDDEN = Hyperparameter("hidden", COUNT, 128, "units of a hidden layer")
LAYERS = Hyperparameter("layers", Range(0, whole=True), 1, "hidden layers")
DROPOUT = Hyperparameter("dropout", SHARE, 0.1, "of hidden units")
EPOCHS = Hyperparameter("max_epochs", COUNT, 50, "most epochs")
BATCH_SIZE = Hyperparameter("batch_size", COUNT, 64, "rows of a step")
RATE = Hyperparameter("learning_rate", POSITIVE, 1e-3, "of AdamW")
WEIGHT_DECAY = Hyperparameter("weight_decay", NOT_NEGATIVE, 1e-2, "decoupled decay of weights")

#: Epochs without a better score that end the training.
PATIENCE = 5

#: Share of the rows that says when to stop.
HELD_OUT = 0.1

#: With fewer rows none are held out: all epochs are run.
FEWEST_TO_HOLD_OUT = 50


def build(request: Request) -> Any:
    """Hidden layers of GELU units and dropout; AdamW, early stopping on a tenth of the rows."""
    import numpy as np

    from engine.methods.probes.models.perceptron import Perceptron, Shape
    from engine.methods.training.short import ShortTraining

    params, labels, seed = request.params, request.labels, request.seed
    shape = Shape(0, HIDDEN.of(params), LAYERS.of(params), 0, DROPOUT.of(params), request.kind.name)
    training = ShortTraining(
        epochs=EPOCHS.of(params),
        batch_size=BATCH_SIZE.of(params),
        learning_rate=RATE.of(params),
        weight_decay=WEIGHT_DECAY.of(params),
        patience=PATIENCE,
        seed=seed,
    )
    held = np.empty(0, dtype=np.int64)
    if len(labels) >= FEWEST_TO_HOLD_OUT:
        held = held_out(labels, request.bound, HELD_OUT, seed, request.kind)
    return Perceptron(shape, training, held)


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
    parameters=named(HIDDEN, LAYERS, DROPOUT, EPOCHS, BATCH_SIZE, RATE, WEIGHT_DECAY, CLASS_WEIGHT),
    build=build,
    native_multilabel=True,
    count=lambda model: sum(p.numel() for p in model.network.parameters()),
    suffix=".safetensors",
    save=save,
    load=load,
)
