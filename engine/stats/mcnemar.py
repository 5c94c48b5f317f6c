"""Do two models that answered the same rows differ in accuracy?

Only the rows that one model gets right and the other wrong can tell (McNemar, Psychometrika 12:153,
1947). The p-value is exact, not the chi-square approximation.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from engine.stats.checks import check_level, whole_numbers


class McNemarResult(NamedTuple):
    """A paired comparison of two accuracies.

    Attributes
    ----------
    accuracy_a, accuracy_b, delta : float
        Shares of right answers, and ``accuracy_a - accuracy_b``.
    only_a, only_b : int
        Rows that only the one model gets right.
    ci_low, ci_high : float
        Interval of ``delta``.
    p, log10_p : float
        Two-sided p-value and its decimal logarithm, finite where p underflows.
    """

    accuracy_a: float
    accuracy_b: float
    delta: float
    only_a: int
    only_b: int
    ci_low: float
    ci_high: float
    p: float
    log10_p: float


def mcnemar_test(
    y_true: npt.ArrayLike,
    predicted_a: npt.ArrayLike,
    predicted_b: npt.ArrayLike,
    method: Literal["exact", "midp"] = "exact",
    level: float = 0.95,
) -> McNemarResult:
    """Test whether two models have the same accuracy.

    Parameters
    ----------
    y_true, predicted_a, predicted_b : array_like, shape (N,)
        Class numbers; one class alone has an accuracy too.
    method : {"exact", "midp"}
        "exact" never exceeds its level and is careful with few rows; "midp" counts half of the
        probability of what was seen, is less careful, and hardly ever exceeds its level (Fagerland,
        Lydersen and Laake, BMC Medical Research Methodology 13:91, 2013).
    level : float, default 0.95
        Confidence of the interval.

    Returns
    -------
    McNemarResult
        Models that are never right apart have p = 1.

    Raises
    ------
    ValueError
        Answers that are no class numbers or not as many as the labels, no rows, an unknown method,
        or a level outside (0, 1).

    Notes
    -----
    Under the null hypothesis ``only_a`` of ``only_a + only_b`` rows is binomial with 1/2. The
    interval is the Wald interval after adding half a row to each of the four cells (Agresti and
    Min, Statistics in Medicine 24:729, 2005).
    """
    check_level(level)
    if method not in ("exact", "midp"):
        raise ValueError(f"method must be 'exact' or 'midp', but is '{method}'")
    labels, answers_a, answers_b = map(whole_numbers, (y_true, predicted_a, predicted_b))
    n_rows = len(labels)
    if n_rows == 0 or not n_rows == len(answers_a) == len(answers_b):
        raise ValueError(f"{len(answers_a)} and {len(answers_b)} answers for {n_rows} labels")
    right_a, right_b = answers_a == labels, answers_b == labels
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    log_terms = stats.binom.logpmf(np.arange(min(only_a, only_b) + 1), only_a + only_b, 0.5)
    if method == "midp":
        log_terms[-1] -= math.log(2)
    log_p = min(0.0, math.log(2) + float(special.logsumexp(log_terms)))
    share_a, share_b = (only_a + 0.5) / (n_rows + 2), (only_b + 0.5) / (n_rows + 2)
    center = share_a - share_b
    half_width = float(stats.norm.isf((1 - level) / 2)) * math.sqrt(
        (share_a + share_b - center**2) / (n_rows + 2)
    )
    return McNemarResult(
        accuracy_a=float(right_a.mean()),
        accuracy_b=float(right_b.mean()),
        delta=(only_a - only_b) / n_rows,
        only_a=only_a,
        only_b=only_b,
        ci_low=center - half_width,
        ci_high=center + half_width,
        p=math.exp(log_p),
        log10_p=log_p / math.log(10),
    )
