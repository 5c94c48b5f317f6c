"""What bootstrap and permutation share: two models' scores of the same rows, and a metric."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, IntArray, class_labels, finite_scores, outcomes

ROUNDING = 1e-12  # differences of a metric below this are none
MetricFunction = Callable[[Any, FloatArray], float]


def checked_pair(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    n_resamples: int,
    by_class: bool = True,
) -> tuple[IntArray | FloatArray, FloatArray, FloatArray]:
    """Labels and the scores of both models, (N,) or (N, K), shown to fit together.

    Labels are class numbers (N,), or without `by_class` any outcomes, (N,) or (N, K).

    Raises
    ------
    ValueError
        Labels that are no class numbers, one class only or fewer than two rows of a class; outcomes
        that are not finite or fewer than two; scores that are not finite or of different shapes;
        fewer than two resamples.
    """
    if n_resamples < 2:
        raise ValueError(f"n_resamples must be at least 2, but is {n_resamples}")
    labels = class_labels(y_true) if by_class else outcomes(y_true)
    ndim = 2 if np.ndim(scores_a) == 2 else 1
    rows_a = finite_scores(scores_a, len(labels), ndim)
    rows_b = finite_scores(scores_b, len(labels), ndim)
    if rows_a.shape != rows_b.shape:
        raise ValueError(f"the models' scores differ in shape: {rows_a.shape}, {rows_b.shape}")
    return labels, rows_a, rows_b


def evaluate(metric: MetricFunction, labels: IntArray | FloatArray, scores: FloatArray) -> float:
    """The metric's value, shown to be finite.

    Raises
    ------
    ValueError
        NaN or infinity.
    """
    value = float(metric(labels, scores))
    if not math.isfinite(value):
        raise ValueError(f"the metric gives {value} on {len(labels)} rows: it must be finite")
    return value


def count_as_extreme(null: FloatArray, observed: float) -> int:
    """How many null differences are at least as far from 0 as the observed one, rounding aside."""
    return int((np.abs(null) >= abs(observed) - ROUNDING).sum())
