"""What every probe owes: better than chance, the same again, saved bit for bit; or a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kinds import Kind, find_kind
from engine.kinds.classification import KIND as CLASSES
from engine.methods import InfeasibleError
from engine.methods.probes import find_probe
from engine.methods.probes.fitted import (
    Configuration,
    FittedProbe,
    configuration,
    fit_probes,
    load_fitted,
)
from engine.testing.check import Check, told

Array = npt.NDArray[Any]

NOT_FINITE = "scores are not finite"


def data(kind: Kind, rows: int = 150, seed: int = 0, classes: int = 2) -> tuple[Array, Array]:
    """Features (N, 6), float32, the last of which is constant, and labels that follow them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 6)).astype(np.float32)
    X[:, 5] = 3.0
    noisy = X[:, :3] + 0.3 * rng.normal(size=(rows, 3))
    if kind.numeric:
        return X, 100 + 20 * noisy[:, 0] - 10 * noisy[:, 1]
    if kind.independent:
        return X, (noisy > [0, 0.5, -0.5]).astype(np.int64)
    if classes == 2:
        return X, (noisy[:, 0] > 0.8).astype(np.int64)
    return X, noisy[:, :classes].argmax(axis=1)


class Fits:
    """Fits of one probe, cheap enough for a test.

    Parameters
    ----------
    name : str
    cheap : mapping
        Hyperparameters that make it so.
    """

    def __init__(self, name: str, cheap: Mapping[str, Any]):
        self.name = name
        self.cheap = cheap

    def configuration(self, kind: Kind, **params: Any) -> Configuration:
        """What is fitted."""
        return configuration({"classifier": self.name, **self.cheap, **params}, kind, 0)

    def fitted(self, kind: Kind, X: Array, y: Array, **params: Any) -> FittedProbe:
        """A fit to rows none of which belong together."""
        width = y.shape[-1] if kind.independent else 1 if kind.numeric else int(y.max()) + 1
        chosen = self.configuration(kind, **params)
        (model,) = fit_probes([chosen], [X], y, np.arange(len(y)), kind, width)
        return model

    def outcome(self, kind: Kind, X: Array, y: Array, **params: Any) -> tuple[Array | None, str]:
        """Scores of the rows that it was fitted to and no reason, or none and why."""
        try:
            return self.fitted(kind, X, y, **params).scores(X), ""
        except InfeasibleError as reason:
            return None, str(reason)


def error(scores: Array, y: Array, kind: Kind) -> float:
    """Share of wrong classes or labels; squared error as a share of the variance."""
    if kind.numeric:
        return float(((scores[:, 0] - y) ** 2).mean() / y.var())
    if kind.independent:
        return float(((scores > 0.5) != y).mean())
    return float((scores.argmax(axis=1) != y).mean())


def beats_chance_with_scores_of_the_right_shape(fits: Fits, kind: Kind) -> None:
    """(N, K) in float64; probabilities, where the task has classes or labels."""
    X, y = data(kind)
    new, truth = data(kind, seed=1)
    scores = fits.fitted(kind, X, y).scores(new)
    assert scores.dtype == np.float64
    columns, chance = (1, 1.0) if kind.numeric else (3, 0.4) if kind.independent else (2, 0.21)
    assert scores.shape == (150, columns)
    assert np.isfinite(scores).all()
    if not kind.numeric:
        assert scores.min() >= 0
        assert scores.max() <= 1
    if kind.exclusive:
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert error(scores, truth, kind) < 0.7 * chance  # of a model that knows nothing of the rows


def the_seed_decides_and_what_is_saved_scores_bit_for_bit(fits: Fits, kind: Kind) -> None:
    """A second fit has the same scores, and so has a fit that was read from its files."""
    X, y = data(kind)
    model = fits.fitted(kind, X, y, standardize=True, pca=4)
    scores = model.scores(X)
    again = fits.fitted(kind, X, y, standardize=True, pca=4)
    assert np.array_equal(again.scores(X), scores)
    with TemporaryDirectory() as made:
        folder = Path(made)
        model.save(folder, {"more": 1})
        read, about = load_fitted(folder)
        assert np.array_equal(read.scores(X), scores)
        assert about["more"] == 1
        assert read.parameters == model.parameters
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def few_rows_give_a_result_or_a_reason(fits: Fits, kind: Kind) -> None:
    """Of one line, that names the probe."""
    for rows in (2, 5):
        X, y = data(kind, rows=rows)
        if kind.exclusive:
            y = np.arange(rows) % 2
        if kind.independent:
            y[:2] = [[0, 1, 0], [1, 0, 1]]
        scores, reason = fits.outcome(kind, X, y, pca=50)
        assert (scores is None) == bool(reason)
        said = rf"classifier '{fits.name}' on {rows} rows of \d: \w.*"
        assert not reason or re.fullmatch(said, reason)


def features_that_never_change_give_one_score_or_a_reason(fits: Fits, kind: Kind) -> None:
    """Nothing can be learned of them."""
    X, y = data(kind)
    scores, reason = fits.outcome(kind, np.ones_like(X), y, pca=2)
    told_so = f"classifier '{fits.name}' on 150 rows of 2: {NOT_FINITE}"
    assert (scores is None) == (reason == told_so)
    assert scores is None or np.ptp(scores, axis=0).max() < 1e-6


def three_classes_are_told_apart(fits: Fits, kind: Kind) -> None:
    """With probabilities that sum to 1."""
    X, y = data(kind, classes=3)
    new, truth = data(kind, seed=1, classes=3)
    scores = fits.fitted(kind, X, y).scores(new)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert error(scores, truth, kind) < 0.35  # by chance 0.67


def rows_far_from_train_have_probabilities_too(fits: Fits, kind: Kind) -> None:
    """Where a feature that never changed in train is large."""
    X, y = data(kind)
    far = X.copy()
    far[:, 5] = 1e9
    scores = fits.fitted(kind, X, y).scores(far)
    assert scores.min() >= 0
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def a_class_without_train_rows_has_probability_0(fits: Fits, kind: Kind) -> None:
    """It keeps its column."""
    X, y = data(kind)
    scores = fits.fitted(kind, X, 2 * y).scores(X)  # classes 0 and 2
    assert scores.shape == (150, 3)
    assert (scores[:, 1] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def a_label_that_never_changes_in_train_is_predicted_as_it_is(fits: Fits, kind: Kind) -> None:
    """The other labels are learned as ever."""
    X, y = data(kind)
    y[:, 1] = 1
    scores = fits.fitted(kind, X, y).scores(X)
    assert (scores[:, 1] == 1).all()
    assert error(scores[:, [0, 2]], y[:, [0, 2]], kind) < 0.3


def balanced_classes_change_the_scores(fits: Fits, kind: Kind) -> None:
    """And do not lower those of the rare one; a forest or boosted trees may be sure either way."""
    X, y = data(CLASSES, rows=300)
    rows = np.flatnonzero((y == 0) | (np.arange(300) % 3 == 0))  # a tenth positive
    X, y = X[rows], y[rows]
    labels = np.stack([y, 1 - y], axis=1) if kind.independent else y
    plain = fits.fitted(kind, X, labels).scores(X)
    balanced = fits.fitted(kind, X, labels, class_weight="balanced").scores(X)
    assert not np.array_equal(plain, balanced)


#: Of a probe and a kind of task that it takes.
OF_A_KIND = (
    beats_chance_with_scores_of_the_right_shape,
    the_seed_decides_and_what_is_saved_scores_bit_for_bit,
    few_rows_give_a_result_or_a_reason,
    features_that_never_change_give_one_score_or_a_reason,
)
#: Of a probe that takes classes.
OF_CLASSES = (
    three_classes_are_told_apart,
    rows_far_from_train_have_probabilities_too,
    a_class_without_train_rows_has_probability_0,
)


def checks(name: str, cheap: Mapping[str, Any] | None = None) -> list[Check]:
    """The contract of one registered probe.

    Parameters
    ----------
    name : str
    cheap : mapping, optional
        Hyperparameters that make a fit to 150 rows quick.

    Returns
    -------
    list of Check
    """
    fits, probe = Fits(name, cheap or {}), find_probe(name)
    weighted = "class_weight" in probe.parameters
    found: list[Check] = []
    for kind in map(find_kind, probe.kinds):
        claims: list[Callable[[Fits, Kind], None]] = list(OF_A_KIND)
        if weighted and not kind.numeric:
            claims.append(balanced_classes_change_the_scores)
        if kind.exclusive:
            claims += OF_CLASSES
        if kind.independent:
            claims.append(a_label_that_never_changes_in_train_is_predicted_as_it_is)
        found += [told(f"{name}, {kind.name}", claim, fits, kind) for claim in claims]
    return found
