"""Correction of p-values for how many comparisons were made."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from statsmodels.stats.multitest import multipletests

from engine.stats.checks import FloatArray

Method = Literal["holm", "bh", "by", "none"]

_STATSMODELS = {"holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}


def adjust(p_values: npt.ArrayLike, method: Method = "holm") -> FloatArray:
    """Adjust the p-values of one family of tests.

    Parameters
    ----------
    p_values : array_like, shape (M,)
        In [0, 1], or NaN where there was no test.
    method : {"holm", "bh", "by", "none"}
        "holm" keeps the chance of any false claim below the level (Holm, Scandinavian Journal of
        Statistics 6:65, 1979); "bh" the expected share of false claims among the claims, for
        independent or positively dependent tests (Benjamini and Hochberg, JRSS B 57:289, 1995);
        "by" the same under any dependence (Benjamini and Yekutieli, Annals of Statistics 29:1165,
        2001); "none" leaves them as they are.

    Returns
    -------
    ndarray of float64, shape (M,)
        Compare with the level itself. NaN stays NaN and is not counted; an empty family is empty.

    Raises
    ------
    ValueError
        An unknown method, or a value outside [0, 1].
    """
    if method != "none" and method not in _STATSMODELS:
        raise ValueError(f"method must be 'holm', 'bh', 'by' or 'none', but is '{method}'")
    adjusted = np.array(p_values, dtype=np.float64)
    if adjusted.ndim != 1:
        raise ValueError(f"p-values must have one dimension, not shape {adjusted.shape}")
    tested = ~np.isnan(adjusted)
    family = adjusted[tested]
    if ((family < 0) | (family > 1)).any():
        raise ValueError("p-values must lie in [0, 1]")
    if method != "none" and len(family):
        adjusted[tested] = multipletests(family, method=_STATSMODELS[method])[1]
    return adjusted
