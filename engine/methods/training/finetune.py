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

from engine.encoders import Encoder, TokenBatch
from engine.encoders.base import pooled_width
from engine.methods.base import InfeasibleError, Report
from engine.methods.training.adapters import trainable, without_gradient
from engine.metrics import METRICS, compute
from engine.pooling import pool
from engine.tasks import Split, Task
from engine.windows import Windows, length_batches, windows

WARM_UP = 0.1
PATIENCE = 2
EVALUATION_TOKENS = 65536


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
        Tensor, shape (B, K)
        """
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
    given = Inputs.of(encoder, task.train.sequences, training.truncate)
    validation = Inputs.of(encoder, task.validation.sequences, training.truncate)
    labels = torch.from_numpy(task.train.labels)
    device = encoder.device
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
            loss = functional.cross_entropy(
                model(*given.batch(rows, device)), labels[rows].to(device)
            )
            if not torch.isfinite(loss):
                raise InfeasibleError(f"training diverged in epoch {epoch}: the loss is {loss}")
            loss.backward()  # type: ignore[no-untyped-call]
            if schedule.last_epoch == 0 and (silent := without_gradient(model)):
                raise RuntimeError(f"no gradient reaches {silent[0]} (and {len(silent) - 1} more)")
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        scores = _scores(model, validation, device)
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


@dataclass(frozen=True)
class Inputs:
    """Sequences of a split, tokenized once.

    Attributes
    ----------
    windows : Windows
    first : ndarray, shape (N + 1,), int64
        Windows ``first[i]`` to ``first[i + 1]`` are those of sequence i.
    tokens : ndarray, shape (N,), int64
        Tokens of the longest window of each sequence.
    """

    windows: Windows
    first: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]

    @staticmethod
    def of(encoder: Encoder, sequences: Sequence[str], truncate: str) -> Inputs:
        """Tokenize sequences."""
        made = windows(encoder, sequences, truncate)
        first = np.searchsorted(made.owners, np.arange(len(sequences) + 1))
        longest = np.maximum.reduceat(made.counts, first[:-1]) if len(sequences) else made.counts
        return Inputs(made, first, longest)

    def batch(
        self, rows: npt.NDArray[np.int64], device: torch.device
    ) -> tuple[TokenBatch, Tensor | None]:
        """All windows of some sequences, and their owners as `Classifier` wants them."""
        spans = [np.arange(self.first[row], self.first[row + 1]) for row in rows]
        tokens = self.windows.batch(np.concatenate(spans))
        moved = TokenBatch(*(t.to(device, non_blocking=True) for t in tokens))
        if len(tokens.input_ids) == len(rows):
            return moved, None
        owners = np.repeat(np.arange(len(rows)), [len(span) for span in spans])
        return moved, torch.from_numpy(owners).to(device)


def predict(
    model: Classifier, encoder: Encoder, split: Split, truncate: str
) -> npt.NDArray[np.float64]:
    """Class probabilities, shape (N, K), rows in the split's order."""
    return _scores(model, Inputs.of(encoder, split.sequences, truncate), encoder.device)


def _scores(model: Classifier, given: Inputs, device: torch.device) -> npt.NDArray[np.float64]:
    model.eval()
    scores = np.zeros((len(given.tokens), model.head.out_features))
    with torch.inference_mode():
        for rows in length_batches(given.tokens * np.diff(given.first), EVALUATION_TOKENS):
            logits = model(*given.batch(rows, device))
            # Softmax in float64, so that probabilities keep the order of close logits.
            scores[rows] = logits.double().softmax(dim=1).cpu().numpy()
    return scores


def shuffled_batches(
    lengths: npt.NDArray[np.int64], batch_size: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    """Batches of about equal length in random order: little padding, a new mix each epoch.

    Rows are shuffled, cut into pools of 32 batches, sorted by length within a pool, and the batches
    of all pools are shuffled again.
    """
    order = rng.permutation(len(lengths))
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
