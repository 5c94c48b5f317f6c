"""A multi-layer perceptron on embeddings, in scikit-learn's manner."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine.encoders import best_device
from engine.kinds import find_kind
from engine.methods.training.parameters import load_state, save_module, seeded
from engine.methods.training.short import ShortTraining, mean_loss, scores, target_tensor, train

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """Size of a perceptron of ``layers`` hidden layers of ``hidden`` units.

    Inputs and outputs are 0 for one that is not fitted yet.
    """

    inputs: int
    hidden: int
    layers: int
    outputs: int
    dropout: float
    kind: str

    def network(self) -> nn.Sequential:
        """Untrained network; torch's generator draws it."""
        modules: list[nn.Module] = []
        width = self.inputs
        for _ in range(self.layers):
            modules += [nn.Linear(width, self.hidden), nn.GELU(), nn.Dropout(self.dropout)]
            width = self.hidden
        return nn.Sequential(*modules, nn.Linear(width, self.outputs))


@dataclass
class Perceptron:
    """A perceptron that is fitted with early stopping on a part of its rows.

    Attributes
    ----------
    training : ShortTraining or None
        None for one that was read from a file: it scores and is not fitted again.
    held : ndarray, shape (M,), int64
        Rows that say when to stop; without any, all epochs are run.
    network : nn.Sequential
        On the device that it was fitted on or read to.
    """

    shape: Shape
    training: ShortTraining | None
    held: npt.NDArray[np.int64]
    network: nn.Sequential = field(init=False)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Perceptron:
        """Fit to rows (N, H) and labels as `engine.methods.probes.base.Probe.build` says."""
        training, device = self.training, torch.device(best_device())
        assert training is not None
        kind = find_kind(self.shape.kind)
        inputs = torch.as_tensor(np.array(X, dtype=np.float32), device=device)
        targets = target_tensor(np.asarray(y), kind).to(device)
        weights = None
        if sample_weight is not None:
            weights = torch.as_tensor(np.asarray(sample_weight, dtype=np.float32), device=device)
        outputs = kind.outputs(int(targets.max()) + 1 if kind.exclusive else targets.shape[1])
        self.shape = replace(self.shape, inputs=inputs.shape[1], outputs=outputs)
        with seeded(training.seed, device):
            network = self.shape.network().to(device)
        held = torch.as_tensor(self.held, device=device)
        kept = torch.as_tensor(np.setdiff1d(np.arange(len(inputs)), self.held), device=device)

        def loss(rows: Tensor) -> Tensor:
            weight = None if weights is None else weights[rows]
            return mean_loss(kind, network(inputs[rows]), targets[rows], weight)

        def score(epoch: int) -> float:
            if not len(held):
                return float(epoch)
            with torch.inference_mode():
                return -float(loss(held))

        train(network, len(kept), lambda rows: loss(kept[rows]), score, training)
        self.network = network
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class or label, shape (N, K)."""
        inputs = torch.as_tensor(np.array(X, dtype=np.float32))
        return scores(self.network, inputs, find_kind(self.shape.kind))

    def predict(self, X: Any) -> Array:
        """Predicted values, shape (N,)."""
        return self.predict_proba(X)[:, 0]


def save(model: Perceptron, path: Path) -> None:
    """Write weights and shape."""
    save_module(model.network, path, {"shape": asdict(model.shape)})


def load(path: Path) -> Perceptron:
    """Read what `save` wrote."""
    state, about = load_state(path)
    model = Perceptron(Shape(**about["shape"]), None, np.empty(0, dtype=np.int64))
    model.network = model.shape.network()
    model.network.load_state_dict(state)
    model.network.to(best_device())
    return model
