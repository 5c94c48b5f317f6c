"""What is minimised, and how logits become scores, for each kind of task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.training.adaptation import Params
from engine.methods.training.common import FOCAL_GAMMA, LABEL_SMOOTHING, REGRESSION_LOSS
from engine.records import TaskKind
from engine.tasks import Task


@dataclass(frozen=True, eq=False)
class Objective:
    """Loss and scores of a task.

    Attributes
    ----------
    outputs : int
        K logits of a row: one a class, one a label, or one.
    weights : Tensor or None
        Of each class, (K,), or of each label's absence and presence, (K, 2); mean 1 over the rows.
    focal_gamma : float
        Exponent of the focal loss (Lin et al. 2017, arXiv:1708.02002, eq. 4); 0 leaves it out.
    label_smoothing : float
        Share of a label that is spread evenly over all values (Szegedy et al. 2016).
    huber : bool
        Huber loss with its bend at one standard deviation, else the squared error.
    center, scale : float
        Mean and standard deviation of the targets of a regression in the train split.
    """

    kind: TaskKind
    outputs: int
    weights: Tensor | None = None
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    huber: bool = False
    center: float = 0.0
    scale: float = 1.0

    def targets(self, labels: npt.NDArray[np.int64 | np.float64]) -> Tensor:
        """Labels as `losses` takes them: (N,) int64, (N, K) float32, or (N, 1) standardised."""
        if self.kind == "classification":
            return torch.from_numpy(labels)
        if self.kind == "multilabel":
            return torch.from_numpy(labels).float()
        return torch.from_numpy((labels - self.center) / self.scale).float()[:, None]

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each row, shape (B,), of logits (B, K), float32."""
        if self.kind == "regression":
            loss = functional.huber_loss if self.huber else functional.mse_loss
            return loss(logits, targets, reduction="none").squeeze(1)
        if self.kind == "multilabel":
            return self._of_labels(logits, targets)
        losses = functional.cross_entropy(
            logits, targets, reduction="none", label_smoothing=self.label_smoothing
        )
        if self.focal_gamma:
            others = logits.scatter(1, targets[:, None], -torch.inf).logsumexp(dim=1)
            losses = losses * _focus(others - logits.logsumexp(dim=1), self.focal_gamma)
        if self.weights is not None:
            losses = losses * self.weights.to(logits.device)[targets]
        return losses

    def _of_labels(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy, averaged over the labels of a row."""
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
        if self.focal_gamma:
            wrong = functional.logsigmoid(torch.where(targets.bool(), -logits, logits))
            losses = losses * _focus(wrong, self.focal_gamma)
        if self.weights is not None:
            weights = self.weights.to(logits.device)
            losses = losses * torch.where(targets.bool(), weights[:, 1], weights[:, 0])
        return losses.mean(dim=1)

    def scores(self, logits: Tensor) -> npt.NDArray[np.float64]:
        """Probabilities, or values in the unit of the labels, of logits (N, K), float64."""
        if self.kind == "regression":
            found = logits * self.scale + self.center
        else:
            # In float64, so that probabilities keep the order of close logits.
            found = logits.sigmoid() if self.kind == "multilabel" else logits.softmax(dim=1)
        scores: npt.NDArray[np.float64] = found.numpy()
        return scores


def _focus(wrong: Tensor, gamma: float) -> Tensor:
    """``(1 - p) ** gamma`` from the logarithm of 1 - p.

    Where p rounds to 1, a power of the difference has no gradient for gamma below 1.
    """
    return (gamma * wrong).exp()


def objective_of(task: Task, params: Params) -> Objective:
    """Objective of a configuration; hyperparameters of other kinds of tasks are not read."""
    labels = task.train.labels
    if task.kind == "regression":
        # Targets that are all the same have no scale.
        scale = float(labels.std()) or 1.0
        huber = REGRESSION_LOSS.of(params) == "huber"
        return Objective("regression", 1, huber=huber, center=float(labels.mean()), scale=scale)
    if task.kind == "multilabel":
        outputs = labels.shape[1]
        counts = np.stack([(labels == 0).sum(axis=0), (labels == 1).sum(axis=0)], axis=1)
    else:
        outputs = len(task.classes)
        counts = np.bincount(labels, minlength=outputs)
    weights = None
    if CLASS_WEIGHT.of(params) == "balanced":
        even = len(labels) / (counts.shape[-1] * np.maximum(1, counts))
        weights = torch.from_numpy(even).float()
    return Objective(
        task.kind,
        outputs,
        weights,
        focal_gamma=FOCAL_GAMMA.of(params),
        label_smoothing=LABEL_SMOOTHING.of(params),
    )
