"""What a model is scored by: one entry per metric, for the kinds of tasks that it fits.

=====================  ==================  ==================================================
kind of task           labels ``y``        ``scores``
=====================  ==================  ==================================================
classification         (N,) int            (N, K), K >= 2, a column per class
multilabel             (N, K) 0 and 1      (N, K), a probability per label
regression             (N,) float          (N, 1), predicted values
=====================  ==================  ==================================================
"""

from collections.abc import Iterable
from math import inf

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError, nearest
from engine.basics.plugins import Registry
from engine.kinds import Kind
from engine.metrics import classification, multilabel, regression
from engine.metrics.base import Metric, Needs

__all__ = [
    "METRICS",
    "Metric",
    "compute",
    "compute_all",
    "find_metric",
    "metric_label",
    "metrics_of",
    "register",
]

_OF_KIND = {
    "classification": classification,
    "multilabel": multilabel,
    "regression": regression,
}


def _metric(
    name: str, label: str, needs: Needs, better: bool, range_: tuple[float, float]
) -> Metric:
    functions = {k: of.FUNCTIONS[name] for k, of in _OF_KIND.items() if name in of.FUNCTIONS}
    overs = {kind: of.OVERS[name] for kind, of in _OF_KIND.items() if name in of.OVERS}
    return Metric(name, label, functions, overs, needs, better, range_)


_OWN = {
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
METRICS: Registry[Metric] = Registry("metrics", Metric, lambda: _OWN)


def metrics_of(kind: Kind) -> tuple[str, ...]:
    """Names of the metrics that fit a kind of task."""
    return tuple(name for name, metric in METRICS.items() if metric.fits(kind))


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


def compute(name: str, y_true: npt.ArrayLike, scores: npt.ArrayLike, kind: Kind) -> float:
    """Score a model by one metric.

    Parameters
    ----------
    name : str
        A key of `METRICS`.
    y_true : array_like, shape (N,) or (N, K)
        Class numbers 0 ... K-1; 0 and 1 per label; or floating-point values.
    scores : array_like, shape (N, K)
        Finite.
    kind : Kind
        Of the task.

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
    return compute_all(y_true, scores, kind, [name])[name]


def compute_all(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    kind: Kind,
    names: Iterable[str] | None = None,
) -> dict[str, float]:
    """Score a model by several metrics.

    Parameters
    ----------
    y_true, scores, kind
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
    metrics = [find_metric(name) for name in (metrics_of(kind) if names is None else names)]
    for metric in metrics:
        if not metric.fits(kind):
            raise ValueError(f"{metric.name} is no metric of a {kind.name} task")
    labels, matrix = kind.check(np.asarray(y_true), scores)
    for metric in metrics:
        if metric.needs == "probabilities":
            classification.check_probabilities(metric.name, matrix)
    return {metric.name: metric.function(kind)(labels, matrix) for metric in metrics}
