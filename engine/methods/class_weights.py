"""Weights of rows by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.methods.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CLASS_WEIGHT = Hyperparameter(
    "class_weight",
    ("none", "balanced"),
    "none",
    "balanced: the rows of each class, or with and without each label, weigh the same in sum",
)


def balanced_weights(labels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Weights under which the rows of each class weigh the same together, of mean 1.

    Parameters
    ----------
    labels : ndarray, shape (N,) or (N, K), int64
        Class numbers, or 0 and 1 of each label, which is weighed on its own.

    Returns
    -------
    ndarray of the same shape, float64
        N / (classes that occur x rows of the class), as of scikit-learn's ``"balanced"``.
    """
    import numpy as np

    if labels.ndim == 2:
        return np.stack([balanced_weights(column) for column in labels.T], axis=1)
    counts = np.bincount(labels)
    return np.asarray(len(labels) / ((counts > 0).sum() * counts[labels]), dtype=np.float64)
