"""Tail probabilities of a statistic, and their logarithm where they underflow."""

import math

from scipy import integrate, stats

from engine.stats.checks import Alternative

_LN10 = math.log(10)
_SMALLEST_EXACT = 1e-290  # below, a tail probability loses digits and then vanishes


def normal_p(z: float, alternative: Alternative) -> tuple[float, float]:
    """Probability under N(0, 1) of a statistic at least as extreme.

    Parameters
    ----------
    z : float
        The statistic.
    alternative : {"two-sided", "greater", "less"}
        "greater" is the upper tail.

    Returns
    -------
    p, log10_p : float
        ``log10_p`` stays finite where ``p`` is 0.
    """
    tail, sides = _tail(z, alternative)
    p = sides * float(stats.norm.sf(tail))
    return p, (math.log(sides) + float(stats.norm.logsf(tail))) / _LN10


def student_p(t: float, df: float, alternative: Alternative) -> tuple[float, float]:
    """The same under Student's t; `df` need not be whole, and is infinite for `normal_p`."""
    if math.isinf(df):
        return normal_p(t, alternative)
    tail, sides = _tail(t, alternative)
    p = sides * float(stats.t.sf(tail, df))
    log_p = math.log(p) if p > _SMALLEST_EXACT else math.log(sides) + _log_student_sf(tail, df)
    return p, log_p / _LN10


def chi2_p(chi2: float, df: int) -> tuple[float, float]:
    """The same under chi-square, of a statistic at least as large.

    With 0 degrees of freedom there is nothing to test, and p is 1.
    """
    if df == 0:
        return 1.0, 0.0
    p = float(stats.chi2.sf(chi2, df))
    log_p = math.log(p) if p > _SMALLEST_EXACT else _log_chi2_sf(chi2, df)
    return p, log_p / _LN10


def _tail(statistic: float, alternative: Alternative) -> tuple[float, int]:
    """Where the upper tail begins, and how many such tails there are."""
    if alternative == "two-sided":
        return abs(statistic), 2
    return (statistic if alternative == "greater" else -statistic), 1


def _log_chi2_sf(chi2: float, df: int) -> float:
    """Log of the far upper tail, in the same way as Student's: the density falls like exp(-v)."""
    power = df / 2 - 1
    hazard = 0.5 - power / chi2

    def decay(v: float) -> float:
        u = v / hazard
        return math.exp(power * math.log1p(u / chi2) - u / 2)

    area, _ = integrate.quad(decay, 0, math.inf)
    return float(stats.chi2.logpdf(chi2, df)) + math.log(area / hazard)


def _log_student_sf(t: float, df: float) -> float:
    """Log of the far upper tail: log density at ``t`` plus log of the area under its decay.

    With the hazard ``h`` at ``t``, density(t + v / h) / density(t) falls like exp(-v), so that
    the integral is of order one whatever the scale of the tail.
    """
    hazard = (df + 1) * t / (df + t * t)

    def decay(v: float) -> float:
        u = v / hazard
        return math.exp(-(df + 1) / 2 * math.log1p(u * (2 * t + u) / (df + t * t)))

    area, _ = integrate.quad(decay, 0, math.inf)
    return float(stats.t.logpdf(t, df)) + math.log(area / hazard)
