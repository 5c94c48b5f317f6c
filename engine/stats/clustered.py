"""Covariance of AUCs whose test rows come in groups: windows of one gene, genes of one chromosome.

Rows of a group are not independent, so that the groups, not the rows, are counted as evidence
(Obuchowski, Biometrics 53:567, 1997). The AUC itself does not change.
"""

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, IntArray


def group_numbers(groups: npt.ArrayLike | None, strata: npt.NDArray[np.generic]) -> IntArray | None:
    """Groups as numbers 0 ... G-1, shown to be enough for a variance.

    Parameters
    ----------
    groups : array_like, shape (N,), or None
        Names or numbers; rows of one group have equal values.
    strata : ndarray, shape (N,)
        The class of each row.

    Returns
    -------
    ndarray of int64, shape (N,), or None
        None stays None.

    Raises
    ------
    ValueError
        Not one group a row, a missing group, or a class that fewer than two groups hold.
    """
    if groups is None:
        return None
    names = np.asarray(groups)
    if names.shape != strata.shape:
        raise ValueError(f"groups must have shape {strata.shape}, not {names.shape}")
    if names.dtype.kind in "fO":  # only these can hold NaN or None
        missing = [name is None or name != name for name in names.tolist()]
        if any(missing):
            raise ValueError(f"groups must be named, but row {missing.index(True)} has none")
        names = names.astype(str)
    found: IntArray = np.unique(names, return_inverse=True)[1].astype(np.int64)
    for stratum in np.unique(strata):
        n_groups = len(np.unique(found[strata == stratum]))
        if n_groups < 2:
            raise ValueError(
                f"class {int(stratum)} has rows in {n_groups} group(s): "
                "a variance needs at least two of each class"
            )
    return found


def units_of_evidence(strata: npt.NDArray[np.generic], groups: IntArray | None) -> int:
    """How many independent units the rarest class has: its rows, or the groups that hold it.

    Class and group number of each row, or no groups, are those of `group_numbers`.
    """
    units = np.arange(len(strata)) if groups is None else groups
    return min(len(np.unique(units[strata == stratum])) for stratum in np.unique(strata))


def resampling_factor(n_units: int) -> float:
    """What the variance over resamples of n units is short of: they see (n - 1) / n of it."""
    return n_units / (n_units - 1)


def clustered_covariance(
    components: FloatArray, strata: npt.NDArray[np.generic], groups: IntArray
) -> FloatArray:
    """Covariance of sums of rows that come in independent groups.

    Parameters are those of `engine.stats.components.row_covariance`; at least two groups hold each
    class.

    Returns
    -------
    ndarray of float64, shape (M, M)
        Positive semidefinite. With a group a row it is `stratified_covariance`.

    Notes
    -----
    With D_k the groups' sums of the components of class k, each less the mean of its class, G_k the
    number of groups that hold class k and f(g) = g / (g - 1):

        Cov = sum over k of f(G_k) D_k D_k'  +  f(G) * sum over k != l of D_k D_l'

    For two classes these are S10 / M + S01 / N and the two S11 / (M N) of Obuchowski (1997).
    """
    n_groups = int(groups.max()) + 1
    joint_factor = n_groups / (n_groups - 1)
    total = np.zeros((len(components), n_groups))
    covariance = np.zeros((len(components), len(components)))
    for stratum in np.unique(strata):
        members = strata == stratum
        part = components[:, members]
        part -= part[:, :1].copy()  # equal components give a variance of exactly zero
        part -= part.mean(axis=1, keepdims=True)
        sums = np.stack([np.bincount(groups[members], row, n_groups) for row in part])
        n_holding = len(np.unique(groups[members]))
        covariance += (n_holding / (n_holding - 1) - joint_factor) * (sums @ sums.T)
        total += sums
    return covariance + joint_factor * (total @ total.T)
