"""Hand and Till's M: the AUC of every pair of classes, averaged; interval and test by bootstrap.

Unlike the one-versus-rest average it does not depend on how frequent the classes are (Hand and
Till, Machine Learning 45:171, 2001).
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from engine.stats.bootstrap import (
    BootstrapInterval,
    BootstrapResult,
    bootstrap_ci,
    paired_bootstrap,
)
from engine.stats.checks import FloatArray, IntArray
from engine.stats.components import placement_counts
from engine.stats.multiclass import checked_classes


def hand_till_auc(
    y_true: npt.ArrayLike, scores: npt.ArrayLike, classes: Sequence[int] | None = None
) -> float:
    """Hand and Till's M.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        Class numbers.
    scores : array_like, shape (N, K)
        Column k: higher means class k.
    classes : sequence of int, optional
        The classes to average over; all K by default. No label may lie outside it.

    Returns
    -------
    float
        0.5 by chance, 1 at best.

    Raises
    ------
    ValueError
        As `macro_auc_ci`.

    Notes
    -----
    The mean over ordered pairs (i, j) of A(i|j): the chance that a row of class i scores higher in
    column i than one of class j (their equation 7).
    """
    labels, (matrix,), _ = checked_classes(y_true, [scores], classes)
    return _measure(labels, matrix)


def hand_till_ci(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    classes: Sequence[int] | None = None,
    *,
    groups: npt.ArrayLike | None = None,
) -> BootstrapInterval:
    """Expanded percentile interval of one model's M, rows drawn within each class.

    Parameters and errors are those of `hand_till_auc` and `bootstrap_ci`; with `groups` whole
    groups are drawn.
    """
    labels, (matrix,), _ = checked_classes(y_true, [scores], classes)
    return bootstrap_ci(labels, matrix, _measure, n_resamples, seed, level, groups=groups)


def hand_till_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    classes: Sequence[int] | None = None,
    *,
    groups: npt.ArrayLike | None = None,
) -> BootstrapResult:
    """Compare the M of two models that scored the same rows.

    Parameters and errors are those of `hand_till_auc` and `paired_bootstrap`; with `groups` whole
    groups are drawn.
    """
    labels, (matrix_a, matrix_b), _ = checked_classes(y_true, [scores_a, scores_b], classes)
    return paired_bootstrap(
        labels, matrix_a, matrix_b, _measure, n_resamples, seed, level, groups=groups
    )


def _measure(labels: IntArray, scores: FloatArray) -> float:
    areas = []
    for i, j in permutations(np.unique(labels), 2):
        both = (labels == i) | (labels == j)
        positive = labels[both] == i
        n_positive = int(positive.sum())
        counts = placement_counts(positive, scores[both, i])
        areas.append(counts[positive].sum() / (2 * n_positive * (len(positive) - n_positive)))
    return float(np.mean(areas))
