"""The batched logistic head against scikit-learn, and alone against in company."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from engine.kinds import find_kind
from engine.methods.probes.base import Batch, Request
from engine.methods.probes.logistic_head import LogisticHead, fit_many
from engine.methods.probes.models.logistic import _search

STRENGTHS = (1e-4, 1e-2, 1.0, 100.0)

#: What the solver promises of a probability.
ATOL = 1e-7


def data(rows: int, width: int, classes: int, rng: np.random.Generator):
    """Features of unlike scales and labels that a linear model explains in part."""
    X = rng.normal(size=(rows, width)) * rng.uniform(0.1, 3, size=width) + 1
    logits = X @ rng.normal(size=(width, classes)) / np.sqrt(width)
    return X.astype(np.float32), (logits + 2 * rng.gumbel(size=logits.shape)).argmax(axis=1)


def fitted(X, y, cases, kind: str = "classification") -> list[LogisticHead]:
    """Heads of (C, weights) cases, together."""
    requests = tuple(Request({"C": C}, find_kind(kind), y, np.arange(len(y)), 0) for C, _ in cases)
    designs = tuple(X for _ in cases)
    return list(fit_many(Batch(requests, designs, y, tuple(weights for _, weights in cases))))


def ill_conditioned(rng: np.random.Generator):
    """Dependent features on scales from 0.01 to 100; a plane separates the classes."""
    X = rng.normal(size=(240, 64)) @ rng.normal(size=(64, 64)) * np.logspace(-2, 2, 64) + 10
    return X.astype(np.float32), (X[:, 20] + X[:, 10] > 20).astype(np.int64)


def expected(X, y, C, weights=None):
    """Of a solver that forms the Hessian, whatever its condition."""
    model = LogisticRegression(C=C, max_iter=1000, tol=1e-10, solver="newton-cholesky")
    return model.fit(X.astype(np.float64), y, weights).predict_proba(X.astype(np.float64))


# More rows than features, more features than rows, and too wide to be rotated.
@pytest.mark.parametrize(
    ("rows", "width", "classes"), [(300, 30, 2), (300, 30, 3), (50, 90, 2), (1100, 1050, 2)]
)
def test_scores_are_those_of_scikit_learn(rows: int, width: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    X, y = data(rows, width, classes, rng)
    strengths = STRENGTHS if width < 1000 else (1e-2,)
    weightings = (None, rng.uniform(0.5, 2, size=rows))
    cases = [(C, weights) for C in strengths for weights in weightings]
    for head, (C, weights) in zip(fitted(X, y, cases), cases, strict=True):
        np.testing.assert_allclose(
            head.predict_proba(X), expected(X, y, C, weights), rtol=0, atol=ATOL, err_msg=f"C {C}"
        )


def test_labels_that_hold_each_on_its_own_are_a_regression_each() -> None:
    rng = np.random.default_rng(1)
    X, first = data(200, 10, 2, rng)
    y = np.stack([first, rng.integers(2, size=200)], axis=1)
    weights = rng.uniform(0.5, 2, size=(200, 2))
    (head,) = fitted(X, y, [(1.0, weights)], "multilabel")
    scores = head.predict_proba(X)
    for label in (0, 1):
        alone = expected(X, y[:, label], 1.0, weights[:, label])[:, 1]
        np.testing.assert_allclose(scores[:, label], alone, rtol=0, atol=ATOL)


def test_alone_or_in_company_the_scores_are_the_same() -> None:
    """64 configurations on two matrices of features."""
    rng = np.random.default_rng(2)
    X, y = data(250, 20, 2, rng)
    designs = (X, np.tanh(X))
    cases = [(C, d) for C in np.logspace(-4, 2, 32) for d in (0, 1)]
    requests = tuple(
        Request({"C": C}, find_kind("classification"), y, np.arange(len(y)), 0) for C, _ in cases
    )
    batch = Batch(requests, tuple(designs[d] for _, d in cases), y, (None,) * len(cases))
    for head, (C, d) in list(zip(fit_many(batch), cases, strict=True))[::7]:
        (alone,) = fitted(designs[d], y, [(C, None)])
        np.testing.assert_allclose(
            head.predict_proba(designs[d]), alone.predict_proba(designs[d]), rtol=0, atol=ATOL
        )


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_company_order_and_threads_change_no_score_of_an_ill_conditioned_problem(threads) -> None:
    """Nor of rows that were not fitted; and scikit-learn's Newton method says the same."""
    X, y = ill_conditioned(np.random.default_rng(4))
    fit, cases = slice(160), [(C, None) for C in np.logspace(-4, 4, 64)]

    def scores(chosen, count: int = 1) -> list:
        threads(count)
        return [head.predict_proba(X) for head in fitted(X[fit], y[fit], chosen)]

    together = scores(cases)
    backwards, by_two_threads = scores(cases[::-1])[::-1], scores(cases[::9], 2)
    np.testing.assert_allclose(backwards, together, rtol=0, atol=ATOL)
    np.testing.assert_allclose(by_two_threads, together[::9], rtol=0, atol=ATOL)
    for found, case in list(zip(together, cases, strict=True))[::9]:
        np.testing.assert_allclose(scores([case])[0], found, rtol=0, atol=ATOL)
        np.testing.assert_allclose(found[fit], expected(X[fit], y[fit], case[0]), rtol=0, atol=ATOL)


def test_classes_that_a_plane_separates_have_a_solution() -> None:
    """Where C is large the weights grow far, and the search must still end."""
    X = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    y = (X[:, 0] > 0).astype(np.int64)
    (head,) = fitted(X, y, [(1e6, None)])
    np.testing.assert_allclose(head.predict_proba(X), expected(X, y, 1e6), rtol=0, atol=ATOL)


def test_a_feature_that_never_changes_has_no_weight() -> None:
    rng = np.random.default_rng(3)
    X, y = data(100, 5, 2, rng)
    X[:, 2] = 7
    (head,) = fitted(X, y, [(1.0, None)])
    assert abs(head.coef[0, 2]) < 1e-8


def test_a_search_that_fails_hands_back_the_step_that_its_logits_were_made_with() -> None:
    """As where rounding leaves no step that halves the derivative."""
    slope, start = torch.ones(1, 1, 4), torch.zeros(1, 1, 4)
    rising = SimpleNamespace(
        forward=lambda direction: slope, residuals=lambda moved: torch.full_like(moved, 9.0)
    )
    # Of the intercept alone, which has no penalty.
    direction, gradient = torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[0.0, -1.0]]])
    step, moved, _ = _search(rising, torch.zeros(1, 1, 2), direction, gradient, start)
    assert torch.equal(moved, start + step * slope)
