"""Baseline: a three-layer convolutional network on letters, trained from scratch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import first_line
from engine.methods.base import Fitted, InfeasibleError, Method, Report
from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import COUNT, NOT_NEGATIVE, POSITIVE, Hyperparameter, named
from engine.records import TrialSpec
from engine.tasks import cached_task

if TYPE_CHECKING:
    from engine.methods.base import Scores
    from engine.methods.training.short import ShortTraining

CHANNELS = Hyperparameter("channels", COUNT, 64, "of the first layer; the next have 2 and 4 times")
LEARNING_RATE = Hyperparameter("learning_rate", POSITIVE, 5e-4, "of AdamW")
WEIGHT_DECAY = Hyperparameter("weight_decay", NOT_NEGATIVE, 0.0, "decoupled decay of weights")
BATCH_SIZE = Hyperparameter("batch_size", COUNT, 32, "rows of a step", role="rows")
EPOCHS = Hyperparameter("epochs", COUNT, 50, "most epochs")

#: Epochs without a better validation score that end the training.
PATIENCE = 10

FILE = "cnn.safetensors"


def fit(spec: TrialSpec, report: Report, checkpoint: Path | None = None) -> Fitted:
    """Train a network on the train split; the epoch of the best validation score is kept."""
    import torch

    from engine.methods.training.convolutions import LetterNetwork, train_on_letters

    task, params = cached_task(spec.task), spec.params
    balanced = CLASS_WEIGHT.of(params) == "balanced"
    if task.kind.numeric and balanced:
        raise InfeasibleError(f"class_weight: a {task.kind.name} task has no classes; leave it out")
    try:
        model = LetterNetwork.of(CHANNELS.of(params), task, spec.seed)
        curve = train_on_letters(
            model, task, training_of(params, spec.seed), balanced, spec.metric, report
        )
        validation = model.scores(task.validation.sequences)
    except torch.OutOfMemoryError as error:
        raise InfeasibleError(f"out of memory: {first_line(error)}") from None
    return Fitted(
        validation=validation,
        test=lambda: model.scores(task.unseal_test().sequences),
        curve=curve,
        trainable_parameters=sum(p.numel() for p in model.network.parameters()),
        save=lambda folder: model.save(folder / FILE),
    )


def training_of(params: Mapping[str, Any], seed: int) -> ShortTraining:
    """Read the loop's part of a configuration."""
    from engine.methods.training.short import ShortTraining

    return ShortTraining(
        epochs=EPOCHS.of(params),
        batch_size=BATCH_SIZE.of(params),
        learning_rate=LEARNING_RATE.of(params),
        weight_decay=WEIGHT_DECAY.of(params),
        patience=PATIENCE,
        seed=seed,
    )


def load(folder: Path, spec: TrialSpec) -> Callable[[Sequence[str]], Scores]:
    """The network that `Fitted.save` wrote: sequences in, scores out."""
    from engine.methods.training.convolutions import LetterNetwork

    return LetterNetwork.load(folder / FILE).scores


METHOD = Method(
    name="cnn",
    needs="network",
    summary="a three-layer convolutional network on letters, trained from scratch",
    parameters=named(CHANNELS, LEARNING_RATE, WEIGHT_DECAY, BATCH_SIZE, EPOCHS, CLASS_WEIGHT),
    fit=fit,
    load=load,
    encoder="onehot",
)
