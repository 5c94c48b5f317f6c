"""One pair of methods, each fitted with several seeds: is one better, or are they equivalent?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.compare.fits import Evidence, FloatArray
from engine.stats.checks import Alternative
from engine.stats.equivalence import tost
from engine.stats.method_level import MethodResult, method_auc_test, method_of


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
    evidence: Evidence,
    fits_a: Sequence[FloatArray],
    fits_b: Sequence[FloatArray],
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> MethodTest:
    """Compare the expected scores of two methods over seeds and test rows.

    Parameters
    ----------
    evidence : Evidence
        AUROC of classes is tested with DeLong's variance, all else with a bootstrap of the rows.
    fits_a, fits_b : sequence of ndarray, shape (N, K)
        Scores of each method, one per seed.
    level : float
        Confidence of the interval.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    MethodTest
    """
    if min(len(fits_a), len(fits_b)) < 2:
        return MethodTest(None, "one seed a side: no claim about methods")
    a, b = np.stack(fits_a), np.stack(fits_b)
    try:
        if evidence.by_area:
            areas = (a[:, :, 1], b[:, :, 1]) if a.shape[2] == 2 else (a, b)
            result = method_auc_test(
                evidence.labels, *areas, alternative, level, groups=evidence.groups
            )
        else:
            draws, places = evidence.drawn([*fits_a, *fits_b])
            sides = places[: len(fits_a)], places[len(fits_a) :]
            result = method_of(draws, *sides, alternative, level)
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
