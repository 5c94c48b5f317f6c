"""Hand and Till's M: the AUC of every pair of classes, averaged.

Unlike the one-versus-rest average it does not depend on how frequent the classes are (Hand and
Till, Machine Learning 45:171, 2001). It is a metric as `bootstrap_ci`, `paired_bootstrap` and
`paired_permutation` take it.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

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
        As `macro_auc_ci`, save that a row of each class is enough.

    Notes
    -----
    The mean over ordered pairs (i, j) of A(i|j): the chance that a row of class i scores higher in
    column i than one of class j (their equation 7).
    """
    labels, (matrix,), _ = checked_classes(y_true, [scores], classes, at_least=1)
    areas = []
    for i, j in permutations(np.unique(labels), 2):
        both = (labels == i) | (labels == j)
        positive = labels[both] == i
        n_positive = int(positive.sum())
        counts = placement_counts(positive, matrix[both, i])
        areas.append(counts[positive].sum() / (2 * n_positive * (len(positive) - n_positive)))
    return float(np.mean(areas))
