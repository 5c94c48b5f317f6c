"""Are two models, or two methods, equal for practical purposes?

A large p-value of a difference does not say so; two one-sided tests against a margin do.
"""

import math
from typing import NamedTuple

from scipy import stats

from engine.stats.tails import student_p


class TostResult(NamedTuple):
    """A test of equivalence.

    Attributes
    ----------
    delta, margin : float
        The difference, and what counts as none.
    ci_low, ci_high : float
        Interval of ``delta`` at 1 - 2 ``level``: within the margin where ``equivalent``.
    p, log10_p : float
        The larger of the two one-sided p-values, and its decimal logarithm.
    equivalent : bool
        ``p < level``: the difference is smaller than the margin either way.
    """

    delta: float
    margin: float
    ci_low: float
    ci_high: float
    p: float
    log10_p: float
    equivalent: bool


def tost(
    delta: float, se: float, margin: float = 0.01, df: float = math.inf, level: float = 0.05
) -> TostResult:
    """Test whether a difference is smaller than a margin, either way.

    Parameters
    ----------
    delta, se : float
        A difference and its standard error: of a `DeLongResult`, an `UnpairedResult` or a
        `MethodResult`.
    margin : float, default 0.01
        Declared before looking, in units of ``delta``.
    df : float, default inf
        Degrees of freedom of Student's t, where the result has them; normal without.
    level : float, default 0.05
        Chance of claiming equivalence where there is none.

    Returns
    -------
    TostResult
        Without a standard error p is 1: two perfect models are not shown to be equal.

    Raises
    ------
    ValueError
        Numbers that are not finite, a negative standard error, a margin or df that is not positive,
        or a level outside (0, 0.5).

    Notes
    -----
    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15:657, 1987.
    """
    if not (math.isfinite(delta) and math.isfinite(se) and se >= 0):
        raise ValueError(f"a difference and its standard error must be finite: {delta}, {se}")
    if not (margin > 0 and math.isfinite(margin) and df > 0):
        raise ValueError(f"margin and df must be positive, but are {margin} and {df}")
    if not 0 < level < 0.5:
        raise ValueError(f"level must lie between 0 and 0.5, but is {level}")
    if se == 0:
        return TostResult(delta, margin, delta, delta, 1.0, 0.0, False)
    nearest = (margin - abs(delta)) / se  # of the two one-sided statistics the smaller
    p, log10_p = student_p(nearest, df, "greater")
    half_width = float(stats.t.isf(level, df)) * se
    return TostResult(delta, margin, delta - half_width, delta + half_width, p, log10_p, p < level)
