"""Logistic regression in torch: the configurations of a cell are fitted together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.files import replacing
from engine.encoders import best_device
from engine.methods.class_weights import CLASS_WEIGHT
from engine.methods.hyperparameters import named
from engine.methods.probes.base import STRENGTH, Batch, Probe, Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]


@dataclass
class LogisticHead:
    """A logistic regression, in scikit-learn's manner.

    Attributes
    ----------
    request : Request or None
        How to fit it; none for one that was read from a file.
    exclusive : bool
        Whether rows have one class, or labels that each hold or not.
    coef : ndarray, shape (K, H), float64
        K is 1 for two exclusive classes.
    intercept : ndarray, shape (K,), float64
    """

    request: Request | None
    exclusive: bool
    coef: Array = field(init=False)
    intercept: Array = field(init=False)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticHead:
        """Fit it alone; see `fit_many`."""
        assert self.request is not None
        (fitted,) = fit_many(Batch((self.request,), (X,), y, (sample_weight,)))
        self.coef, self.intercept = fitted.coef, fitted.intercept
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class or label, shape (N, K)."""
        import numpy as np
        from scipy.special import expit, softmax

        logits = np.asarray(X, dtype=np.float64) @ self.coef.T + self.intercept
        if not self.exclusive:
            return np.asarray(expit(logits))
        if logits.shape[1] == 1:
            return np.hstack([expit(-logits), expit(logits)])
        return np.asarray(softmax(logits, axis=1))


def build(request: Request) -> LogisticHead:
    """Minimise C x the weighted log loss + half the squared norm of the weights."""
    return LogisticHead(request, request.kind.exclusive)


def fit_many(batch: Batch) -> Sequence[LogisticHead]:
    """Fit heads side by side: those on features of one width are solved together."""
    heads: dict[int, LogisticHead] = {}
    widths = [design.shape[1] for design in batch.designs]
    for width in set(widths):
        chosen = [number for number, own in enumerate(widths) if own == width]
        heads.update(zip(chosen, _fit_width(batch, chosen), strict=True))
    return [heads[number] for number in range(len(widths))]


def _fit_width(batch: Batch, chosen: Sequence[int]) -> list[LogisticHead]:
    """Heads of some requests, in their order."""
    import numpy as np
    import torch

    from engine.methods.probes.models.logistic import Design, solve

    device = torch.device(best_device())
    requests = [batch.requests[number] for number in chosen]
    matrices = {id(batch.designs[number]): batch.designs[number] for number in chosen}
    place = {key: position for position, key in enumerate(matrices)}
    designs = [Design.of(torch.as_tensor(np.array(m), device=device)) for m in matrices.values()]
    design_of = [place[id(batch.designs[number])] for number in chosen]
    order = sorted(range(len(chosen)), key=design_of.__getitem__)
    exclusive = requests[0].kind.exclusive
    targets = _targets(batch.labels, exclusive)
    weights = np.stack([_filled(batch.weights[chosen[i]], batch.labels) for i in order])
    strengths = np.array([STRENGTH.of(requests[i].params) for i in order])
    solutions = solve(
        designs,
        [design_of[i] for i in order],
        torch.as_tensor(strengths, device=device),
        torch.as_tensor(targets, device=device),
        torch.as_tensor(weights, device=device),
        exclusive and len(targets) > 1,
    )
    heads: dict[int, LogisticHead] = {}
    for i, solution in zip(order, solutions, strict=True):
        coef, intercept = designs[design_of[i]].in_features(solution)
        head = LogisticHead(requests[i], exclusive)
        head.coef, head.intercept = coef.cpu().numpy(), intercept.cpu().numpy()
        heads[i] = head
    return [heads[i] for i in range(len(chosen))]


def _targets(labels: Any, exclusive: bool) -> Array:
    """0 and 1 of each output, (K, N): one output for two exclusive classes, the second."""
    import numpy as np

    if not exclusive:
        return np.ascontiguousarray(labels.T, dtype=np.float64)
    one_hot: Array = np.eye(labels.max() + 1)[:, labels]
    return one_hot[1:] if len(one_hot) == 2 else one_hot


def _filled(weights: Any, labels: Any) -> Array:
    """Weights of the rows, (1, N), or of the rows in each label, (K, N)."""
    import numpy as np

    filled = np.ones(labels.shape) if weights is None else weights
    return np.atleast_2d(np.asarray(filled, dtype=np.float64).T)


def save(head: LogisticHead, path: Path) -> None:
    """Write weights and what they mean."""
    import numpy as np
    from safetensors.numpy import save_file

    arrays = {"coef": np.ascontiguousarray(head.coef), "intercept": head.intercept}
    with replacing(path) as temporary:
        save_file(arrays, temporary, {"exclusive": json.dumps(head.exclusive)})


def load(path: Path) -> LogisticHead:
    """Read what `save` wrote."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        head = LogisticHead(None, json.loads(file.metadata()["exclusive"]))
        head.coef, head.intercept = file.get_tensor("coef"), file.get_tensor("intercept")
    return head


PROBE = Probe(
    name="logistic_head",
    summary="logistic regression, L2, the configurations of a cell fitted together",
    of_numbers=False,
    parameters=named(STRENGTH, CLASS_WEIGHT),
    build=build,
    native_multilabel=True,
    count=lambda head: int(head.coef.size + head.intercept.size),
    suffix=".safetensors",
    save=save,
    load=load,
    fit_many=fit_many,
)
