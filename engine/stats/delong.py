"""AUC with its variance, and tests of the difference of two AUCs, after DeLong.

A small p says that two *fitted* models differ on the population that the test rows were drawn from
one by one, or group by group where ``groups`` names them. It does not say that one way of training
is better: that needs several seeds, see `engine.stats.method_level`.

Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44:837, 1988; see `engine.stats.components`.
Rows in groups: Obuchowski, Biometrics 53:567, 1997; see `engine.stats.clustered`.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from engine.stats.checks import (
    Alternative,
    BoolArray,
    FloatArray,
    IntArray,
    binary_labels,
    finite_scores,
)
from engine.stats.clustered import group_numbers
from engine.stats.components import binary_components, row_covariance
from engine.stats.inference import (
    AucResult,
    DeLongResult,
    Transform,
    UnpairedResult,
    paired_difference,
    wald_interval,
    welch_difference,
)


def auc_covariance(
    y_true: npt.ArrayLike, scores: npt.ArrayLike, *, groups: npt.ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """AUCs of M models on the same rows, and their covariance matrix.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1.
    scores : array_like, shape (M, N)
        Higher means class 1.
    groups : array_like, shape (N,), optional
        Which rows belong together and are not independent: chromosomes, gene families. Each class
        must be held by at least two groups. Without it every row is independent.

    Returns
    -------
    aucs : ndarray of float64, shape (M,)
    covariance : ndarray of float64, shape (M, M)

    Raises
    ------
    ValueError
        Labels other than 0 and 1, fewer than two of a class, scores that are not finite, a number
        of scores or groups that is not the number of labels, or a class in fewer than two groups.

    Notes
    -----
    ``S = S10 / m + S01 / n`` of DeLong et al. (1988): S10 is the sample covariance of the models'
    placements over the m positives, S01 over the n negatives.
    """
    aucs, components, positive, numbers = model_components(y_true, rows_of_models(scores), groups)
    return aucs, row_covariance(components, positive, numbers)


def model_components(
    y_true: npt.ArrayLike, models: Iterable[npt.ArrayLike], groups: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray, BoolArray, IntArray | None]:
    """What every comparison of M models on the same rows starts from.

    Parameters and errors are those of `auc_covariance`.

    Returns
    -------
    aucs : ndarray of float64, shape (M,)
    components : ndarray of float64, shape (M, N)
        What each row adds to each AUC.
    positive : ndarray of bool, shape (N,)
    numbers : ndarray of int64, shape (N,), or None
        Group numbers.
    """
    positive = binary_labels(y_true)
    numbers = group_numbers(groups, positive)
    rows = [finite_scores(scores, len(positive)) for scores in models]
    return *binary_components(positive, rows), positive, numbers


def rows_of_models(scores: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """Scores of M models, shape (M, N), shown to be of one at least."""
    matrix = np.asarray(scores)
    if matrix.ndim != 2 or len(matrix) == 0:
        raise ValueError(f"scores must have shape (models, rows), not {matrix.shape}")
    return matrix


def auc_ci(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    level: float = 0.95,
    *,
    groups: npt.ArrayLike | None = None,
    transform: Transform = "none",
) -> AucResult:
    """AUC of one model with a confidence interval.

    Parameters
    ----------
    y_true, groups
        As in `auc_covariance`.
    scores : array_like, shape (N,)
        Higher means class 1.
    level : float, default 0.95
        Confidence.
    transform : {"none", "logit"}
        "none" cuts the interval to [0, 1] as pROC does; "logit" stays inside by itself and holds
        its level better near 1 and with few rows.

    Returns
    -------
    AucResult
        An AUC of 1 has a variance of 0 and an interval of no width, which is too narrow.

    Raises
    ------
    ValueError
        As `auc_covariance`; a level outside (0, 1); an unknown transform.

    Examples
    --------
    >>> found = dnasweep.auc_ci([0, 1, 0, 1, 1], [0.1, 0.8, 0.4, 0.3, 0.9])
    >>> [round(value, 3) for value in (found.auc, found.ci_low, found.ci_high)]
    [0.833, 0.371, 1.0]
    """
    auc, variance, _ = _auc_and_variance(y_true, scores, groups)
    return wald_interval(auc, variance, level, transform)


def delong_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    *,
    groups: npt.ArrayLike | None = None,
) -> DeLongResult:
    """Test whether two models that scored the same rows have the same AUC.

    Parameters
    ----------
    y_true, groups
        As in `auc_covariance`.
    scores_a, scores_b : array_like, shape (N,)
        Higher means class 1. Only their order matters.
    alternative : {"two-sided", "greater", "less"}
        "greater": the AUC of a is greater than that of b.
    level : float, default 0.95
        Confidence of the interval of the difference.

    Returns
    -------
    DeLongResult
        No difference and no variance (equal scores, say) is z = 0 and p = 1 (one-sided 0.5).

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        As `auc_covariance`; a level outside (0, 1); an unknown alternative.

    Notes
    -----
    The contrast (1, -1) of DeLong et al. (1988). The standard error is taken from the rows'
    differences, not from ``var_a + var_b - 2 cov``, which cancels for similar models.

    Examples
    --------
    >>> labels = [0, 1, 0, 1, 1]
    >>> a, b = [0.1, 0.8, 0.4, 0.3, 0.9], [0.2, 0.6, 0.5, 0.7, 0.1]
    >>> round(dnasweep.delong_test(labels, a, b).p, 3)
    0.724
    """
    models = model_components(y_true, [scores_a, scores_b], groups)
    return paired_difference(*models, alternative, level)


def delong_unpaired(
    y_true_a: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    y_true_b: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    *,
    groups_a: npt.ArrayLike | None = None,
    groups_b: npt.ArrayLike | None = None,
) -> UnpairedResult:
    """Test whether two models that scored different rows have the same AUC.

    Parameters
    ----------
    y_true_a, scores_a : array_like, shape (N_a,)
        Labels 0 and 1 and scores of the first model.
    y_true_b, scores_b : array_like, shape (N_b,)
        The same of the second, on rows independent of the first's.
    alternative, level
        As in `delong_test`.
    groups_a, groups_b : array_like, shape (N_a,) and (N_b,), optional
        As in `auc_covariance`; no group may have rows in both.

    Returns
    -------
    UnpairedResult
        No difference and no variance is t = 0 and p = 1 (one-sided 0.5), with the fewest degrees of
        freedom that the sizes allow.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        As `delong_test`.

    Notes
    -----
    Student's t with Welch-Satterthwaite degrees of freedom over the row counts, as pROC (Robin et
    al., BMC Bioinformatics 12:77, 2011) has it; over the group counts where rows come in groups.
    """
    auc_a, var_a, n_a = _auc_and_variance(y_true_a, scores_a, groups_a)
    auc_b, var_b, n_b = _auc_and_variance(y_true_b, scores_b, groups_b)
    if groups_a is not None and groups_b is not None:
        shared = np.intersect1d(np.asarray(groups_a).astype(str), np.asarray(groups_b).astype(str))
        if len(shared):
            raise ValueError(f"group '{shared[0]}' has rows in both sets: they are not independent")
    return welch_difference((auc_a, auc_b), (var_a, var_b), (n_a, n_b), alternative, level)


def _auc_and_variance(
    y_true: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike | None
) -> tuple[float, float, int]:
    """AUC, its variance, and how many independent rows or groups it comes from."""
    aucs, components, positive, numbers = model_components(y_true, [scores], groups)
    variance = float(row_covariance(components, positive, numbers)[0, 0])
    n_units = len(positive) if numbers is None else int(numbers.max()) + 1
    return float(aucs[0]), variance, n_units
