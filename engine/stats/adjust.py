"""Correction of p-values for how many comparisons were made, and which comparisons those are."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.stats.checks import BoolArray, FloatArray

Method = Literal["holm", "bh", "by", "none"]


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
    adjusted, tested = _family(p_values, method)
    family = adjusted[tested]
    if ((family < 0) | (family > 1)).any():
        raise ValueError("p-values must lie in [0, 1]")
    if method != "none":
        order = np.argsort(family)
        steps = family[order] * _factors(len(family), method)
        family[order] = np.minimum(_monotone(steps, method), 1.0)
        adjusted[tested] = family
    return adjusted


def adjust_log10(log10_p: npt.ArrayLike, method: Method = "holm") -> FloatArray:
    """Adjust p-values that are given, and come back, as decimal logarithms.

    p-values below 1e-308 are 0 as numbers and tie; their logarithms keep the order.

    Parameters
    ----------
    log10_p : array_like, shape (M,)
        At most 0, or NaN where there was no test.
    method : {"holm", "bh", "by", "none"}
        As in `adjust`.

    Returns
    -------
    ndarray of float64, shape (M,)
        Decimal logarithms of the adjusted p-values: those of `adjust`, where those are not 0.

    Raises
    ------
    ValueError
        An unknown method, or a value above 0.
    """
    adjusted, tested = _family(log10_p, method)
    family = adjusted[tested]
    if (family > 0).any():
        raise ValueError("log10 p-values must not be above 0")
    if method != "none":
        order = np.argsort(family)
        steps = family[order] + np.log10(_factors(len(family), method))
        family[order] = np.minimum(_monotone(steps, method), 0.0)
        adjusted[tested] = family
    return adjusted


def adjust_within(
    values: npt.ArrayLike,
    families: Sequence[object],
    method: Method = "holm",
    adjust_one: Callable[[FloatArray, Method], FloatArray] = adjust,
) -> FloatArray:
    """Adjust the p-values of several families, each on its own.

    Parameters
    ----------
    values : array_like, shape (M,)
        As in `adjust_one`.
    families : sequence, length M
        The family of each test: its task, say. Equal values are one family.
    method : {"holm", "bh", "by", "none"}
        As in `adjust`.
    adjust_one : {`adjust`, `adjust_log10`}

    Raises
    ------
    ValueError
        As `adjust_one`; not one family per test.
    """
    adjusted, _ = _family(values, method)
    if len(families) != len(adjusted):
        raise ValueError(f"{len(families)} families for {len(adjusted)} p-values")
    for family in dict.fromkeys(families):
        members = np.array([name == family for name in families])
        adjusted[members] = adjust_one(adjusted[members], method)
    return adjusted


def headline_pairs(values: npt.ArrayLike) -> list[tuple[int, int]]:
    """The family "best against every other", M - 1 comparisons instead of M (M - 1) / 2.

    Parameters
    ----------
    values : array_like, shape (M,)
        Higher is better. They must not come from the rows that are tested, validation scores, say:
        the best by test score is the luckiest too, and its comparisons claim too much.

    Returns
    -------
    list of (int, int)
        The best (the first of equals) and each other, in their order.

    Raises
    ------
    ValueError
        Values that are not finite or not of one dimension.
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise ValueError("the best of a family needs one finite value per member")
    if len(scores) == 0:
        return []
    best = int(np.argmax(scores))
    return [(best, other) for other in range(len(scores)) if other != best]


def _family(values: npt.ArrayLike, method: str) -> tuple[FloatArray, BoolArray]:
    """A copy of the values of a family, and which of them are tests."""
    if method not in ("holm", "bh", "by", "none"):
        raise ValueError(f"method must be 'holm', 'bh', 'by' or 'none', but is '{method}'")
    family = np.array(values, dtype=np.float64)
    if family.ndim != 1:
        raise ValueError(f"p-values must have one dimension, not shape {family.shape}")
    return family, ~np.isnan(family)


def _factors(n: int, method: Method) -> FloatArray:
    """What the p-values, from the smallest to the largest, are multiplied by."""
    rank = np.arange(1, n + 1, dtype=np.float64)
    if method == "holm":
        return rank[::-1]
    return n / rank * ((1 / rank).sum() if method == "by" else 1.0)


def _monotone(steps: FloatArray, method: Method) -> FloatArray:
    """Step down: no smaller than any before; step up: no larger than any after."""
    if method == "holm":
        return np.maximum.accumulate(steps)
    return np.minimum.accumulate(steps[::-1])[::-1]
