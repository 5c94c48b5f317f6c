"""Many models on the same rows: a weighted difference of their AUCs, and whether all are equal.

Both follow from the covariance matrix of the AUCs (DeLong, DeLong and Clarke-Pearson, Biometrics
44:837, 1988, equation 5). As in the paired test, variances are taken from the rows' differences and
not from the matrix, where those of similar models cancel.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stats.checks import Alternative, FloatArray
from engine.stats.components import degrees_of_freedom, row_covariance
from engine.stats.delong import model_components, rows_of_models
from engine.stats.inference import ROUNDING, Difference, ZeroVarianceError, difference
from engine.stats.tails import chi2_p

# Variances of directions below this share of the largest are rounding.
_RANK_TOLERANCE = 1e-11


class OmnibusResult(NamedTuple):
    """A test of whether M models have one AUC.

    Attributes
    ----------
    aucs : ndarray of float64, shape (M,)
    chi2 : float
        Wald statistic; 0 where no two models differ.
    df : int
        Rank of the covariance of the differences: M - 1, less where models order the rows alike.
    p, log10_p : float
        p-value and its decimal logarithm, finite where p underflows.
    """

    aucs: FloatArray
    chi2: float
    df: int
    p: float
    log10_p: float


def delong_contrast(
    y_true: npt.ArrayLike,
    scores: npt.ArrayLike,
    contrast: npt.ArrayLike,
    alternative: Alternative = "two-sided",
    level: float = 0.95,
    *,
    groups: npt.ArrayLike | None = None,
    df: float | None = math.inf,
) -> Difference:
    """Test whether a weighted difference of the AUCs of M models is zero.

    Parameters
    ----------
    y_true, scores, groups
        As in `auc_covariance`.
    contrast : array_like, shape (M,)
        Weights that sum to 0: (1, -0.5, -0.5) sets the first model against the mean of two others.
    alternative, level
        As in `delong_test`; "greater": the weighted difference is above 0.
    df : float or None
        Of Student's t; None takes what the rows or groups of each class tell
        (`engine.stats.components.degrees_of_freedom`). The normal distribution by default.

    Returns
    -------
    Difference
        With weights (1, -1) it is `delong_test`.

    Raises
    ------
    ZeroVarianceError
        A difference whose estimated variance is zero.
    ValueError
        As `delong_test`; weights that are not finite, not one a model, all 0 or that do not sum to
        0.
    """
    aucs, components, positive, numbers = model_components(y_true, rows_of_models(scores), groups)
    weights = np.asarray(contrast, dtype=np.float64)
    if weights.shape != aucs.shape:
        raise ValueError(f"contrast must have shape {aucs.shape}, not {weights.shape}")
    scale = np.abs(weights).max()
    if not (np.isfinite(scale) and scale > 0 and abs(weights.sum()) <= 1e-9 * scale):
        raise ValueError(f"contrast must be weights that sum to 0, not {weights.tolist()}")
    component = weights @ components
    se = math.sqrt(row_covariance(component[np.newaxis], positive, numbers)[0, 0])
    if df is None:
        df = degrees_of_freedom(component, positive, numbers)
    return difference(float(weights @ aucs), se, df, alternative, level)


def delong_omnibus(
    y_true: npt.ArrayLike, scores: npt.ArrayLike, *, groups: npt.ArrayLike | None = None
) -> OmnibusResult:
    """Test whether M models that scored the same rows all have the same AUC.

    Parameters are those of `auc_covariance`.

    Raises
    ------
    ZeroVarianceError
        Models differ in a direction whose estimated variance is zero.
    ValueError
        As `auc_covariance`; fewer than two models.

    Notes
    -----
    chi2 = d' S+ d with d the differences from the first model, S their covariance and S+ its
    pseudo-inverse; df is the rank of S. d lies in the range of S, else there is no test, so that
    the result does not depend on which model comes first.
    """
    aucs, components, positive, numbers = model_components(y_true, rows_of_models(scores), groups)
    if len(aucs) < 2:
        raise ValueError("an omnibus test needs at least two models, not 1")
    differences = aucs[1:] - aucs[0]
    covariance = row_covariance(components[1:] - components[0], positive, numbers)
    variances, directions = np.linalg.eigh(covariance)
    along = directions.T @ differences
    smallest = max(_RANK_TOLERANCE * float(variances[-1]), ROUNDING**2)
    seen = variances > smallest
    # A direction that seems to have no variance may hold no more than its rounding.
    if (np.abs(along[~seen]) > 10 * math.sqrt(smallest)).any():
        raise ZeroVarianceError(
            "the AUCs differ in a direction whose estimated variance is zero: no p-value; use "
            "paired_permutation or more test rows"
        )
    chi2, df = float((along[seen] ** 2 / variances[seen]).sum()), int(seen.sum())
    return OmnibusResult(aucs, chi2, df, *chi2_p(chi2, df))
