"""The convolutional baseline of Feng et al. (2025): its network, and letters to scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.basics.errors import UserError
from engine.encoders import best_device
from engine.encoders.tokenizers.tiny_tokens import N_CODE, encode
from engine.kinds import Kind, find_kind
from engine.methods.base import Report
from engine.methods.class_weights import balanced_weights
from engine.methods.training.parameters import load_state, save_module, seeded
from engine.methods.training.short import ShortTraining, mean_loss, scores, target_tensor, train
from engine.metrics import METRICS, compute
from engine.tasks import Task

#: A, C, G, T, N.
LETTERS = N_CODE + 1

#: Code of what follows a sequence.
PADDING = LETTERS


class Convolutions(nn.Module):
    """Three convolutions with ReLU, the maximum over the sequence, a linear layer.

    As the baseline of Feng et al. (2025), whose channels are 64, 128, 256: kernels 7, 5, 3, halving
    after the first and the second. Unlike there, padding is zero in every layer, so that a score
    does not depend on what a sequence is padded to.

    Parameters
    ----------
    channels : int
        Of the first layer; the second has twice, the third four times as many.
    outputs : int
    """

    def __init__(self, channels: int, outputs: int):
        super().__init__()
        self.first = nn.Conv1d(LETTERS, channels, 7, padding=3)
        self.second = nn.Conv1d(channels, 2 * channels, 5, padding=2)
        self.third = nn.Conv1d(2 * channels, 4 * channels, 3, padding=1)
        self.head = nn.Linear(4 * channels, outputs)

    def forward(self, codes: Tensor) -> Tensor:
        """Outputs (B, K) of letters (B, L), uint8, padded on the right."""
        longest = int((codes != PADDING).sum(dim=1).max())
        codes = codes[:, : max(1, longest)].long()
        letters = functional.one_hot(codes, LETTERS + 1)[..., :LETTERS].float().transpose(1, 2)
        there = (codes != PADDING).float()[:, None]
        x = self.first(letters).relu() * there
        x, there = _halved(x), _halved(there)
        x = self.second(x).relu() * there
        x, there = _halved(x), _halved(there)
        x = self.third(x).relu() * there
        outputs: Tensor = self.head(x.amax(dim=2))
        return outputs


def _halved(values: Tensor) -> Tensor:
    """Maximum of neighbours; a last one without a neighbour stays."""
    return functional.max_pool1d(values, 2, ceil_mode=True)


def letter_codes(sequences: Sequence[str]) -> Tensor:
    """Letters as numbers, shape (N, longest), uint8, padded on the right with `PADDING`."""
    codes, lengths = encode(sequences)
    padded = np.full((len(lengths), int(max(lengths, default=0))), PADDING, dtype=np.uint8)
    is_letter = codes <= N_CODE
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = codes[is_letter]
    return torch.from_numpy(padded)


@dataclass(frozen=True)
class LetterNetwork:
    """A network with what its outputs mean.

    Attributes
    ----------
    outputs : int
        Of the network.
    center, scale : float
        Mean and standard deviation of the train values of a regression.
    """

    network: Convolutions
    channels: int
    kind: Kind
    outputs: int
    center: float = 0.0
    scale: float = 1.0

    @staticmethod
    def of(channels: int, task: Task, seed: int) -> LetterNetwork:
        """Untrained network for a task, on the device of this process."""
        device, outputs = torch.device(best_device()), task.kind.outputs(len(task.classes))
        with seeded(seed, device):
            network = Convolutions(channels, outputs).to(device)
        center, scale = task.kind.scale(task.train.labels)
        return LetterNetwork(network, channels, task.kind, outputs, center, scale)

    def scores(self, sequences: Sequence[str]) -> npt.NDArray[np.float64]:
        """Class or label probabilities, or values, shape (N, K)."""
        raw = scores(self.network, letter_codes(sequences), self.kind)
        return raw * self.scale + self.center

    def save(self, path: Path) -> None:
        """Write weights and what they mean."""
        names = (field.name for field in fields(self) if field.name not in ("network", "kind"))
        about = {name: getattr(self, name) for name in names} | {"kind": self.kind.name}
        save_module(self.network, path, {"about": about})

    @staticmethod
    def load(path: Path) -> LetterNetwork:
        """Read what `save` wrote.

        Raises
        ------
        UserError
            If there is no such file.
        """
        if not path.is_file():
            raise UserError(f"{path.parent}: holds no fitted network ({path.name} is missing)")
        state, told = load_state(path)
        about = told["about"]
        network = Convolutions(about["channels"], about["outputs"])
        network.load_state_dict(state)
        about["kind"] = find_kind(about["kind"])
        return LetterNetwork(network.to(best_device()), **about)


def train_on_letters(
    model: LetterNetwork,
    task: Task,
    training: ShortTraining,
    balanced: bool,
    metric: str,
    report: Report,
) -> tuple[float, ...]:
    """Train the network of a model on a task.

    Parameters
    ----------
    model : LetterNetwork
    task : Task
    training : ShortTraining
    balanced : bool
        Whether the rows of each class weigh the same together.
    metric : str
        Validation metric that picks the epoch.
    report : callable
        Told epoch and validation score after every epoch.

    Returns
    -------
    tuple of float
        Validation score after each epoch.
    """
    device = next(model.network.parameters()).device
    letters = letter_codes(task.train.sequences).to(device)
    labels = task.train.labels
    targets = target_tensor((labels - model.center) / model.scale, model.kind).to(device)
    weights = None
    if balanced:
        weights = torch.as_tensor(balanced_weights(labels), dtype=torch.float32, device=device)
    sign = 1 if METRICS[metric].greater_is_better else -1

    def loss(rows: Tensor) -> Tensor:
        weight = None if weights is None else weights[rows]
        return mean_loss(model.kind, model.network(letters[rows]), targets[rows], weight)

    def score(epoch: int) -> float:
        found = model.scores(task.validation.sequences)
        value = compute(metric, task.validation.labels, found, task.kind)
        report(epoch, value)
        return sign * value

    curve = train(model.network, len(labels), loss, score, training)
    return tuple(sign * value for value in curve)
