"""A metric on the rows as they are, and on resamples of them that all models share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, IntArray
from engine.stats.clustered import group_numbers, units_of_evidence
from engine.stats.pairs import MetricFunction, check_finite, check_resamples, checked_models

MOST_WEIGHTS = 2**22  # numbers in one matrix: 32 MB


@dataclass(frozen=True)
class Draws:
    """A metric of several models, on the rows as they are and on resamples that all of them share.

    Attributes
    ----------
    values : ndarray of float64, shape (M,)
    drawn : ndarray of float64, shape (M, B)
    n_units : int
        Rows of the rarest class, or groups that hold it.
    """

    values: FloatArray
    drawn: FloatArray
    n_units: int
    n_rows: int

    def of(self, model: int) -> tuple[float, FloatArray]:
        """Value and bootstrap values of one model.

        Raises
        ------
        ValueError
            One of them is not finite.
        """
        value, drawn = float(self.values[model]), self.drawn[model]
        for number in (value, *drawn[~np.isfinite(drawn)].tolist()):
            check_finite(number, self.n_rows)
        return value, drawn


def draw(
    y_true: npt.ArrayLike,
    scores: Sequence[npt.ArrayLike],
    metric: MetricFunction,
    n_resamples: int = 2000,
    seed: int = 0,
    by_class: bool = True,
    *,
    groups: npt.ArrayLike | None = None,
    over: Callable[[Any, FloatArray], Callable[[FloatArray], FloatArray]] | None = None,
) -> Draws:
    """Evaluate a metric of several models on the same resamples of the rows.

    Parameters
    ----------
    y_true, metric, n_resamples, seed, by_class, groups
        As in `paired_bootstrap`.
    scores : sequence of array_like, shape (N,) or (N, K)
        Of each model.
    over : callable, optional
        ``over(y, scores)`` gives a function of how often each row was drawn, (N, B) -> (B,): the
        metric on many resamples at once.

    Returns
    -------
    Draws

    Raises
    ------
    ValueError
        As `paired_bootstrap`, save for values that are not finite: those are told by `Draws.of`.
    """
    check_resamples(n_resamples)
    labels, models = checked_models(y_true, scores, by_class)
    # One stratum for all rows where classes do not matter.
    strata = labels.astype(np.int64) if by_class else np.zeros(len(labels), dtype=np.int64)
    rows = resamples(strata, groups, n_resamples, seed)
    if over is None:
        drawn = np.array([[metric(labels[r], model[r]) for model in models] for r in rows]).T
    else:
        overs = [over(labels, model) for model in models]
        parts = [[of(weights) for of in overs] for weights in _weights(rows, len(labels))]
        drawn = np.concatenate(parts, axis=1)
    return Draws(
        values=np.array([metric(labels, model) for model in models], dtype=np.float64),
        drawn=drawn.astype(np.float64),
        n_units=units_of_evidence(strata, group_numbers(groups, strata)),
        n_rows=len(labels),
    )


def resamples(
    strata: IntArray, groups: npt.ArrayLike | None, n_resamples: int, seed: int
) -> Iterator[IntArray]:
    """Rows drawn with replacement, stratum by stratum, or whole groups.

    Parameters
    ----------
    strata : ndarray of int64, shape (N,)
        Each keeps its number of rows, unless groups are drawn.
    groups : array_like, shape (N,), or None
        Drawn whole, as many as there are, so that the number of rows varies. A draw that lacks a
        stratum is drawn again.
    n_resamples, seed : int
        How many; the same seed gives the same rows.

    Yields
    ------
    ndarray of int64
        Row numbers.

    Raises
    ------
    ValueError
        A stratum that fewer than two groups hold; not one group a row.
    """
    rng = np.random.default_rng(seed)
    numbers = group_numbers(groups, strata)
    if numbers is None:
        members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
        for _ in range(n_resamples):
            yield np.concatenate([rng.choice(rows, len(rows)) for rows in members])
        return
    members = [np.flatnonzero(numbers == group) for group in range(int(numbers.max()) + 1)]
    n_strata = len(np.unique(strata))
    for _ in range(n_resamples):
        rows = np.empty(0, dtype=np.int64)
        while len(np.unique(strata[rows])) < n_strata:
            drawn = rng.integers(len(members), size=len(members))
            rows = np.concatenate([members[group] for group in drawn])
        yield rows


def _weights(rows: Iterable[IntArray], n_rows: int) -> Iterator[FloatArray]:
    """How often each row was drawn, (N, B), for as many resamples at a time as fit a matrix."""
    each = max(1, MOST_WEIGHTS // n_rows)
    counts = (np.bincount(drawn, minlength=n_rows) for drawn in rows)
    while some := list(islice(counts, each)):
        yield np.array(some, dtype=np.float64).T.copy()
