"""Losses and scores of the three kinds of tasks, against scikit-learn and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from engine.kinds import LossOptions, find_kind
from engine.methods.training.objective import Objective, objective_of

LOGITS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
CLASSES = np.random.default_rng(1).choice(3, size=40, p=[0.7, 0.2, 0.1])
LABELS = (np.random.default_rng(2).random((40, 3)) < [0.5, 0.2, 0.05]).astype(np.int64)
VALUES = np.random.default_rng(3).normal(5.0, 3.0, size=40)


def task(kind, labels):
    return SimpleNamespace(
        kind=find_kind(kind), classes=("a", "b", "c"), train=SimpleNamespace(labels=labels)
    )


def losses(objective: Objective, labels, logits=LOGITS):
    return objective.losses(torch.from_numpy(logits), objective.targets(labels)).numpy()


def test_cross_entropy_is_scikit_learns_log_loss():
    objective = objective_of(task("classification", CLASSES), {})
    expected = log_loss(CLASSES, softmax(LOGITS, axis=1))
    assert losses(objective, CLASSES).mean() == pytest.approx(expected, rel=1e-5)


def test_balanced_weights_are_scikit_learns():
    objective = objective_of(task("classification", CLASSES), {"class_weight": "balanced"})
    weights = compute_class_weight("balanced", classes=np.arange(3), y=CLASSES)
    np.testing.assert_allclose(objective.weights.numpy(), weights, rtol=1e-6)
    rows = compute_sample_weight("balanced", CLASSES)
    assert rows.mean() == pytest.approx(1)
    plain = losses(Objective(find_kind("classification"), 3), CLASSES)
    np.testing.assert_allclose(losses(objective, CLASSES), rows * plain, rtol=1e-5)


def test_balanced_labels_are_weighted_each_on_its_own():
    objective = objective_of(task("multilabel", LABELS), {"class_weight": "balanced"})
    for label in range(3):
        weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=LABELS[:, label])
        np.testing.assert_allclose(objective.weights[label].numpy(), weights, rtol=1e-6)
    rows = [compute_sample_weight("balanced", LABELS[:, k]) for k in range(3)]
    expected = np.mean(
        [log_loss(LABELS[:, k], expit(LOGITS[:, k]), sample_weight=rows[k]) for k in range(3)]
    )
    assert losses(objective, LABELS).mean() == pytest.approx(expected, rel=1e-5)


def test_binary_cross_entropy_is_the_mean_log_loss_of_the_labels():
    objective = objective_of(task("multilabel", LABELS), {})
    expected = np.mean([log_loss(LABELS[:, k], expit(LOGITS[:, k])) for k in range(3)])
    assert losses(objective, LABELS).mean() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_that_of_its_paper(gamma: float):
    """Lin et al. 2017, equation 4: -(1 - p)^gamma log(p) of the chance of what is true."""
    params = {"focal_gamma": gamma}
    chance = softmax(LOGITS, axis=1)[np.arange(40), CLASSES]
    found = losses(objective_of(task("classification", CLASSES), params), CLASSES)
    np.testing.assert_allclose(found, -((1 - chance) ** gamma) * np.log(chance), rtol=1e-4)
    each = np.where(LABELS == 1, expit(LOGITS), expit(-LOGITS))
    found = losses(objective_of(task("multilabel", LABELS), params), LABELS)
    expected = (-((1 - each) ** gamma) * np.log(each)).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_focal_loss_has_a_gradient_where_a_row_is_sure(kind: str, gamma: float):
    """For gamma below 1 a power of 1 - p = 0 has none. Far from it, the plain formula's loss."""
    objective = Objective(find_kind(kind), 2, options=LossOptions(focal_gamma=gamma))
    logits = torch.tensor([[20.0, -20.0], [200.0, -200.0], [-20.0, 20.0], [1.0, -0.5]])
    logits.requires_grad_()
    labels = np.array([0, 0, 0, 1])
    given = labels if kind == "classification" else np.eye(2, dtype=np.int64)[labels]
    found = objective.losses(logits, objective.targets(given))
    found.sum().backward()
    assert torch.isfinite(logits.grad).all()
    exact = logits.detach().numpy()[2:].astype(np.float64)
    if kind == "classification":
        chance = softmax(exact, axis=1)[np.arange(2), labels[2:]]
    else:
        chance = np.where(given[2:] == 1, expit(exact), expit(-exact))
    expected = (-((1 - chance) ** gamma) * np.log(chance)).reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose(found.detach().numpy()[2:], expected, rtol=1e-5)


def test_smoothed_labels_are_a_mixture_with_even_chances():
    """Szegedy et al. 2016, section 7: (1 - e) of the label and e / K of each value."""
    params = {"label_smoothing": 0.2}
    logs = np.log(softmax(LOGITS, axis=1))
    mixed = 0.8 * np.eye(3)[CLASSES] + 0.2 / 3
    found = losses(objective_of(task("classification", CLASSES), params), CLASSES)
    np.testing.assert_allclose(found, -(mixed * logs).sum(axis=1), rtol=1e-4)
    smooth = 0.8 * LABELS + 0.1
    expected = -(smooth * np.log(expit(LOGITS)) + (1 - smooth) * np.log(expit(-LOGITS))).mean(1)
    found = losses(objective_of(task("multilabel", LABELS), params), LABELS)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_squared_and_huber_errors_are_of_standardised_targets():
    standard = (VALUES - VALUES.mean()) / VALUES.std()
    apart = LOGITS[:, 0] - standard
    found = losses(objective_of(task("regression", VALUES), {}), VALUES, LOGITS[:, :1])
    np.testing.assert_allclose(found, apart**2, rtol=1e-3, atol=1e-5)
    huber = objective_of(task("regression", VALUES), {"regression_loss": "huber"})
    expected = np.where(np.abs(apart) < 1, apart**2 / 2, np.abs(apart) - 0.5)
    np.testing.assert_allclose(losses(huber, VALUES, LOGITS[:, :1]), expected, rtol=1e-3, atol=1e-5)


def test_scores_are_probabilities_or_values_in_the_unit_of_the_labels():
    logits = torch.from_numpy(LOGITS).double()
    whole = Objective(find_kind("classification"), 3).scores(logits)
    np.testing.assert_allclose(whole, softmax(LOGITS.astype(float), axis=1), atol=1e-12)
    each = Objective(find_kind("multilabel"), 3).scores(logits)
    np.testing.assert_allclose(each, expit(LOGITS.astype(float)), atol=1e-12)
    regression = objective_of(task("regression", VALUES), {})
    back = regression.scores(regression.targets(VALUES).double())
    assert back.shape == (40, 1)
    np.testing.assert_allclose(back[:, 0], VALUES, atol=1e-5)


def test_targets_that_never_vary_are_no_division_by_zero():
    regression = objective_of(task("regression", np.full(5, 7.0)), {})
    assert torch.equal(regression.targets(np.full(5, 7.0)), torch.zeros(5, 1))


def test_a_class_without_rows_has_a_finite_weight():
    objective = objective_of(
        task("classification", np.array([0, 0, 1])), {"class_weight": "balanced"}
    )
    assert torch.isfinite(objective.weights).all()
