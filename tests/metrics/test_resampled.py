"""A metric of many resamples at once is the metric of each of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.metrics import METRICS

CASES = [(name, kind) for name, metric in METRICS.items() for kind in metric.kinds]


def rows_of(kind, n_rows, n_columns, rng, ties):
    """Labels and scores of a kind of task."""
    scores = rng.random((n_rows, n_columns))
    if ties:
        scores = np.round(scores * 3) + 1
    if kind == "regression":
        return rng.integers(0, 4, n_rows) + rng.random() * (not ties), scores[:, :1]
    if kind == "multilabel":
        y = rng.integers(0, 2, (n_rows, n_columns))
        y[:2] = [[0], [1]]
        return y, scores / scores.max()
    y = rng.integers(0, n_columns, n_rows)
    y[:n_columns] = range(n_columns)
    return y, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("name", "kind"), CASES)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(5, 30),
    n_columns=st.integers(2, 5),
    ties=st.booleans(),
)
def test_over_resamples_is_the_function_on_their_rows(name, kind, seed, n_rows, n_columns, ties):
    rng = np.random.default_rng(seed)
    y, scores = rows_of(kind, n_rows, n_columns, rng, ties)
    draws = [rng.integers(0, n_rows, size=n_rows + k) for k in range(4)]
    # Every class, value and label is drawn, lest a metric be undefined; and some rows are not.
    draws = [np.concatenate([np.arange(n_columns), rows]) for rows in draws]
    weights = np.array([np.bincount(rows, minlength=n_rows) for rows in draws], dtype=float).T
    over = METRICS[name].overs[kind](y, scores)
    with np.errstate(all="raise"):
        found = over(weights)
    expected = [METRICS[name].functions[kind](y[rows], scores[rows]) for rows in draws]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_a_resample_without_a_class_has_the_mean_of_the_others():
    y = np.array([0, 1, 2, 0, 1])
    scores = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    rows = np.array([0, 1, 3, 4, 4])
    for name in ("auprc", "f1", "balanced_accuracy"):
        over = METRICS[name].overs["classification"](y, scores)
        assert over(np.bincount(rows, minlength=5)[:, None].astype(float)) == pytest.approx(
            METRICS[name].functions["classification"](y[rows], scores[rows])
        )


def test_constant_rows_have_no_correlation_and_no_share_of_variance():
    y, scores = np.array([1.0, 2.0, 2.0]), np.array([[3.0], [1.0], [2.0]])
    weights = np.array([[0.0], [1.0], [2.0]])
    assert METRICS["pearson"].overs["regression"](y, scores)(weights) == [0]
    assert METRICS["spearman"].overs["regression"](y, scores)(weights) == [0]
    assert METRICS["r2"].overs["regression"](y, scores)(weights) == [-np.inf]
