"""The short loop: a small network on arrays that fit into memory, without an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine.kinds import PLAIN, Kind
from engine.methods.base import InfeasibleError
from engine.methods.training.parameters import seeded

#: Values of the input that are scored at once.
SCORED_VALUES = 2**20


@dataclass(frozen=True)
class ShortTraining:
    """What the loop needs to know beside the network.

    Attributes
    ----------
    epochs : int
        At most.
    learning_rate, weight_decay : float
        Of AdamW.
    patience : int
        Epochs without a better score that end it.
    seed : int
        Draws the order of rows and dropout.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    seed: int


def train(
    network: nn.Module,
    rows: int,
    loss: Callable[[Tensor], Tensor],
    score: Callable[[int], float],
    training: ShortTraining,
) -> tuple[float, ...]:
    """Train a network, and leave the weights of its best epoch in it.

    Parameters
    ----------
    network : nn.Module
        On its device.
    rows : int
        To train on.
    loss : callable
        ``loss(chosen) -> Tensor, shape ()``, mean loss of some rows, given by number.
    score : callable
        ``score(epoch) -> float``, told after each epoch, the more the better.
    training : ShortTraining

    Returns
    -------
    tuple of float
        Score after each epoch.

    Raises
    ------
    InfeasibleError
        If the loss or the score is not finite.
    """
    device = next(network.parameters()).device
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    order = torch.Generator().manual_seed(training.seed)
    curve: list[float] = []
    best: dict[str, Tensor] = {}
    with seeded(training.seed, device):
        for epoch in range(1, training.epochs + 1):
            network.train()
            total = torch.zeros((), device=device)
            shuffled = torch.randperm(rows, generator=order).to(device)
            for chosen in torch.split(shuffled, training.batch_size):
                value = loss(chosen)
                optimizer.zero_grad(set_to_none=True)
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += value.detach()
            if not torch.isfinite(total):
                raise InfeasibleError(f"training diverged in epoch {epoch}: the loss is {total}")
            network.eval()
            curve.append(score(epoch))
            if not np.isfinite(curve[-1]):
                raise InfeasibleError(f"training diverged in epoch {epoch}: score {curve[-1]}")
            best_epoch = 1 + int(np.argmax(curve))
            if best_epoch == epoch:
                best = {n: t.detach().clone() for n, t in network.state_dict().items()}
            if epoch - best_epoch >= training.patience:
                break
    network.load_state_dict(best)
    network.eval()
    return tuple(curve)


def mean_loss(kind: Kind, outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of the plain loss of a kind of task.

    Parameters
    ----------
    kind : Kind
    outputs : Tensor, shape (B, K), float32
    targets : Tensor
        (B,) int64, (B, K) float32, or (B, 1) float32.
    weights : Tensor or None
        (B,), or (B, K) where labels are weighted each on its own.
    """
    losses = kind.losses(outputs, targets, PLAIN)
    return (losses if weights is None else losses * weights).mean()


def scores(network: nn.Module, inputs: Tensor, kind: Kind) -> npt.NDArray[np.float64]:
    """Class or label probabilities, or values, shape (N, K), of inputs (N, ...) on any device."""
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        rows = max(1, SCORED_VALUES // max(1, inputs.shape[1]))
        parts = [network(part.to(device)).double() for part in torch.split(inputs, rows)]
    return kind.scores(torch.cat(parts)).cpu().numpy()


def target_tensor(labels: npt.NDArray[np.generic], kind: Kind) -> Tensor:
    """Labels as `Kind.losses` takes them; numbers are to be standardised before."""
    if kind.exclusive:
        return torch.as_tensor(labels.astype(np.int64))
    values = torch.as_tensor(labels.astype(np.float32))
    return values if values.dim() == 2 else values[:, None]
