"""Metrics of labels that hold or not, each on its own: ``y`` (N, K) of 0 and 1, scores (N, K).

A score is the probability that a label holds; above 0.5 it is predicted. Macro averages of ranking
run over the labels that hold in some rows and not in others, those of F1 over the labels that hold
in some row.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.kinds.multilabel import ranked
from engine.metrics.base import FloatArray, IntArray, Over
from engine.metrics.resampled import area_over, macro_over, mean_of_held, mean_over, precision_over


def auroc(y: IntArray, scores: FloatArray) -> float:
    """Area under the ROC curve, macro: by ranks, so that it is cheap enough to be resampled."""
    from scipy.stats import rankdata

    columns = ranked(y)
    positive = y[:, columns].sum(axis=0)
    # The Mann-Whitney form: ranks of the positives, those among themselves taken off.
    ranks = (rankdata(scores[:, columns], axis=0) * y[:, columns]).sum(axis=0)
    pairs = positive * (len(y) - positive)
    return float(((ranks - positive * (positive + 1) / 2) / pairs).mean())


def auprc(y: IntArray, scores: FloatArray) -> float:
    """Area under the precision-recall curve as average precision, macro."""
    return float(np.mean([_average_precision(y[:, k], scores[:, k]) for k in ranked(y)]))


def f1(y: IntArray, scores: FloatArray) -> float:
    """F1, macro. A label never predicted has 0."""
    return float(_f1(*_counts(y, scores)))


def f1_micro(y: IntArray, scores: FloatArray) -> float:
    """F1 over all rows and labels at once."""
    return float(_f1_micro(*_counts(y, scores)))


def hamming(y: IntArray, scores: FloatArray) -> float:
    """Share of all rows and labels that are predicted wrong (Hamming loss)."""
    return float(np.mean((scores > 0.5) != (y == 1)))


FUNCTIONS: dict[str, Callable[[IntArray, FloatArray], float]] = {
    function.__name__: function for function in (auroc, auprc, f1, f1_micro, hamming)
}
OVERS: dict[str, Callable[[IntArray, FloatArray], Over]] = {
    "auroc": lambda y, scores: _macro_over(area_over, y, scores),
    "auprc": lambda y, scores: _macro_over(precision_over, y, scores),
    "f1": lambda y, scores: _counts_over(_f1, y, scores),
    "f1_micro": lambda y, scores: _counts_over(_f1_micro, y, scores),
    "hamming": lambda y, scores: mean_over(((scores > 0.5) != (y == 1)).mean(axis=1)),
}


def _f1(hits: FloatArray, predicted: FloatArray, true: FloatArray) -> FloatArray:
    return mean_of_held(2 * hits / np.maximum(true + predicted, 1), true)


def _f1_micro(hits: FloatArray, predicted: FloatArray, true: FloatArray) -> FloatArray:
    return np.asarray(2 * hits.sum(axis=-1) / (true.sum(axis=-1) + predicted.sum(axis=-1)))


def _counts(y: IntArray, scores: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of each label: rows predicted rightly, rows predicted, rows that hold it."""
    hits, predicted, true = (table.sum(axis=0) for table in _marks(y, scores))
    return hits, predicted, true


def _counts_over(
    value: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
    y: IntArray,
    scores: FloatArray,
) -> Over:
    """A function of the same counts."""
    hits, predicted, true = _marks(y, scores)
    return lambda weights: value(weights.T @ hits, weights.T @ predicted, weights.T @ true)


def _marks(y: IntArray, scores: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    predicted, true = (scores > 0.5).astype(np.float64), y.astype(np.float64)
    return predicted * true, predicted, true


def _macro_over(
    area: Callable[[npt.NDArray[np.bool_], FloatArray], Over], y: IntArray, scores: FloatArray
) -> Over:
    """Mean over the labels that hold in some rows of the resample and not in others."""
    areas = [_where_ranked(area(y[:, k] == 1, scores[:, k]), y[:, k]) for k in ranked(y)]
    return macro_over(areas)


def _where_ranked(area: Over, holds: IntArray) -> Over:
    def over(weights: FloatArray) -> FloatArray:
        held = holds @ weights
        return np.where((held > 0) & (held < weights.sum(axis=0)), area(weights), np.nan)

    return over


def _average_precision(y: IntArray, scores: FloatArray) -> float:
    """Precision at each threshold, weighted by the recall that it adds; equal scores are one."""
    order = np.argsort(-scores, kind="stable")
    last_of_equals = np.append(np.flatnonzero(np.diff(scores[order])), len(y) - 1)
    hits = np.cumsum(y[order])[last_of_equals]
    precision = hits / (last_of_equals + 1)
    return float(np.diff(hits, prepend=0) @ precision / hits[-1])
