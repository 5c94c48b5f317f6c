"""How each row takes part in an AUC, and the covariance that follows.

The area under the ROC curve (AUC) is a two-sample U-statistic: the chance that a positive scores
higher than a negative, a tie counting one half. The share of it that each row carries, its
structural component, gives the variance of one AUC and the covariance of several on the same rows
(DeLong, DeLong and Clarke-Pearson, Biometrics 44:837, 1988). One sort per model gives all shares in
O(N log N), as midranks do (Sun and Xu, IEEE Signal Processing Letters 21:1389, 2014).
"""

import numpy as np
import numpy.typing as npt

from engine.stats.checks import BoolArray, FloatArray, IntArray
from engine.stats.clustered import clustered_covariance


def placement_counts(positive: BoolArray, scores: FloatArray) -> IntArray:
    """Twice the number of opposite rows that each row is on the right side of, ties half.

    Parameters
    ----------
    positive : ndarray of bool, shape (N,)
        m positives and n negatives.
    scores : ndarray of float64, shape (N,)
        Finite.

    Returns
    -------
    ndarray of int64, shape (N,)
        For a positive, 2 n V10 (negatives below it); for a negative, 2 m V01 (positives above it),
        in the notation of DeLong et al. (1988). Whole numbers: equal placements are exactly equal.
    """
    order = np.argsort(scores)
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(starts, append=len(ordered))
    positives = np.add.reduceat(positive[order].astype(np.int64), starts)
    negatives = sizes - positives
    negatives_below = np.cumsum(negatives) - negatives
    positives_above = positives.sum() - np.cumsum(positives)
    of_a_positive = np.repeat(2 * negatives_below + negatives, sizes)
    of_a_negative = np.repeat(2 * positives_above + positives, sizes)
    counts = np.empty(len(scores), dtype=np.int64)
    counts[order] = np.where(positive[order], of_a_positive, of_a_negative)
    return counts


def binary_components(
    positive: BoolArray, scores: list[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """AUC of each model, and each row's share in it.

    Parameters
    ----------
    positive : ndarray of bool, shape (N,)
        m positives and n negatives.
    scores : list of M ndarrays of float64, shape (N,)
        Finite.

    Returns
    -------
    aucs : ndarray of float64, shape (M,)
    components : ndarray of float64, shape (M, N)
        V10 / m of a positive, V01 / n of a negative.
    """
    n_positive = int(positive.sum())
    twice_the_pairs = 2 * n_positive * (len(positive) - n_positive)
    counts = np.stack([placement_counts(positive, row) for row in scores])
    return counts[:, positive].sum(axis=1) / twice_the_pairs, counts / twice_the_pairs


def stratified_covariance(components: FloatArray, strata: npt.NDArray[np.generic]) -> FloatArray:
    """Covariance of sums of independent rows, sampled stratum by stratum.

    Parameters are those of `row_covariance`; at least two rows in each stratum.

    Returns
    -------
    ndarray of float64, shape (M, M)
        Sum over strata k of n_k times the sample covariance within k: positive semidefinite.
    """
    covariance = np.zeros((len(components), len(components)))
    for stratum in np.unique(strata):
        part = components[:, strata == stratum]
        n = part.shape[1]
        part -= part[:, :1].copy()  # equal components give a variance of exactly zero
        part -= part.mean(axis=1, keepdims=True)
        covariance += n / (n - 1) * (part @ part.T)
    return covariance


def degrees_of_freedom(
    component: FloatArray, strata: npt.NDArray[np.generic], groups: IntArray | None = None
) -> float:
    """Degrees of freedom of the variance of a sum of rows.

    Parameters
    ----------
    component : ndarray of float64, shape (N,)
        What each row adds to the statistic.
    strata : ndarray, shape (N,)
        The stratum (class) of each row; at least two rows, or groups, each.
    groups : ndarray of int64, shape (N,), or None
        As in `row_covariance`.

    Returns
    -------
    float
        Those of the smallest stratum where nothing varies; never more than independent units less
        one.

    Notes
    -----
    With v_k the variance that the n_k rows (or groups) of stratum k add, (sum v_k)^2 / sum(v_k^2 /
    (n_k - 1)): Satterthwaite's approximation, as Brunner and Munzel (Biometrical Journal 42:17,
    2000) use it for one AUC.
    """
    units = np.arange(len(component)) if groups is None else groups
    variances, known_from = [], []
    for stratum in np.unique(strata):
        members = strata == stratum
        part = component[members] - component[members].mean()
        held, place = np.unique(units[members], return_inverse=True)
        sums = np.bincount(place, part)
        known_from.append(len(held) - 1)
        variances.append(float(sums @ sums) * len(held) / (len(held) - 1))
    total = sum(variances)
    if total == 0:
        return float(min(known_from))
    df = total**2 / sum(v**2 / n for v, n in zip(variances, known_from, strict=True))
    return min(df, float(len(np.unique(units)) - 1))


def row_covariance(
    components: FloatArray, strata: npt.NDArray[np.generic], groups: IntArray | None
) -> FloatArray:
    """Covariance of sums of rows: independent rows, or rows in independent groups.

    Parameters
    ----------
    components : ndarray of float64, shape (M, N)
        What each row adds to each of M statistics.
    strata : ndarray, shape (N,)
        The class of each row.
    groups : ndarray of int64, shape (N,), or None
        Group numbers as `engine.stats.clustered.group_numbers` gives them.

    Returns
    -------
    ndarray of float64, shape (M, M)
    """
    if groups is None:
        return stratified_covariance(components, strata)
    return clustered_covariance(components, strata, groups)
