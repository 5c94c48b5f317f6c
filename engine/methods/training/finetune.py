"""The training loop: an adapted encoder and a head, trained together.

Read from top to bottom: go on from a checkpoint or start, train a round (an epoch, or a part of
one), score the validation split, keep the best weights, write a checkpoint, report; stop early
where validation no longer improves, and leave the best weights in the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine.embedding.windows import length_batches
from engine.methods.base import InfeasibleError, Report
from engine.methods.training import checkpoint as checkpoints
from engine.methods.training import common
from engine.methods.training.adaptation import Adapted, Params
from engine.methods.training.checkpoint import Progress
from engine.methods.training.inputs import Inputs, both_strands, epoch_batches
from engine.methods.training.ladder import Ladder
from engine.methods.training.meter import Meter
from engine.methods.training.model import Model
from engine.methods.training.parameters import copied, put, trainable, without_gradient
from engine.methods.training.scoring import Scorer
from engine.metrics import METRICS, compute
from engine.tasks import Task

#: Largest norm of a step's gradient.
CLIP = 1.0


@dataclass(frozen=True)
class Training:
    """What the loop needs to know beside the model; see `engine.methods.training.common`.

    Attributes
    ----------
    metric : str
        Validation metric that picks the weights.
    seed : int
        Draws the order of examples and their strands.
    key : str
        Identity of the trial, for its checkpoint.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    metric: str
    seed: int
    warm_up: float = common.WARM_UP.default
    patience: int = common.PATIENCE.default
    evaluations: int = common.EVALUATIONS.default
    reverse_complement: bool = common.REVERSE_COMPLEMENT.default
    key: str = ""


def training_from(params: Params, metric: str, seed: int, key: str) -> Training:
    """Read the loop's part of a configuration."""
    learning_rate = common.LEARNING_RATE.of(params)
    of_head = common.HEAD_LEARNING_RATE.of(params)
    return Training(
        epochs=common.EPOCHS.of(params),
        batch_size=common.BATCH_SIZE.of(params),
        learning_rate=learning_rate,
        head_learning_rate=learning_rate if of_head is None else of_head,
        weight_decay=common.WEIGHT_DECAY.of(params),
        metric=metric,
        seed=seed,
        warm_up=common.WARM_UP.of(params),
        patience=common.PATIENCE.of(params),
        evaluations=common.EVALUATIONS.of(params),
        reverse_complement=common.REVERSE_COMPLEMENT.of(params),
        key=key,
    )


@dataclass(frozen=True)
class Trained:
    """What came of a training, beside the weights in the model.

    Attributes
    ----------
    curve : tuple of float
        Best validation score within each epoch.
    validation : ndarray, shape (N, K), float64
        Scores of the validation split with the weights that were kept.
    cost : mapping
        ``examples_per_second`` and ``tokens_per_second`` (without padding) while training;
        ``peak_memory_bytes`` of the GPU, or of the whole process where there is none; ``cut``, the
        sequences of train and validation that did not fit whole beside what the method adds.
    """

    curve: tuple[float, ...]
    validation: npt.NDArray[np.float64]
    cost: Mapping[str, float]


def steps_of(training: Training, rows: int) -> int:
    """Optimizer steps of a training that is not stopped early."""
    return training.epochs * math.ceil(rows / training.batch_size)


def train(
    scorer: Scorer,
    adapted: Adapted,
    task: Task,
    training: Training,
    report: Report,
    checkpoint: Path | None = None,
) -> Trained:
    """Train on the train split; leave the weights of the best validation score in the model.

    Parameters
    ----------
    scorer : Scorer
        Holds the model, the objective, and how much runs at once.
    adapted : Adapted
        The encoder in the model.
    task : Task
    training : Training
    report : callable
        Told epoch and validation score after every epoch; of those that a checkpoint holds, first.
    checkpoint : Path or None
        Folder of the trial's own; written after every round.

    Raises
    ------
    InfeasibleError
        If the loss or its gradient is not finite, or a single sequence does not fit into memory.
    RuntimeError
        If a trainable parameter receives no gradient.
    """
    model, objective = scorer.model, scorer.objective
    strands = 2 if training.reverse_complement else 1
    sequences = task.train.sequences
    given = Inputs.of(
        adapted.encoder, both_strands(sequences) if strands == 2 else sequences, scorer.truncate
    )
    targets = torch.cat([objective.targets(task.train.labels)] * strands)
    validation = scorer.read(task.validation.sequences)
    steps = steps_of(training, len(sequences))
    parameters = list(trainable(model).values())
    optimizer = torch.optim.AdamW(
        _groups(model, adapted, training), betas=(0.9, 0.98), fused=_device(model).type == "cuda"
    )
    meter = Meter(_device(model))
    progress = Progress()
    if checkpoint and (found := checkpoints.load(checkpoint, training.key)):
        progress, state = found
        _restore(state, model, optimizer, adapted, scorer.ladder)
        for epoch in range(1, progress.rounds // training.evaluations + 1):
            report(epoch, progress.curve[epoch - 1])
    while not _finished(progress, training):
        epoch, part = divmod(progress.rounds, training.evaluations)
        batches = epoch_batches(given.tokens, training.batch_size, strands, training.seed, epoch)
        model.train()
        meter.start()
        for rows in _part(batches, part, training.evaluations):
            loss = batch_gradient(scorer, given, targets, rows, adapted)
            norm = nn.utils.clip_grad_norm_(parameters, CLIP)
            if not torch.isfinite(loss + norm):
                raise InfeasibleError(
                    f"training diverged in epoch {epoch + 1}: the loss is {loss:.4g} and the norm "
                    f"of its gradient {norm:.4g}; lower the learning rate"
                )
            if progress.step == 0 and (missed := without_gradient(model, adapted.silent)):
                raise RuntimeError(f"no gradient reaches {missed[0]} (and {len(missed) - 1} more)")
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate(progress.step, steps, training.warm_up)
            optimizer.step()
            progress.step += 1
            if adapted.allocation:
                adapted.allocation.update(progress.step)
            optimizer.zero_grad(set_to_none=True)
            meter.count(len(rows), int(given.attended[rows].sum()))
        meter.stop()
        scores = scorer.of(validation)
        if not np.isfinite(scores).all():
            raise InfeasibleError(f"training diverged in epoch {epoch + 1}: scores are not finite")
        _note(progress, task, training, model, scores)
        if checkpoint:
            state = _state(model, optimizer, adapted, scorer.ladder)
            checkpoints.save(checkpoint, training.key, progress, state)
        if progress.rounds % training.evaluations == 0:
            report(epoch + 1, progress.curve[-1])
    put(model, progress.best)
    cut = given.cut(strands) + validation.cut(2 if scorer.conjoined else 1)
    cost = {**meter.cost(), "cut": float(cut)}
    return Trained(tuple(progress.curve), progress.best_scores.numpy(), cost)


def batch_gradient(
    scorer: Scorer,
    given: Inputs,
    targets: Tensor,
    rows: npt.NDArray[np.int64],
    adapted: Adapted,
) -> Tensor:
    """Add the gradient of a batch's mean loss, in as many micro-batches as memory asks for.

    Parameters
    ----------
    scorer : Scorer
        Its model has no gradients so far. Its ladder goes down where a micro-batch does not fit;
        the whole batch is then run again.
    given : Inputs
    targets : Tensor, shape (N, ...)
    rows : ndarray, shape (B,)
        The batch.
    adapted : Adapted
        May add a penalty to the loss.

    Returns
    -------
    Tensor, shape (), float32
        Mean loss over the batch.

    Raises
    ------
    InfeasibleError
        If a single row does not fit.
    """
    ladder = scorer.ladder
    losses = []
    sizes = given.sizes[rows]
    for part in length_batches(sizes, ladder.training_tokens):
        loss = _part_gradient(scorer, given, targets, rows[part], len(rows))
        if loss is None:
            # Those of the parts before and, from a backward pass cut short, of this one.
            scorer.model.zero_grad(set_to_none=True)
            ladder.train_smaller(sizes[part])
            return batch_gradient(scorer, given, targets, rows, adapted)
        losses.append(loss)
    ladder.tell()
    if adapted.allocation:
        penalty = adapted.allocation.penalty()
        penalty.backward()  # type: ignore[no-untyped-call]
        losses.append(penalty.detach())
    return torch.stack(losses).sum()


def _part_gradient(
    scorer: Scorer,
    given: Inputs,
    targets: Tensor,
    rows: npt.NDArray[np.int64],
    batch_size: int,
) -> Tensor | None:
    """Add the gradient of some rows' share of a batch's mean loss; none where they do not fit.

    What the error holds on to (frames, activations) is let go when this returns.
    """
    device = _device(scorer.model)
    try:
        logits = scorer.model(*given.batch(rows, device))
        losses = scorer.objective.losses(logits, targets[rows].to(device))
        loss = losses.sum() / batch_size
        loss.backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        return None
    return loss.detach()


def rate(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak rate: a linear warm-up, then a cosine to zero."""
    rising = max(1, round(warm_up * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _groups(model: Model, adapted: Adapted, training: Training) -> list[dict[str, Any]]:
    """Parameters by their peak rate: the head starts from nothing, the network is trained."""
    peaks: dict[float, list[nn.Parameter]] = {}
    for name, parameter in trainable(model).items():
        peak = training.head_learning_rate
        if name.startswith("network."):
            factors = [factor for part, factor in adapted.rates.items() if part in name]
            peak = training.learning_rate * math.prod(factors)
        peaks.setdefault(peak, []).append(parameter)
    return [
        {"params": parameters, "peak": peak, "lr": peak, "weight_decay": training.weight_decay}
        for peak, parameters in peaks.items()
    ]


def _part(
    batches: list[npt.NDArray[np.int64]], part: int, parts: int
) -> list[npt.NDArray[np.int64]]:
    """One of several about equal parts of an epoch's batches."""
    return batches[len(batches) * part // parts : len(batches) * (part + 1) // parts]


def _note(
    progress: Progress,
    task: Task,
    training: Training,
    model: Model,
    scores: npt.NDArray[np.float64],
) -> None:
    """Take down the scores of a round, and its weights where they are the best so far."""
    pick = max if METRICS[training.metric].greater_is_better else min
    score = compute(training.metric, task.validation.labels, scores, task.kind)
    curve = progress.curve
    if not curve or pick(score, pick(curve)) != pick(curve):
        progress.best_round = progress.rounds + 1
        progress.best = copied(model)
        progress.best_scores = torch.from_numpy(scores)
    if progress.rounds % training.evaluations == 0:
        curve.append(score)
    else:
        curve[-1] = pick(curve[-1], score)
    progress.rounds += 1


def _finished(progress: Progress, training: Training) -> bool:
    waited = progress.rounds - progress.best_round
    return (
        progress.rounds >= training.epochs * training.evaluations
        or waited >= training.patience * training.evaluations
    )


def _state(
    model: Model, optimizer: torch.optim.Optimizer, adapted: Adapted, ladder: Ladder
) -> dict[str, Any]:
    """All that training goes on from, beside `Progress`."""
    return {
        "weights": copied(model),
        "optimizer": optimizer.state_dict(),
        "allocation": adapted.allocation.state() if adapted.allocation else None,
        "training_tokens": ladder.training_tokens,
        "evaluation_tokens": ladder.evaluation_tokens,
        "checkpointing": ladder.checkpointing,
    }


def _restore(
    state: dict[str, Any],
    model: Model,
    optimizer: torch.optim.Optimizer,
    adapted: Adapted,
    ladder: Ladder,
) -> None:
    """Inverse of `_state`."""
    put(model, state["weights"])
    optimizer.load_state_dict(state["optimizer"])
    if adapted.allocation:
        adapted.allocation.restore(state["allocation"])
    ladder.training_tokens = state["training_tokens"]
    ladder.evaluation_tokens = state["evaluation_tokens"]
    if state["checkpointing"] and not ladder.checkpointing:
        ladder.checkpoint_gradients()


def _device(model: Model) -> torch.device:
    return model.head.weight.device
