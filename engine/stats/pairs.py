"""What bootstrap and permutation share: models' scores of the same rows, and a metric."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, IntArray, class_labels, finite_scores, outcomes

ROUNDING = 1e-12  # differences of a metric below this are none
MetricFunction = Callable[[Any, FloatArray], float]


def checked_models(
    y_true: npt.ArrayLike, scores: Sequence[npt.ArrayLike], by_class: bool = True
) -> tuple[IntArray | FloatArray, list[FloatArray]]:
    """Labels and the scores of all models, (N,) or (N, K), shown to fit together.

    Labels are class numbers (N,), or without `by_class` any outcomes, (N,) or (N, K).

    Raises
    ------
    ValueError
        Labels that are no class numbers, one class only or fewer than two rows of a class; outcomes
        that are not finite or fewer than two; scores that are not finite or of different shapes.
    """
    labels = class_labels(y_true) if by_class else outcomes(y_true)
    models = [finite_scores(s, len(labels), 2 if np.ndim(s) == 2 else 1) for s in scores]
    shapes = [model.shape for model in models]
    if len(set(shapes)) > 1:
        raise ValueError(f"the models' scores differ in shape: {', '.join(map(str, shapes))}")
    return labels, models


def check_resamples(n_resamples: int) -> None:
    """Refuse fewer than two resamples, with a ValueError."""
    if n_resamples < 2:
        raise ValueError(f"n_resamples must be at least 2, but is {n_resamples}")


def evaluate(metric: MetricFunction, labels: IntArray | FloatArray, scores: FloatArray) -> float:
    """The metric's value, shown to be finite as by `check_finite`."""
    return check_finite(float(metric(labels, scores)), len(labels))


def check_finite(value: float, n_rows: int) -> float:
    """A metric's value on so many rows; a ValueError where it is NaN or infinite."""
    if not math.isfinite(value):
        raise ValueError(f"the metric gives {value} on {n_rows} rows: it must be finite")
    return value


def count_as_extreme(null: FloatArray, observed: float) -> int:
    """How many null differences are at least as far from 0 as the observed one, rounding aside."""
    return int((np.abs(null) >= abs(observed) - ROUNDING).sum())
