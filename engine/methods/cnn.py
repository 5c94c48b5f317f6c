"""Baseline: a three-layer convolutional network on letters, trained from scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.methods.base import Fitted, InfeasibleError, Method, Report
from engine.methods.class_weights import CLASS_WEIGHTS
from engine.methods.ranges import COUNT, NOT_NEGATIVE, POSITIVE
from engine.records import TrialSpec
from engine.tasks import cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Scores = npt.NDArray[np.float64]

FILE = "cnn.safetensors"


def fit(spec: TrialSpec, report: Report, checkpoint: Path | None = None) -> Fitted:
    """Train a network on the train split; the epoch of the best validation score is kept."""
    import torch

    from engine.methods.training.convolutions import LetterNetwork, train_on_letters

    task, params = cached_task(spec.task), spec.params
    if task.kind == "regression" and params.get("class_weight", "none") != "none":
        raise InfeasibleError("class_weight: a regression task has no classes; leave it out")
    try:
        model = LetterNetwork.of(params.get("channels", 64), task, spec.seed)
        curve = train_on_letters(model, task, params, spec.metric, spec.seed, report)
        validation = model.scores(task.validation.sequences)
    except torch.OutOfMemoryError as error:
        raise InfeasibleError(f"out of memory: {str(error).splitlines()[0]}") from None
    return Fitted(
        validation=validation,
        test=lambda: model.scores(task.unseal_test().sequences),
        curve=curve,
        trainable_parameters=sum(p.numel() for p in model.network.parameters()),
        save=lambda folder: model.save(folder / FILE),
    )


def load(folder: Path, spec: TrialSpec) -> Callable[[Sequence[str]], Scores]:
    """The network that `Fitted.save` wrote: sequences in, scores out."""
    from engine.methods.training.convolutions import LetterNetwork

    return LetterNetwork.load(folder / FILE).scores


METHOD = Method(
    name="cnn",
    needs="network",
    summary="a three-layer convolutional network on letters, trained from scratch",
    parameters={
        "channels": (),
        "learning_rate": (),
        "weight_decay": (),
        "batch_size": (),
        "epochs": (),
        "class_weight": CLASS_WEIGHTS,
    },
    fit=fit,
    kinds=("classification", "multilabel", "regression"),
    load=load,
    encoder="onehot",
    ranges={
        "channels": COUNT,
        "learning_rate": POSITIVE,
        "weight_decay": NOT_NEGATIVE,
        "batch_size": COUNT,
        "epochs": COUNT,
    },
)
