"""Is a probability of 0.8 right in 8 cases of 10?

Everything here is over bins of the predicted probability, and depends on them: say how many there
were and of which kind. "width" makes bins of equal width on [0, 1], "mass" bins of equally many
rows. A bin holds its upper edge; equal probabilities share a bin; empty bins are left out.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.stats.checks import (
    BoolArray,
    FloatArray,
    IntArray,
    binary_labels,
    check_level,
    finite_scores,
    whole_numbers,
)

Strategy = Literal["width", "mass"]


class BrierResult(NamedTuple):
    """The Brier score and what it is made of.

    Attributes
    ----------
    brier : float
        Mean squared distance of probability and outcome:
        ``reliability - resolution + uncertainty + within``.
    reliability : float
        How far the bins' probabilities lie from what happens in them; 0 is calibrated.
    resolution : float
        How far what happens in the bins lies from what happens on average; more is better.
    uncertainty : float
        Variance of the outcome, which no model changes.
    within : float
        What the bins hide; 0 where each holds one probability.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


class CalibrationError(NamedTuple):
    """Expected and maximum calibration error.

    Attributes
    ----------
    ece, mce : float
        Mean (by rows) and largest distance of probability and frequency over the bins.
    n_bins : int
        Bins asked for.
    strategy : str
        "width" or "mass".
    """

    ece: float
    mce: float
    n_bins: int
    strategy: str


class ReliabilityCurve(NamedTuple):
    """One point per filled bin.

    Attributes
    ----------
    low, high : ndarray of float64, shape (B,)
        Edges of the bins.
    rows : ndarray of int64, shape (B,)
        How many rows each holds.
    predicted, observed : ndarray of float64, shape (B,)
        Mean probability, and share of rows of class 1.
    ci_low, ci_high : ndarray of float64, shape (B,)
        Wilson interval of ``observed``.
    """

    low: FloatArray
    high: FloatArray
    rows: IntArray
    predicted: FloatArray
    observed: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray


def brier_decomposition(
    y_true: npt.ArrayLike,
    probability: npt.ArrayLike,
    n_bins: int = 10,
    strategy: Strategy = "width",
) -> BrierResult:
    """Brier score with its reliability, resolution and uncertainty.

    Parameters
    ----------
    y_true : array_like, shape (N,)
        0 and 1; one class alone will do.
    probability : array_like, shape (N,)
        Of class 1, in [0, 1].
    n_bins : int, default 10
        At least 1.
    strategy : {"width", "mass"}
        Kind of bins.

    Returns
    -------
    BrierResult

    Raises
    ------
    ValueError
        Labels other than 0 and 1, no rows, probabilities outside [0, 1] or not as many as labels,
        no bins, or an unknown strategy.

    Notes
    -----
    Murphy, Journal of Applied Meteorology 12:595, 1973; the term ``within`` (variance within the
    bins less twice the covariance) makes the sum exact: Stephenson, Coelho and Jolliffe, Weather
    and Forecasting 23:752, 2008.
    """
    positive, values = _checked(y_true, probability)
    base_rate = positive.mean()
    reliability = resolution = within = 0.0
    for _, _, members in _bins(values, n_bins, strategy):
        p, y = values[members], positive[members]
        reliability += len(p) * (p.mean() - y.mean()) ** 2
        resolution += len(p) * (y.mean() - base_rate) ** 2
        within += ((p - p.mean()) * (p - p.mean() - 2 * (y - y.mean()))).sum()
    n_rows = len(values)
    return BrierResult(
        brier=float(((values - positive) ** 2).mean()),
        reliability=float(reliability / n_rows),
        resolution=float(resolution / n_rows),
        uncertainty=float(base_rate * (1 - base_rate)),
        within=float(within / n_rows),
    )


def calibration_error(
    y_true: npt.ArrayLike,
    probability: npt.ArrayLike,
    n_bins: int = 15,
    strategy: Strategy = "width",
) -> CalibrationError:
    """Expected and maximum calibration error (ECE, MCE).

    Parameters and errors are those of `brier_decomposition`. For K classes see `top_label`.

    Notes
    -----
    Naeini, Cooper and Hauskrecht, AAAI 2015; 15 bins of equal width as Guo et al., ICML 2017. With
    few rows a bin, chance alone makes it large.
    """
    curve = reliability_curve(y_true, probability, n_bins, strategy)
    distance = np.abs(curve.predicted - curve.observed)
    ece = float((curve.rows * distance).sum() / curve.rows.sum())
    return CalibrationError(ece, float(distance.max()), n_bins, strategy)


def reliability_curve(
    y_true: npt.ArrayLike,
    probability: npt.ArrayLike,
    n_bins: int = 10,
    strategy: Strategy = "width",
    level: float = 0.95,
) -> ReliabilityCurve:
    """Predicted probability against observed frequency, bin by bin.

    Parameters and errors are those of `brier_decomposition`; ``level`` is the confidence of the
    intervals (Wilson, JASA 22:209, 1927).
    """
    check_level(level)
    positive, values = _checked(y_true, probability)
    low, high, members = zip(*_bins(values, n_bins, strategy), strict=True)
    count = np.array([len(rows) for rows in members], dtype=np.int64)
    observed = np.array([positive[rows].mean() for rows in members])
    z2 = float(stats.norm.isf((1 - level) / 2)) ** 2
    center = (observed + z2 / (2 * count)) / (1 + z2 / count)
    half_width = np.sqrt(z2 * (observed * (1 - observed) + z2 / (4 * count)) / count)
    half_width /= 1 + z2 / count
    return ReliabilityCurve(
        low=np.array(low),
        high=np.array(high),
        rows=count,
        predicted=np.array([values[rows].mean() for rows in members]),
        observed=observed,
        ci_low=np.maximum(0.0, center - half_width),
        ci_high=np.minimum(1.0, center + half_width),
    )


def top_label(y_true: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Turn K classes into two: was the most probable class the right one, and how sure was it?

    Parameters
    ----------
    y_true : array_like, shape (N,)
        Class numbers 0 ... K-1.
    scores : array_like, shape (N, K)
        Probabilities.

    Returns
    -------
    correct : ndarray of int64, shape (N,)
        0 and 1: labels for the functions of this file.
    confidence : ndarray of float64, shape (N,)
        Their probability. Guo et al. (2017) calibrate these.

    Raises
    ------
    ValueError
        Labels that are no class numbers; scores that are not finite or not (N, K).
    """
    labels = whole_numbers(y_true)
    matrix = finite_scores(scores, len(labels), ndim=2)
    return (matrix.argmax(axis=1) == labels).astype(np.int64), matrix.max(axis=1)


def _checked(y_true: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[BoolArray, FloatArray]:
    positive = binary_labels(y_true, at_least=0)
    values = finite_scores(probability, len(positive))
    outside = (values < 0) | (values > 1)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(f"probabilities must lie in [0, 1], but row {row} is {values[row]}")
    return positive, values


def _bins(
    values: FloatArray, n_bins: int, strategy: Strategy
) -> Iterator[tuple[float, float, IntArray]]:
    """Lower edge, upper edge and rows of each bin that has rows."""
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, but is {n_bins}")
    if strategy not in ("width", "mass"):
        raise ValueError(f"strategy must be 'width' or 'mass', but is '{strategy}'")
    shares = np.linspace(0, 1, n_bins + 1)
    edges = shares if strategy == "width" else np.quantile(values, shares)
    of_row = np.searchsorted(edges[1:-1], values, side="left")
    for number in np.unique(of_row):
        rows = np.flatnonzero(of_row == number)
        yield float(edges[number]), float(edges[number + 1]), rows
