"""Macro average of one-versus-rest AUCs, with variance and paired test.

The mean over K classes of "class k against the rest" is a K-sample U-statistic: every class is a
sample of its own. Its variance follows from how each row takes part in it (Hoeffding 1948; Lehmann,
Annals of Mathematical Statistics 22:165, 1951), as in the two-sample case of DeLong et al. (1988).
A row i of class k takes part as a positive in its own area and as a negative in all others:

    psi_i = 1/K [ V10_k(i) / n_k  +  sum over c != k of V01_c(i) / (N - n_c) ]

with V10_k(i) the share of the rest that row i scores above in column k, and V01_c(i) the share of
class c that scores above row i in column c. Rows of a class are independent and alike, so that

    Var = sum over k of n_k / (n_k - 1) * sum over i in k of (psi_i - mean of psi in k)^2

For K = 2 and scores (1 - s, s) both areas are the same, psi_i is V10/n_1 or V01/n_0, and the result
is DeLong's.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.stats.checks import (
    Alternative,
    FloatArray,
    IntArray,
    binary_labels,
    class_labels,
    finite_scores,
)
from engine.stats.clustered import group_numbers
from engine.stats.components import binary_components, placement_counts, row_covariance
from engine.stats.inference import AucResult, DeLongResult, paired_difference, wald_interval


def macro_auc_ci(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    level: float = 0.95,
    classes: Sequence[int] | None = None,
    *,
    groups: npt.ArrayLike | None = None,
) -> AucResult:
    """Macro one-versus-rest AUC of one model with a confidence interval.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        Class numbers.
    scores : array_like, shape (N, K)
        Column k: higher means class k.
    level : float, default 0.95
        Confidence.
    classes : sequence of int, optional
        The classes to average over; all K by default. Give those that have rows where some have
        none. No label may lie outside it: rows are never dropped.
    groups : array_like, shape (N,), optional
        Which rows are not independent, as in `auc_covariance`.

    Returns
    -------
    AucResult
        The interval is cut to [0, 1].

    Raises
    ------
    ValueError
        A class of ``classes`` with fewer than two rows, a label outside it, fewer than two classes,
        scores that are not finite or not (N, K), or a level outside (0, 1).
    """
    labels, (auc,), components = macro_components(y_true, [scores], classes)
    variance = row_covariance(components, labels, group_numbers(groups, labels))[0, 0]
    return wald_interval(float(auc), float(variance), level)


def macro_auc_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    classes: Sequence[int] | None = None,
    *,
    groups: npt.ArrayLike | None = None,
) -> DeLongResult:
    """Test whether two models that scored the same rows have the same macro AUC.

    Parameters
    ----------
    y_true, classes, groups
        As in `macro_auc_ci`.
    scores_a, scores_b : array_like, shape (N, K)
        Column k: higher means class k.
    alternative, level
        As in `engine.stats.delong.delong_test`.

    Returns
    -------
    DeLongResult
        ``auc_a`` and ``auc_b`` are macro averages.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        As `macro_auc_ci`; an unknown alternative; score matrices of different widths.
    """
    labels, values, components = macro_components(y_true, [scores_a, scores_b], classes)
    numbers = group_numbers(groups, labels)
    return paired_difference(values, components, labels, numbers, alternative, level)


def auc_components(
    y_true: npt.ArrayLike, models: Sequence[npt.ArrayLike]
) -> tuple[npt.NDArray[np.generic], FloatArray, FloatArray]:
    """AUCs of some models and what each row adds to them, macro for more than two classes.

    Parameters
    ----------
    y_true : array_like, shape (N,)
    models : sequence of array_like
        Scores (N,) of two classes, or (N, K), whose averages run over the classes that have rows.

    Returns
    -------
    strata : ndarray, shape (N,)
        The class of each row.
    values : ndarray of float64, shape (M,)
    components : ndarray of float64, shape (M, N)

    Raises
    ------
    ValueError
        As `auc_covariance` and `macro_auc_test`.
    """
    if np.ndim(models[0]) == 1:
        positive = binary_labels(y_true)
        rows = [finite_scores(row, len(positive)) for row in models]
        return positive, *binary_components(positive, rows)
    present = np.unique(class_labels(y_true)).tolist()
    return macro_components(y_true, models, present)


def checked_classes(
    y_true: npt.ArrayLike,
    scores: Sequence[npt.ArrayLike],
    classes: Sequence[int] | None,
    at_least: int = 2,
) -> tuple[IntArray, list[FloatArray], list[int]]:
    """Labels, each model's scores (N, K), and the classes that count, shown to fit together.

    Each class has `at_least` so many rows. Errors are those of `macro_auc_test`.
    """
    n_rows = len(np.atleast_1d(np.asarray(y_true)))
    matrices = [finite_scores(matrix, n_rows, ndim=2) for matrix in scores]
    widths = {matrix.shape[1] for matrix in matrices}
    if len(widths) > 1:
        raise ValueError(f"the models score different numbers of classes: {sorted(widths)}")
    n_classes = widths.pop()
    kept = list(range(n_classes)) if classes is None else sorted(set(classes))
    outside = [label for label in kept if not 0 <= label < n_classes]
    if outside:
        raise ValueError(f"class {outside[0]} has no column: the scores have {n_classes}")
    if len(kept) < 2:
        raise ValueError(f"an average over classes needs at least two classes, not {kept}")
    return class_labels(y_true, kept, at_least), matrices, kept


def macro_components(
    y_true: npt.ArrayLike, models: Sequence[npt.ArrayLike], classes: Sequence[int] | None
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Class of each row, macro AUC of each model, and psi of each row, shape (M, N).

    Errors are those of `macro_auc_test`.
    """
    labels, matrices, kept = checked_classes(y_true, models, classes)
    aucs, components = np.zeros((len(matrices), len(kept))), np.zeros((len(matrices), len(labels)))
    for place, label in enumerate(kept):
        positive = labels == label
        n_positive = int(positive.sum())
        twice_the_pairs = 2 * n_positive * (len(labels) - n_positive)
        for model, scores in enumerate(matrices):
            counts = placement_counts(positive, scores[:, label])
            aucs[model, place] = int(counts[positive].sum()) / twice_the_pairs
            # V10 / n_k of a positive and V01 / (N - n_k) of a negative: one denominator.
            components[model] += counts / (twice_the_pairs * len(kept))
    return labels, aucs.mean(axis=1), components
