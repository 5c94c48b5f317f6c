"""What every metric owes: its range, its best value, and the same over resamples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kinds import Kind, find_kind
from engine.metrics import METRICS, Metric, compute, find_metric
from engine.testing.check import Check, told

Array = npt.NDArray[Any]
DRAWS = 25


def rows_of(
    kind: Kind, n_rows: int, n_columns: int, rng: np.random.Generator, ties: bool
) -> tuple[Array, Array]:
    """Labels and scores of a kind of task."""
    scores = rng.random((n_rows, n_columns))
    if ties:
        scores = np.round(scores * 3) + 1
    if kind.numeric:
        return rng.integers(0, 4, n_rows) + rng.random() * (not ties), scores[:, :1]
    if kind.independent:
        y = rng.integers(0, 2, (n_rows, n_columns))
        y[:2] = [[0], [1]]
        return y, scores / scores.max()
    y = rng.integers(0, n_columns, n_rows)
    y[:n_columns] = range(n_columns)
    return y, scores / scores.sum(axis=1, keepdims=True)


def drawn(kind: Kind, seed: int) -> tuple[Array, Array, np.random.Generator]:
    """A small case by its number; labels and scores, and what goes on drawing."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(5, 31)), int(rng.integers(2, 6))
    y, scores = rows_of(kind, n_rows, n_columns, rng, ties=bool(seed % 2))
    return y, scores, rng


def over_resamples_is_the_function_on_their_rows(
    name: str, kind: Kind, y: Array, scores: Array, rng: np.random.Generator, first: int = 2
) -> None:
    """The metric of many resamples at once is that of each of them.

    Parameters
    ----------
    name : str
    kind : Kind
    y, scores : ndarray
    rng : Generator
        Draws the rows.
    first : int
        Rows from the top that are in every resample, as many as `scores` has columns or more.
    """
    metric, n_rows = METRICS[name], len(y)
    over = metric.over(kind)
    assert over is not None
    draws = [rng.integers(0, n_rows, size=n_rows + k) for k in range(4)]
    # Every class, value and label is drawn, lest a metric be undefined; and some rows are not.
    draws = [np.concatenate([np.arange(first), rows]) for rows in draws]
    weights = np.array([np.bincount(rows, minlength=n_rows) for rows in draws], dtype=float).T
    with np.errstate(all="raise"):
        found = over(y, scores)(weights)
    expected = [metric.function(kind)(y[rows], scores[rows]) for rows in draws]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def resamples_agree(metric: Metric, kind: Kind) -> None:
    """`over_resamples_is_the_function_on_their_rows`, of many cases."""
    for seed in range(DRAWS):
        y, scores, rng = drawn(kind, seed)
        first = max(scores.shape[1], 2)
        over_resamples_is_the_function_on_their_rows(metric.name, kind, y, scores, rng, first)


def values_lie_in_the_stated_range(metric: Metric, kind: Kind) -> None:
    """And are finite numbers, or an end of it."""
    low, high = metric.range
    for seed in range(DRAWS):
        y, scores, _ = drawn(kind, seed)
        value = compute(metric.name, y, scores, kind)
        assert isinstance(value, float)
        assert low - 1e-12 <= value <= high + 1e-12


def perfect_predictions_have_the_best_value(metric: Metric, kind: Kind) -> None:
    """The end of the range that is better."""
    y: Array
    if kind.numeric:
        y = np.arange(6.0)
        scores = y[:, None]
    elif kind.independent:
        y = np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
        scores = y.astype(float)
    else:
        y = np.array([0, 1, 2, 2, 1, 0])
        scores = np.eye(3)[y]
    best = metric.range[1] if metric.greater_is_better else metric.range[0]
    assert abs(compute(metric.name, y, scores, kind) - best) < 1e-12


def the_order_of_rows_does_not_matter(metric: Metric, kind: Kind) -> None:
    """But for rounding."""
    y, scores, rng = drawn(kind, 0)
    rows = rng.permutation(len(y))
    value = compute(metric.name, y[rows], scores[rows], kind)
    np.testing.assert_allclose(value, compute(metric.name, y, scores, kind), atol=1e-12)


def only_what_it_needs_is_read(metric: Metric, kind: Kind) -> None:
    """A metric of labels does not change with scores that keep each row's highest class."""
    if not kind.exclusive or metric.needs != "labels":
        return
    y, scores, _ = drawn(kind, 0)
    sharper = scores**3 / (scores**3).sum(axis=1, keepdims=True)
    assert compute(metric.name, y, sharper, kind) == compute(metric.name, y, scores, kind)


CLAIMS = (
    values_lie_in_the_stated_range,
    perfect_predictions_have_the_best_value,
    the_order_of_rows_does_not_matter,
    only_what_it_needs_is_read,
)


def checks(name: str) -> list[Check]:
    """The contract of one registered metric.

    Returns
    -------
    list of Check
    """
    metric = find_metric(name)
    found = []
    for kind in map(find_kind, metric.kinds):
        claims = (*CLAIMS, resamples_agree) if metric.over(kind) else CLAIMS
        found += [told(f"{name}, {kind.name}", claim, metric, kind) for claim in claims]
    return found
