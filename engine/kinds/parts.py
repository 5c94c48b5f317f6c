"""What files of kinds share: labels as text, checks of scores, the focal loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from engine.kinds.base import Values

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Names in numeric order where all are integers, else sorted."""
    names = list(names)
    if all(re.fullmatch(r"[+-]?\d+", name) for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def one_only(noun: str) -> Callable[[Values, Sequence[str]], str | None]:
    """`Kind.alike` of rows of one label each."""
    return lambda values, _: f"one {noun} only" if len(set(values.tolist())) < 2 else None


def finite_matrix(scores: npt.ArrayLike, columns: str, fewest: int) -> npt.NDArray[np.float64]:
    """Scores as float64.

    Parameters
    ----------
    scores : array_like, shape (N, K)
    columns : str
        What they must have, for the message.
    fewest : int
        Lowest K.

    Raises
    ------
    ValueError
        Another shape, NaN or infinity.
    """
    import numpy as np

    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < fewest:
        raise ValueError(f"scores must have {columns}, not shape {matrix.shape}")
    check_rows(np.isfinite(matrix).all(axis=1), matrix, "scores must be finite")
    return matrix


def check_rows(valid: Any, values: npt.NDArray[Any], said: str) -> None:
    """Refuse values, and name the first row whose ``valid``, (N,) bool, does not hold.

    Raises
    ------
    ValueError
        A row is not valid.
    """
    if not valid.all():
        row = int(valid.argmin())
        raise ValueError(f"{said}, but row {row} is {values[row].tolist()}")


def check_shape(labels: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuse labels of another shape than scores ask for.

    Raises
    ------
    ValueError
        Labels and scores do not fit together.
    """
    if labels.shape != shape:
        raise ValueError(f"labels of shape {labels.shape} for {shape[0]} rows of scores")


def focused(losses: Tensor, wrong: Tensor, gamma: float) -> Tensor:
    """``losses * (1 - p) ** gamma`` from the logarithm of 1 - p.

    Where p rounds to 1, a power of the difference has no gradient for gamma below 1.
    """
    return losses * (gamma * wrong).exp() if gamma else losses
