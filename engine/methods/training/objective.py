"""What is minimised, and how logits become scores: the loss of the task's kind, weighted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.kinds import PLAIN, Kind, LossOptions
from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.training.adaptation import Params
from engine.methods.training.common import FOCAL_GAMMA, LABEL_SMOOTHING, REGRESSION_LOSS
from engine.methods.training.short import target_tensor
from engine.tasks import Task


@dataclass(frozen=True, eq=False)
class Objective:
    """Loss and scores of a task.

    Attributes
    ----------
    outputs : int
        Logits of a row; see `Kind.outputs`.
    weights : Tensor or None
        Of each class, (K,), or of each label's absence and presence, (K, 2); mean 1 over the rows.
    center, scale : float
        Mean and standard deviation of the targets of numbers in the train split.
    """

    kind: Kind
    outputs: int
    weights: Tensor | None = None
    options: LossOptions = PLAIN
    center: float = 0.0
    scale: float = 1.0

    def targets(self, labels: npt.NDArray[np.int64 | np.float64]) -> Tensor:
        """Labels as `losses` takes them: (N,) int64, (N, K) float32, or (N, 1) standardised."""
        return target_tensor((labels - self.center) / self.scale, self.kind)

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each row, shape (B,), of logits (B, K), float32; of labels their mean."""
        losses = self.kind.losses(logits, targets, self.options)
        if self.weights is not None:
            weights = self.weights.to(logits.device)
            if self.kind.exclusive:
                losses = losses * weights[targets]
            else:
                losses = losses * torch.where(targets.bool(), weights[:, 1], weights[:, 0])
        return losses if losses.dim() == 1 else losses.mean(dim=1)

    def scores(self, logits: Tensor) -> npt.NDArray[np.float64]:
        """Probabilities, or values in the unit of the labels, of logits (N, K), float64."""
        # In float64, so that probabilities keep the order of close logits.
        scores: npt.NDArray[np.float64] = self.kind.scores(logits).numpy()
        return scores * self.scale + self.center


def objective_of(task: Task, params: Params) -> Objective:
    """Objective of a configuration; hyperparameters of other kinds of tasks are not read."""
    labels, kind = task.train.labels, task.kind
    weights = None
    if CLASS_WEIGHT.of(params) == "balanced" and not kind.numeric:
        counts = np.array(kind.count(labels, len(task.classes)))
        if kind.independent:
            counts = np.stack([len(labels) - counts, counts], axis=1)
        even = len(labels) / (counts.shape[-1] * np.maximum(1, counts))
        weights = torch.from_numpy(even).float()
    options = LossOptions(
        focal_gamma=FOCAL_GAMMA.of(params),
        label_smoothing=LABEL_SMOOTHING.of(params),
        huber=REGRESSION_LOSS.of(params) == "huber",
    )
    outputs = kind.outputs(len(task.classes))
    return Objective(kind, outputs, weights, options, *kind.scale(labels))
