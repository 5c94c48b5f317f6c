"""The training loop: an adapted encoder and a linear head, trained together.

Read from top to bottom: build the model, train it epoch by epoch with early stopping on validation,
keep the best epoch's weights, hand back class probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.embedding import length_batches, truncate
from engine.encoders import Encoder, TokenBatch
from engine.methods.base import InfeasibleError, Report
from engine.methods.training.adapters import trainable, without_gradient
from engine.metrics import METRICS, compute
from engine.pooling import pool
from engine.tasks import Split, Task

WARM_UP = 0.1
PATIENCE = 2
EVALUATION_BASES = 65536


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
    seed : int
        Draws the head, dropout and the order of examples.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    metric: str
    seed: int


class Classifier(nn.Module):
    """An encoder's network, pooling and a linear head.

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
        self.norm = nn.LayerNorm(encoder.hidden_size)
        self.head = nn.Linear(encoder.hidden_size, classes)
        self.pooling = pooling
        self.summary_index = encoder.summary_index

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Logits, shape (B, K)."""
        hidden = self.network(tokens.input_ids, tokens.attention_mask)
        pooled = pool(
            hidden,
            tokens.attention_mask,
            tokens.special_tokens_mask,
            self.pooling,
            self.summary_index,
        )
        logits: Tensor = self.head(self.norm(pooled))
        return logits


def train(
    model: Classifier, encoder: Encoder, task: Task, training: Training, report: Report
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

    Returns
    -------
    tuple of float
        Validation score after each epoch.

    Raises
    ------
    InfeasibleError
        If the loss is not finite, or memory is short.
    RuntimeError
        If a trainable parameter receives no gradient.
    """
    sequences, _ = truncate(encoder, task.train.sequences)
    labels = torch.from_numpy(task.train.labels)
    device = encoder.device
    rng = np.random.default_rng(training.seed)
    steps = training.epochs * math.ceil(len(sequences) / training.batch_size)
    optimizer = torch.optim.AdamW(_groups(model, training), betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    sign = 1 if METRICS[training.metric].greater_is_better else -1
    curve: list[float] = []
    best: dict[str, Tensor] = {}
    for epoch in range(1, training.epochs + 1):
        model.train()
        for rows in shuffled_batches(sequences, training.batch_size, rng):
            tokens = _to(encoder.tokenize([sequences[i] for i in rows]), device)
            loss = functional.cross_entropy(model(tokens), labels[rows].to(device))
            if not torch.isfinite(loss):
                raise InfeasibleError(f"training diverged in epoch {epoch}: the loss is {loss}")
            loss.backward()  # type: ignore[no-untyped-call]
            if schedule.last_epoch == 0 and (silent := without_gradient(model)):
                raise RuntimeError(f"no gradient reaches {silent[0]} (and {len(silent) - 1} more)")
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        scores = predict(model, encoder, task.validation)
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


def predict(model: Classifier, encoder: Encoder, split: Split) -> npt.NDArray[np.float64]:
    """Class probabilities, shape (N, K), rows in the split's order."""
    model.eval()
    sequences, _ = truncate(encoder, split.sequences)
    lengths = np.array([len(s) for s in sequences])
    scores = np.zeros((len(sequences), model.head.out_features))
    with torch.inference_mode():
        for rows in length_batches(lengths, EVALUATION_BASES):
            tokens = _to(encoder.tokenize([sequences[i] for i in rows]), encoder.device)
            # Softmax in float64, so that probabilities keep the order of close logits.
            scores[rows] = model(tokens).double().softmax(dim=1).cpu().numpy()
    return scores


def shuffled_batches(
    sequences: Sequence[str], batch_size: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Batches of about equal length in random order: little padding, a new mix each epoch.

    Rows are shuffled, cut into pools of 32 batches, sorted by length within a pool, and the batches
    of all pools are shuffled again.
    """
    lengths = np.array([len(s) for s in sequences])
    order = rng.permutation(len(sequences))
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), 32 * batch_size):
        pool_rows = order[start : start + 32 * batch_size]
        pool_rows = pool_rows[np.argsort(lengths[pool_rows], kind="stable")]
        batches += [pool_rows[i : i + batch_size] for i in range(0, len(pool_rows), batch_size)]
    for index in rng.permutation(len(batches)):
        yield batches[index]


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


def _to(tokens: TokenBatch, device: torch.device) -> TokenBatch:
    return TokenBatch(*(t.to(device, non_blocking=True) for t in tokens))


def training_from(params: Mapping[str, Any], metric: str, seed: int) -> Training:
    """Read the loop's part of a configuration."""
    return Training(
        epochs=params.get("epochs", 5),
        batch_size=params.get("batch_size", 32),
        learning_rate=params.get("learning_rate", 1e-3),
        head_learning_rate=params.get("head_learning_rate", params.get("learning_rate", 1e-3)),
        weight_decay=params.get("weight_decay", 0.01),
        metric=metric,
        seed=seed,
    )
