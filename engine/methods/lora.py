"""LoRA: low-rank adapters on the encoder and a linear head, trained together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.encoders import Encoder, best_device, load_encoder
from engine.methods.base import Fitted, InfeasibleError, Method, Report
from engine.records import TrialSpec
from engine.tasks import Split, cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def fit(spec: TrialSpec, report: Report, checkpoint: Path | None = None) -> Fitted:
    """Adapt an encoder to the train split of a task."""
    import torch

    from engine.methods.training.adapters import attach_lora, linear_names, trainable
    from engine.methods.training.finetune import Classifier, predict, train, training_from
    from engine.methods.training.ladder import Ladder

    task = cached_task(spec.task)
    params = spec.params
    try:
        encoder = load_encoder(
            spec.encoder.card,
            weights=spec.encoder.weights,
            seed=spec.encoder.seed,
            device=best_device(),
            max_bases=task.max_bases,
        )
        if not isinstance(encoder, Encoder):
            raise TypeError(f"{spec.encoder.name} has no network to adapt")
        everywhere = params.get("targets", "default") == "all_linear"
        ladder = Ladder(encoder)
        devices = [] if encoder.device.type == "cpu" else [encoder.device]
        # The global generator draws adapters, head and dropout; a trial leaves it as it found it.
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(spec.seed)
            attach_lora(
                encoder.network,
                rank=params.get("rank", 8),
                alpha=params.get("alpha", 16.0),
                dropout=params.get("dropout", 0.0),
                targets=linear_names(encoder.network) if everywhere else encoder.adapter_targets,
            )
            if params.get("gradient_checkpointing", False):
                ladder.checkpoint_gradients()
            model = Classifier(encoder, str(params["pooling"]), len(task.classes))
            model.to(encoder.device)
            training = training_from(params, spec.metric, spec.encoder.truncate, spec.seed)
            curve = train(model, encoder, task, training, report, ladder)
    except torch.OutOfMemoryError as error:
        # Of weights or the optimizer's state: what a batch takes is the ladder's affair.
        raise InfeasibleError(f"out of memory: {str(error).splitlines()[0]}") from None

    def scores(split: Split) -> npt.NDArray[np.float64]:
        return predict(model, encoder, split, training.truncate, ladder)

    return Fitted(
        validation=scores(task.validation),
        test=lambda: scores(task.unseal_test()),
        curve=curve,
        trainable_parameters=sum(p.numel() for p in trainable(model).values()),
    )


METHOD = Method(
    name="lora",
    needs="network",
    summary="low-rank adapters (PEFT) and a linear head, early stopping on validation",
    parameters={
        "rank": (),
        "alpha": (),
        "dropout": (),
        "targets": ("default", "all_linear"),
        "learning_rate": (),
        "head_learning_rate": (),
        "weight_decay": (),
        "pooling": (),
        "batch_size": (),
        "epochs": (),
        "gradient_checkpointing": (True, False),
    },
    fit=fit,
)
