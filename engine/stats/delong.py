"""AUC with its variance, and tests of the difference of two AUCs, after DeLong.

A small p says that two *fitted* models differ on the population that the test rows were drawn from
one by one. It does not say that one way of training is better: that needs several seeds.

Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44:837, 1988; see `engine.stats.components`.
"""

import numpy as np
import numpy.typing as npt

from engine.stats.checks import Alternative, FloatArray, binary_labels, check_level, finite_scores
from engine.stats.components import binary_components, stratified_covariance
from engine.stats.inference import (
    AucResult,
    DeLongResult,
    UnpairedResult,
    paired_difference,
    unpaired_difference,
    wald_interval,
)


def auc_covariance(y_true: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """AUCs of M models on the same rows, and their covariance matrix.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1.
    scores : array_like, shape (M, N)
        Higher means class 1.

    Returns
    -------
    aucs : ndarray of float64, shape (M,)
    covariance : ndarray of float64, shape (M, M)

    Raises
    ------
    ValueError
        Labels other than 0 and 1, fewer than two of a class, scores that are not finite, or a
        number of scores that is not the number of labels.

    Notes
    -----
    ``S = S10 / m + S01 / n`` of DeLong et al. (1988): S10 is the sample covariance of the models'
    placements over the m positives, S01 over the n negatives.
    """
    positive = binary_labels(y_true)
    matrix = np.asarray(scores)
    if matrix.ndim != 2 or len(matrix) == 0:
        raise ValueError(f"scores must have shape (models, rows), not {matrix.shape}")
    aucs, components = binary_components(
        positive, [finite_scores(row, len(positive)) for row in matrix]
    )
    return aucs, stratified_covariance(components, positive)


def auc_ci(y_true: npt.ArrayLike, scores: npt.ArrayLike, level: float = 0.95) -> AucResult:
    """AUC of one model with a confidence interval.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1.
    scores : array_like, shape (N,)
        Higher means class 1.
    level : float, default 0.95
        Confidence.

    Returns
    -------
    AucResult
        The interval is cut to [0, 1] as pROC's is. An AUC of 1 has a variance of 0 and an interval
        of no width, which is too narrow.

    Raises
    ------
    ValueError
        As `auc_covariance`; or a level outside (0, 1).
    """
    check_level(level)
    auc, variance, _ = _auc_and_variance(y_true, scores)
    return wald_interval(auc, variance, level)


def delong_test(
    y_true: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> DeLongResult:
    """Test whether two models that scored the same rows have the same AUC.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1.
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
    """
    positive = binary_labels(y_true)
    n_rows = len(positive)
    aucs, components = binary_components(
        positive, [finite_scores(scores_a, n_rows), finite_scores(scores_b, n_rows)]
    )
    return paired_difference(aucs, components, positive, alternative, level)


def delong_unpaired(
    y_true_a: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    y_true_b: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
) -> UnpairedResult:
    """Test whether two models that scored different rows have the same AUC.

    Parameters
    ----------
    y_true_a, scores_a : array_like, shape (N_a,)
        Labels 0 and 1 and scores of the first model.
    y_true_b, scores_b : array_like, shape (N_b,)
        The same of the second, on rows independent of the first's.
    alternative : {"two-sided", "greater", "less"}
        "greater": the AUC of a is greater than that of b.
    level : float, default 0.95
        Confidence of the interval of the difference.

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
    al., BMC Bioinformatics 12:77, 2011) has it.
    """
    auc_a, var_a, n_a = _auc_and_variance(y_true_a, scores_a)
    auc_b, var_b, n_b = _auc_and_variance(y_true_b, scores_b)
    return unpaired_difference((auc_a, auc_b), (var_a, var_b), (n_a, n_b), alternative, level)


def _auc_and_variance(y_true: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[float, float, int]:
    positive = binary_labels(y_true)
    aucs, components = binary_components(positive, [finite_scores(scores, len(positive))])
    return float(aucs[0]), float(stratified_covariance(components, positive)[0, 0]), len(positive)
