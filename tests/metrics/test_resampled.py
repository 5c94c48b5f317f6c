"""A metric of many resamples at once is the metric of each of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.kinds import find_kind
from engine.metrics import METRICS
from engine.testing.metrics import over_resamples_is_the_function_on_their_rows, rows_of

CASES = [(name, kind) for name, metric in METRICS.items() for kind in map(find_kind, metric.kinds)]


@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda one: getattr(one, "name", one))
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
    over_resamples_is_the_function_on_their_rows(name, kind, y, scores, rng, n_columns)


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
