"""One pair of methods, each fitted with several seeds: is one better, or are they equivalent?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.metrics import METRICS, kind_of
from engine.stats.equivalence import tost
from engine.stats.method_level import MethodResult, method_auc_test, method_metric_test

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64 | np.float64]

RESAMPLES = 1000


class MethodTest(NamedTuple):
    """What a comparison of two methods gives.

    Attributes
    ----------
    result : MethodResult or None
        None where there is no test.
    note : str
        Why there is none, or which side gives the same model with every seed.
    """

    result: MethodResult | None
    note: str


def method_test(
    metric: str,
    labels: Labels,
    fits_a: Sequence[FloatArray],
    fits_b: Sequence[FloatArray],
    groups: Sequence[str] | None = None,
    level: float = 0.95,
) -> MethodTest:
    """Compare the expected scores of two methods over seeds and test rows.

    Parameters
    ----------
    metric : str
        AUROC of classes is tested with DeLong's variance, all else with a bootstrap of the rows.
    labels : ndarray
        Of the test split, shaped by the kind of the task.
    fits_a, fits_b : sequence of ndarray, shape (N, K)
        Scores of each method, one per seed.
    groups : sequence of str, length N, optional
        Rows of one group are not independent.
    level : float
        Confidence of the interval.

    Returns
    -------
    MethodTest
    """
    if min(len(fits_a), len(fits_b)) < 2:
        return MethodTest(None, "one seed a side: no claim about methods")
    a, b = np.stack(fits_a), np.stack(fits_b)
    by_class = kind_of(labels, a[0]) == "classification"
    try:
        if metric == "auroc" and by_class:
            if a.shape[2] == 2:
                a, b = a[:, :, 1], b[:, :, 1]
            result = method_auc_test(labels, a, b, level=level, groups=groups)
        else:
            function = METRICS[metric].function
            result = method_metric_test(
                labels, a, b, function, RESAMPLES, level=level, by_class=by_class, groups=groups
            )
    except ValueError as error:
        return MethodTest(None, str(error))
    same = [side for side, fits in (("a", a), ("b", b)) if (fits == fits[0]).all()]
    return MethodTest(result, f"same model with every seed: {' and '.join(same)}" if same else "")


def equivalence(
    delta: float, se: float, margin: float, df: float = float("inf")
) -> dict[str, object]:
    """Two one-sided tests against a margin, as columns of the table of comparisons.

    Parameters
    ----------
    delta, se : float
        A difference and its standard error; NaN where there is no test.
    margin : float
    df : float

    Returns
    -------
    dict
        ``margin, equivalence_p``, not yet adjusted.
    """
    if not (math.isfinite(delta) and math.isfinite(se)):
        return {"margin": margin, "equivalence_p": math.nan}
    return {"margin": margin, "equivalence_p": tost(delta, se, margin, df).p}
