"""The training loop: an adapted encoder and a linear head, trained together.

Read from top to bottom: build the model, train it epoch by epoch with early stopping on validation,
keep the best epoch's weights, hand back class probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encoders import Encoder, TokenBatch
from engine.encoders.base import pooled_width
from engine.methods.base import InfeasibleError, Report
from engine.methods.training.adapters import trainable, without_gradient
from engine.methods.training.inputs import Inputs, shuffled_batches
from engine.methods.training.ladder import Ladder
from engine.metrics import METRICS, compute
from engine.pooling import pool
from engine.tasks import Split, Task
from engine.windows import length_batches

WARM_UP = 0.1
PATIENCE = 2


@dataclass(frozen=True)
class Training:
    """What the loop needs to know beside the model.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate, head_learning_rate : float
        Peak rates of the adapters and of the head.
    weight_decay : float
    metric : str
        Validation metric that picks the epoch.
    truncate : str
        See `engine.windows.windows`.
    seed : int
        Draws the head, dropout and the order of examples.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    metric: str
    truncate: str
    seed: int


class Classifier(nn.Module):
    """An encoder's network, pooling and a linear head.

    A GPU that can runs the network in bfloat16 while it is trained (automatic mixed precision: the
    weights and their gradients stay in float32); pooling, head and loss are in float32 everywhere.

    Parameters
    ----------
    encoder : Encoder
        Its network is adapted already.
    pooling : str
        See `engine.pooling.pool`.
    classes : int
    """

    def __init__(self, encoder: Encoder, pooling: str, classes: int):
        super().__init__()
        self.network = encoder.network
        width = pooled_width(pooling, encoder.hidden_size)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        self.pooling = pooling
        self.summary_index = encoder.summary_index
        self.mixed_precision = has_bfloat16(encoder.device)

    def forward(self, tokens: TokenBatch, owners: Tensor | None) -> Tensor:
        """Logits of the sequences that windows belong to.

        Parameters
        ----------
        tokens : TokenBatch
            Of W windows.
        owners : Tensor or None, shape (W,), int64
            Sequence of each window, 0 to B - 1; a sequence's pooled windows are averaged. None
            where every sequence has one.

        Returns
        -------
        Tensor, shape (B, K), float32
        """
        # Only to train: scores would depend on what a row is batched with, and close ones tie.
        half = self.training and self.mixed_precision
        with torch.autocast(tokens.input_ids.device.type, torch.bfloat16, enabled=half):
            hidden = self.network(tokens.input_ids, tokens.attention_mask)
        pooled = pool(
            hidden,
            tokens.attention_mask,
            tokens.special_tokens_mask,
            self.pooling,
            self.summary_index,
        )
        if owners is not None:
            shares = owners.bincount()[:, None]
            total = pooled.new_zeros(len(shares), pooled.shape[1]).index_add(0, owners, pooled)
            pooled = total / shares
        logits: Tensor = self.head(self.norm(pooled))
        return logits


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 faster than in float32; an emulation does not."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def train(
    model: Classifier,
    encoder: Encoder,
    task: Task,
    training: Training,
    report: Report,
    ladder: Ladder,
) -> tuple[float, ...]:
    """Train on the train split; leave the weights of the best validation epoch in the model.

    Parameters
    ----------
    model : Classifier
    encoder : Encoder
        Tokenizes.
    task : Task
    training : Training
    report : callable
        Told epoch and validation score after every epoch.
    ladder : Ladder
        How much runs at once; goes down where memory is short.

    Returns
    -------
    tuple of float
        Validation score after each epoch.

    Raises
    ------
    InfeasibleError
        If the loss is not finite, or a single sequence does not fit into memory.
    RuntimeError
        If a trainable parameter receives no gradient.
    """
    given = Inputs.of(encoder, task.train.sequences, training.truncate)
    validation = Inputs.of(encoder, task.validation.sequences, training.truncate)
    labels = torch.from_numpy(task.train.labels)
    rng = np.random.default_rng(training.seed)
    steps = training.epochs * math.ceil(len(labels) / training.batch_size)
    optimizer = torch.optim.AdamW(_groups(model, training), betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    sign = 1 if METRICS[training.metric].greater_is_better else -1
    curve: list[float] = []
    best: dict[str, Tensor] = {}
    for epoch in range(1, training.epochs + 1):
        model.train()
        for rows in shuffled_batches(given.tokens, training.batch_size, rng):
            loss = batch_gradient(model, given, labels, rows, ladder)
            if not torch.isfinite(loss):
                raise InfeasibleError(f"training diverged in epoch {epoch}: the loss is {loss}")
            if schedule.last_epoch == 0 and (silent := without_gradient(model)):
                raise RuntimeError(f"no gradient reaches {silent[0]} (and {len(silent) - 1} more)")
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        scores = _scores(model, validation, ladder)
        if not np.isfinite(scores).all():
            raise InfeasibleError(f"training diverged in epoch {epoch}: scores are not finite")
        curve.append(compute(training.metric, task.validation.labels, scores))
        best_epoch = 1 + int(np.argmax(np.array(curve) * sign))
        if best_epoch == epoch:
            best = {n: p.detach().clone() for n, p in trainable(model).items()}
        report(epoch, curve[-1])
        if epoch - best_epoch >= PATIENCE:
            break
    with torch.no_grad():
        for name, parameter in trainable(model).items():
            parameter.copy_(best[name])
    return tuple(curve)


def batch_gradient(
    model: Classifier,
    given: Inputs,
    labels: Tensor,
    rows: npt.NDArray[np.int64],
    ladder: Ladder,
) -> Tensor:
    """Add the gradient of a batch's mean loss, in as many micro-batches as memory asks for.

    Parameters
    ----------
    model : Classifier
        Without gradients so far.
    given : Inputs
    labels : Tensor, shape (N,), int64
    rows : ndarray, shape (B,)
        The batch.
    ladder : Ladder
        Goes down where a micro-batch does not fit; the whole batch is then run again.

    Returns
    -------
    Tensor, shape (), float32
        Mean loss over the batch.

    Raises
    ------
    InfeasibleError
        If a single row does not fit.
    """
    losses = []
    sizes = given.sizes[rows]
    for part in length_batches(sizes, ladder.training_tokens):
        loss = _part_gradient(model, given, labels, rows[part], len(rows))
        if loss is None:
            # Those of the parts before and, from a backward pass cut short, of this one.
            model.zero_grad(set_to_none=True)
            ladder.train_smaller(sizes[part])
            return batch_gradient(model, given, labels, rows, ladder)
        losses.append(loss)
    ladder.tell()
    return torch.stack(losses).sum()


def _part_gradient(
    model: Classifier, given: Inputs, labels: Tensor, rows: npt.NDArray[np.int64], batch_size: int
) -> Tensor | None:
    """Add the gradient of some rows' share of a batch's mean loss; none where they do not fit.

    What the error holds on to (frames, activations) is let go when this returns.
    """
    device = model.head.weight.device
    try:
        logits = model(*given.batch(rows, device))
        wanted = labels[rows].to(device)
        loss = functional.cross_entropy(logits, wanted, reduction="sum") / batch_size
        loss.backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        return None
    return loss.detach()


def predict(
    model: Classifier, encoder: Encoder, split: Split, truncate: str, ladder: Ladder
) -> npt.NDArray[np.float64]:
    """Class probabilities, shape (N, K), rows in the split's order."""
    return _scores(model, Inputs.of(encoder, split.sequences, truncate), ladder)


def _scores(model: Classifier, given: Inputs, ladder: Ladder) -> npt.NDArray[np.float64]:
    model.eval()
    scores = np.zeros((len(given.sizes), model.head.out_features))
    # Longest first: what does not fit fails at once.
    order = np.argsort(-given.sizes, kind="stable")
    done = 0
    while done < len(order):
        room = ladder.evaluation_tokens // max(1, int(given.sizes[order[done]]))
        rows = order[done : done + max(1, room)]
        logits = _logits(model, given, rows)
        if logits is None:
            ladder.evaluate_smaller(given.sizes[rows])
            continue
        ladder.tell()
        # Softmax in float64, so that probabilities keep the order of close logits.
        scores[rows] = logits.double().softmax(dim=1).cpu().numpy()
        done += len(rows)
    return scores


def _logits(model: Classifier, given: Inputs, rows: npt.NDArray[np.int64]) -> Tensor | None:
    """Logits of some rows, or none where they do not fit into memory."""
    try:
        with torch.inference_mode():
            logits: Tensor = model(*given.batch(rows, model.head.weight.device))
    except torch.OutOfMemoryError:
        return None
    return logits


def _groups(model: Classifier, training: Training) -> list[dict[str, Any]]:
    """Two learning rates: the head starts from nothing, the adapters from a trained network."""
    head = [*model.norm.parameters(), *model.head.parameters()]
    ids = {id(p) for p in head}
    adapters = [p for p in trainable(model).values() if id(p) not in ids]
    return [
        {"params": adapters, "lr": training.learning_rate, "weight_decay": training.weight_decay},
        {"params": head, "lr": training.head_learning_rate, "weight_decay": training.weight_decay},
    ]


def _rate(step: int, steps: int) -> float:
    """Linear warm-up over the first tenth, then a cosine to zero, as a share of the peak rate."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def training_from(params: Mapping[str, Any], metric: str, truncate: str, seed: int) -> Training:
    """Read the loop's part of a configuration."""
    return Training(
        epochs=params.get("epochs", 5),
        batch_size=params.get("batch_size", 32),
        learning_rate=params.get("learning_rate", 1e-3),
        head_learning_rate=params.get("head_learning_rate", params.get("learning_rate", 1e-3)),
        weight_decay=params.get("weight_decay", 0.01),
        metric=metric,
        truncate=truncate,
        seed=seed,
    )
