"""Partial AUC: only where few negatives are called positive.

A screen of a genome follows up few of its calls, so that the left end of the ROC curve is what it
lives by. It is a metric as `bootstrap_ci`, `paired_bootstrap` and `paired_permutation` take it.
"""

import numpy as np
import numpy.typing as npt

from engine.stats.checks import BoolArray, FloatArray, binary_labels, finite_scores


def partial_auc(y_true: npt.ArrayLike, scores: npt.ArrayLike, max_fpr: float = 0.1) -> float:
    """Area under the ROC curve up to a false positive rate, on the scale of an AUC.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1.
    scores : array_like, shape (N,)
        Higher means class 1.
    max_fpr : float, default 0.1
        In (0, 1]; with 1 it is the AUC.

    Returns
    -------
    float
        0.5 by chance, 1 at best; below 0.5 where the left end of the curve lies below the diagonal.

    Raises
    ------
    ValueError
        As `auc_ci`, save that a row of each class is enough; a rate outside (0, 1].

    Notes
    -----
    (1 + (A - min) / (max - min)) / 2 with min = max_fpr**2 / 2 and max = max_fpr (McClish, Medical
    Decision Making 9:190, 1989, equation 4), as scikit-learn and pROC have it.
    """
    if not 0 < max_fpr <= 1:
        raise ValueError(f"max_fpr must lie in (0, 1], but is {max_fpr}")
    positive = binary_labels(y_true, at_least=1)
    area = _area(positive, finite_scores(scores, len(positive)), max_fpr)
    lowest, highest = max_fpr**2 / 2, max_fpr
    return (1 + (area - lowest) / (highest - lowest)) / 2


def _area(positive: BoolArray, scores: FloatArray, max_fpr: float) -> float:
    """Area under the ROC curve, straight between its points, up to ``max_fpr``."""
    order = np.argsort(-scores, kind="stable")
    ordered, positives = scores[order], np.cumsum(positive[order])
    last_of_ties = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    true = np.concatenate(([0.0], positives[last_of_ties] / positives[-1]))
    false = np.concatenate(([0], last_of_ties + 1 - positives[last_of_ties]))
    false = false / (len(scores) - positives[-1])
    inside = np.searchsorted(false, max_fpr, side="right")
    x, y = false[:inside], true[:inside]
    if inside < len(false):
        left, right = false[inside - 1], false[inside]
        share = (max_fpr - left) / (right - left)
        x = np.append(x, max_fpr)
        y = np.append(y, true[inside - 1] + share * (true[inside] - true[inside - 1]))
    return float(np.trapezoid(y, x))
