"""What a model is scored by: one entry per metric, for the kinds of tasks that it fits.

=====================  ==================  ==================================================
kind of task           labels ``y``        ``scores``
=====================  ==================  ==================================================
classification         (N,) int            (N, K), K >= 2, a column per class
multilabel             (N, K) 0 and 1      (N, K), a probability per label
regression             (N,) float          (N, 1), predicted values
=====================  ==================  ==================================================
"""

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError, nearest
from engine.basics.plugins import Registry
from engine.metrics import classification, multilabel, regression
from engine.metrics.base import FloatArray, Metric, Needs, Over, kind_of
from engine.records import TaskKind

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "Metric",
    "compute",
    "compute_all",
    "find_metric",
    "kind_of",
    "metric_label",
    "metrics_of",
]

#: What ranks the models of a task that names no metric. Spearman's correlation of a regression does
#: not depend on the scale on which a target was measured, nor on a few extreme values.
DEFAULT_METRICS: Mapping[TaskKind, str] = {
    "classification": "auroc",
    "multilabel": "auroc",
    "regression": "spearman",
}

_BY_KIND: Mapping[TaskKind, Mapping[str, Callable[[Any, FloatArray], float]]] = {
    "classification": classification.FUNCTIONS,
    "multilabel": multilabel.FUNCTIONS,
    "regression": regression.FUNCTIONS,
}
_OVERS: Mapping[TaskKind, Mapping[str, Callable[[Any, FloatArray], Over]]] = {
    "classification": classification.OVERS,
    "multilabel": multilabel.OVERS,
    "regression": regression.OVERS,
}
_CHECKS: Mapping[TaskKind, Callable[[Any, npt.ArrayLike], tuple[Any, FloatArray]]] = {
    "classification": classification.checked,
    "multilabel": multilabel.checked,
    "regression": regression.checked,
}


def _metric(
    name: str, label: str, needs: Needs, better: bool, range_: tuple[float, float]
) -> Metric:
    functions = {kind: of[name] for kind, of in _BY_KIND.items() if name in of}
    overs = {kind: of[name] for kind, of in _OVERS.items() if name in of}
    return Metric(name, label, functions, overs, needs, better, range_)


_OWN: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("auroc", "AUROC", "scores", True, (0.0, 1.0)),
        _metric("auprc", "AUPRC", "scores", True, (0.0, 1.0)),
        _metric("mcc", "MCC", "labels", True, (-1.0, 1.0)),
        _metric("f1", "F1", "labels", True, (0.0, 1.0)),
        _metric("f1_micro", "micro F1", "labels", True, (0.0, 1.0)),
        _metric("accuracy", "accuracy", "labels", True, (0.0, 1.0)),
        _metric("balanced_accuracy", "balanced accuracy", "labels", True, (0.0, 1.0)),
        _metric("log_loss", "log loss", "probabilities", False, (0.0, inf)),
        _metric("brier", "Brier score", "probabilities", False, (0.0, 2.0)),
        _metric("hamming", "Hamming loss", "labels", False, (0.0, 1.0)),
        _metric("spearman", "Spearman's rho", "scores", True, (-1.0, 1.0)),
        _metric("pearson", "Pearson's r", "scores", True, (-1.0, 1.0)),
        _metric("r2", "R²", "scores", True, (-inf, 1.0)),
        _metric("mse", "MSE", "scores", False, (0.0, inf)),
        _metric("rmse", "RMSE", "scores", False, (0.0, inf)),
    )
}

#: All metrics by name: those of this package, and of plug-ins.
METRICS: Mapping[str, Metric] = Registry("metrics", Metric, _OWN)


def metrics_of(kind: TaskKind) -> tuple[str, ...]:
    """Names of the metrics that fit a kind of task."""
    return tuple(name for name, metric in METRICS.items() if kind in metric.kinds)


def find_metric(name: str) -> Metric:
    """The metric of that name.

    Raises
    ------
    UserError
        There is none; the nearest name is told.
    """
    if name not in METRICS:
        raise UserError(f"unknown metric '{name}': {nearest(name, METRICS)}")
    return METRICS[name]


def metric_label(metric: str) -> str:
    """Name of a metric as it is printed."""
    known = METRICS.get(metric)
    return known.label if known else metric


def compute(name: str, y_true: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Score a model by one metric.

    Parameters
    ----------
    name : str
        A key of `METRICS`.
    y_true : array_like, shape (N,) or (N, K)
        Class numbers 0 ... K-1; 0 and 1 per label; or floating-point values. With `scores` it tells
        the kind of task: see `kind_of`.
    scores : array_like, shape (N, K)
        Finite.

    Returns
    -------
    float

    Raises
    ------
    UserError
        No metric of that name.
    ValueError
        A metric of another kind of task; labels that do not differ or do not fit the scores; scores
        that are not finite, or not probabilities where those are needed.
    """
    return compute_all(y_true, scores, [name])[name]


def compute_all(
    y_true: npt.ArrayLike, scores: npt.ArrayLike, names: Iterable[str] | None = None
) -> dict[str, float]:
    """Score a model by several metrics.

    Parameters
    ----------
    y_true, scores : array_like
        As in `compute`.
    names : iterable of str, optional
        Keys of `METRICS`; by default all of the kind, which needs probabilities of classes.

    Returns
    -------
    dict of str to float

    Raises
    ------
    UserError, ValueError
        As `compute`.
    """
    labels, matrix = np.asarray(y_true), np.asarray(scores)
    kind = kind_of(labels, matrix)
    metrics = [find_metric(name) for name in (metrics_of(kind) if names is None else names)]
    for metric in metrics:
        if kind not in metric.kinds:
            raise ValueError(f"{metric.name} is no metric of a {kind} task")
    checked_labels, checked_scores = _CHECKS[kind](labels, matrix)
    return {m.name: _value(m, kind, checked_labels, checked_scores) for m in metrics}


def _value(
    metric: Metric, kind: TaskKind, labels: npt.NDArray[np.generic], scores: FloatArray
) -> float:
    if metric.needs == "probabilities":
        classification.check_probabilities(metric.name, scores)
    return metric.functions[kind](labels, scores)
