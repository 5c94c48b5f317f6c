"""One-versus-rest AUC of each class and its macro average, with variance and paired test.

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
from engine.stats.delong import auc_ci, delong_test
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
    labels, (matrix,), kept = checked_classes(y_true, [scores], classes)
    numbers = group_numbers(groups, labels)
    auc, components = macro_components(labels, matrix, kept)
    variance = row_covariance(components[np.newaxis], labels, numbers)[0, 0]
    return wald_interval(auc, float(variance), level)


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
    y_true : array_like, shape (N,)
        Class numbers.
    scores_a, scores_b : array_like, shape (N, K)
        Column k: higher means class k.
    alternative : {"two-sided", "greater", "less"}
        "greater": the macro AUC of a is greater than that of b.
    level : float, default 0.95
        Confidence of the interval of the difference.
    classes : sequence of int, optional
        As in `macro_auc_ci`.
    groups : array_like, shape (N,), optional
        Which rows are not independent, as in `auc_covariance`.

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
    labels, (matrix_a, matrix_b), kept = checked_classes(y_true, [scores_a, scores_b], classes)
    numbers = group_numbers(groups, labels)
    auc_a, components_a = macro_components(labels, matrix_a, kept)
    auc_b, components_b = macro_components(labels, matrix_b, kept)
    components = np.stack([components_a, components_b])
    return paired_difference(
        np.array([auc_a, auc_b]), components, labels, numbers, alternative, level
    )


def ovr_auc_ci(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    level: float = 0.95,
    classes: Sequence[int] | None = None,
    *,
    groups: npt.ArrayLike | None = None,
) -> dict[int, AucResult]:
    """AUC of each class against the rest, with a confidence interval.

    Parameters and errors are those of `macro_auc_ci`.

    Returns
    -------
    dict of int to AucResult
        By class. The mean of the areas is the macro AUC.
    """
    labels, (matrix,), kept = checked_classes(y_true, [scores], classes)
    return {k: auc_ci(labels == k, matrix[:, k], level, groups=groups) for k in kept}


def ovr_auc_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    classes: Sequence[int] | None = None,
    *,
    groups: npt.ArrayLike | None = None,
) -> dict[int, DeLongResult]:
    """DeLong's test of two models for each class against the rest: K tests, to be corrected.

    Parameters and errors are those of `macro_auc_test`.

    Returns
    -------
    dict of int to DeLongResult
        By class.
    """
    labels, (matrix_a, matrix_b), kept = checked_classes(y_true, [scores_a, scores_b], classes)
    return {
        k: delong_test(
            labels == k, matrix_a[:, k], matrix_b[:, k], alternative, level, groups=groups
        )
        for k in kept
    }


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
    labels, matrices, kept = checked_classes(y_true, models, present)
    parts = [macro_components(labels, matrix, kept) for matrix in matrices]
    return labels, np.array([value for value, _ in parts]), np.stack([of for _, of in parts])


def checked_classes(
    y_true: npt.ArrayLike, scores: Sequence[npt.ArrayLike], classes: Sequence[int] | None
) -> tuple[IntArray, list[FloatArray], list[int]]:
    """Labels, each model's scores (N, K), and the classes that count, shown to fit together.

    Raises
    ------
    ValueError
        As `macro_auc_test`.
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
    return class_labels(y_true, kept), matrices, kept


def macro_components(
    labels: IntArray, scores: FloatArray, classes: list[int]
) -> tuple[float, FloatArray]:
    """Macro AUC, and psi of each row, shape (N,)."""
    aucs = []
    components = np.zeros(len(labels))
    for label in classes:
        positive = labels == label
        n_positive = int(positive.sum())
        twice_the_pairs = 2 * n_positive * (len(labels) - n_positive)
        counts = placement_counts(positive, scores[:, label])
        aucs.append(int(counts[positive].sum()) / twice_the_pairs)
        # V10 / n_k of a positive and V01 / (N - n_k) of a negative have this one denominator.
        components += counts / (twice_the_pairs * len(classes))
    return float(np.mean(aucs)), components
