"""The convolutional baseline on letters."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.basics.errors import UserError
from engine.kinds import find_kind
from engine.methods.cnn import METHOD, fit, training_of
from engine.methods.training.convolutions import (
    PADDING,
    Convolutions,
    LetterNetwork,
    letter_codes,
    train_on_letters,
)
from engine.records import TrialSpec
from engine.tasks import load_task
from engine.trial import ignore, refit, run_trial

PARAMS = {"channels": 16, "learning_rate": 3e-3, "epochs": 8}
Spec = Callable[..., TrialSpec]


@pytest.fixture
def spec(spec_of: Spec) -> TrialSpec:
    return spec_of("cnn", PARAMS, "onehot")


def test_a_motif_is_found_and_every_epoch_reported(spec: TrialSpec) -> None:
    told: list[tuple[int, float]] = []
    result = run_trial(spec, lambda epoch, score: told.append((epoch, score)))
    assert result.error is None
    assert result.score is not None
    assert result.score > 0.95
    assert told == list(enumerate(result.curve, start=1))
    # The weights of the best epoch are kept.
    assert result.score == pytest.approx(max(result.curve))
    weights = 5 * 16 * 7 + 16 * 32 * 5 + 32 * 64 * 3 + 64 * 2
    assert result.trainable_parameters == weights + 16 + 32 + 64 + 2


def test_the_seed_decides(spec: TrialSpec) -> None:
    short = replace(spec, params={**PARAMS, "epochs": 2})
    assert np.array_equal(refit(short).test, refit(short).test)
    assert not np.array_equal(refit(short).test, refit(replace(short, seed=1)).test)


def test_a_saved_network_scores_bit_for_bit(spec: TrialSpec, tmp_path: Path) -> None:
    fitted = fit(replace(spec, params={**PARAMS, "epochs": 2}), ignore)
    assert fitted.save is not None
    assert METHOD.load is not None
    fitted.save(tmp_path)
    sequences = load_task(spec.task).unseal_test().sequences
    assert np.array_equal(METHOD.load(tmp_path, spec)(sequences), fitted.test())
    with pytest.raises(UserError, match="holds no fitted network"):
        METHOD.load(tmp_path / "elsewhere", spec)


def test_the_weights_of_classes_change_the_scores(spec: TrialSpec) -> None:
    plain, balanced = (
        refit(replace(spec, params={**PARAMS, "epochs": 1, "class_weight": name})).test
        for name in ("none", "balanced")
    )
    # The motif task has as many rows of one class as of the other.
    np.testing.assert_allclose(plain, balanced, atol=1e-5)
    few = [n for n, label in enumerate(load_task(spec.task).train.labels) if label or n % 8 == 0]
    task = fake(spec, "classification", few)
    scores = []
    for name in ("none", "balanced"):
        model = LetterNetwork.of(16, task, 0)
        training = training_of({"epochs": 1}, 0)
        train_on_letters(model, task, training, name == "balanced", "auroc", ignore)
        scores.append(model.scores(task.validation.sequences)[:, 0].mean())
    assert scores[1] > scores[0]


def fake(spec: TrialSpec, kind: str, rows: Any, labels: Any = lambda y: y, classes: int = 2) -> Any:
    """The motif task with some of its train rows and other labels."""
    task = load_task(spec.task)
    train = SimpleNamespace(
        sequences=[task.train.sequences[n] for n in rows], labels=labels(task.train.labels[rows])
    )
    names = tuple(str(number) for number in range(classes))
    return SimpleNamespace(
        train=train, validation=task.validation, kind=find_kind(kind), classes=names
    )


@pytest.mark.parametrize(
    ("kind", "labels", "classes"),
    [
        ("regression", lambda y: 100.0 + 5 * y, 1),
        ("multilabel", lambda y: np.stack([1 - y, y], axis=1), 2),
    ],
)
def test_other_kinds_are_learned_too(
    spec: TrialSpec, kind: str, labels: Any, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        "engine.methods.training.convolutions.compute",
        lambda metric, y, scores, _: seen.append(scores) or float(len(seen)),
    )
    task = fake(spec, kind, range(len(load_task(spec.task).train.labels)), labels, classes)
    model = LetterNetwork.of(16, task, 0)
    train_on_letters(model, task, training_of(PARAMS, 0), False, "auroc", ignore)
    scores = model.scores(task.train.sequences)
    assert scores.shape == (len(task.train.sequences), classes)
    truth = task.train.labels.reshape(scores.shape)
    assert ((scores - truth) ** 2).mean() < 0.5 * truth.var(axis=0).mean()


def test_padding_changes_no_score() -> None:
    """Of sequences of all lengths, so that halving meets odd ones."""
    torch.manual_seed(0)
    network = Convolutions(4, 2)
    sequences = ["ACGTNACGTTGCAACGT"[:length] for length in range(1, 18)]
    together = network(letter_codes(sequences))
    for row, sequence in enumerate(sequences):
        torch.testing.assert_close(together[row], network(letter_codes([sequence]))[0])


def test_letters_as_numbers() -> None:
    codes = letter_codes(["ACGTN", "ut", "R"])
    assert codes.tolist() == [
        [0, 1, 2, 3, 4],
        [3, 3, PADDING, PADDING, PADDING],
        [4, PADDING, PADDING, PADDING, PADDING],
    ]
