"""Training on each kind of task, on tasks that are made up here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import roc_auc_score

from engine.methods import methods
from engine.methods.training import finetune, method
from engine.records import TaskSpec, TrialSpec
from engine.tasks import Split, Task, load_task
from engine.trial import ignore

Spec = Callable[..., TrialSpec]
PARAMS = {"pooling": "mean", "batch_size": 16, "epochs": 4, "rank": 8}
PARAMS |= {"learning_rate": 1e-2, "head_learning_rate": 3e-2}


def with_labels(motif_file: Path, kind: str, label: Callable[[str], object]) -> Task:
    """The motif task with labels that are told of its sequences."""
    task = load_task(TaskSpec("motif", str(motif_file)))

    def told(split: Split) -> Split:
        labels = np.array([label(sequence) for sequence in split.sequences])
        return replace(split, labels=labels)

    return replace(task, kind=kind, train=told(task.train), validation=told(task.validation))


def gc_in_percent(sequence: str) -> float:
    return 100 * sum(base in "GC" for base in sequence) / len(sequence)


def motif_and_poor(sequence: str) -> tuple[int, int]:
    """Labels that often hold together."""
    return int("TATAAT" in sequence), int(gc_in_percent(sequence) < 42)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[Task, Callable], None]:
    """Trials are of a task, and scored by a function; its name stays that of a metric."""

    def use(task: Task, score: Callable[[np.ndarray, np.ndarray], float]) -> None:
        monkeypatch.setattr(method, "cached_task", lambda spec: task)
        monkeypatch.setattr(finetune, "compute", lambda name, labels, scores: score(labels, scores))

    return use


@pytest.mark.parametrize("loss", ["mse", pytest.param("huber", marks=pytest.mark.slow)])
def test_a_regression_predicts_in_the_unit_of_its_labels(
    loss: str, motif_file: Path, spec_of: Spec, on: Callable, tmp_path: Path
) -> None:
    task = with_labels(motif_file, "regression", gc_in_percent)
    on(task, lambda labels, scores: pearsonr(labels, scores[:, 0]).statistic)
    spec = spec_of("lora", PARAMS | {"regression_loss": loss}, "tiny-hyena")
    fitted = methods()["lora"].fit(spec, ignore, None)
    labels = task.validation.labels
    assert fitted.validation.shape == (len(labels), 1)
    assert fitted.curve[-1] > 0.8
    assert np.abs(fitted.validation[:, 0] - labels).mean() < 0.5 * labels.std()
    assert fitted.save is not None
    fitted.save(tmp_path)
    load = methods()["lora"].load
    assert load is not None
    scores = load(tmp_path, spec)(task.validation.sequences)
    np.testing.assert_allclose(scores, fitted.validation, atol=1e-3)


def test_labels_are_learned_each_on_its_own(motif_file: Path, spec_of: Spec, on: Callable) -> None:
    task = with_labels(motif_file, "multilabel", motif_and_poor)
    on(task, lambda labels, scores: roc_auc_score(labels, scores))
    spec = spec_of("lora", PARAMS | {"class_weight": "balanced"}, "tiny-hyena")
    fitted = methods()["lora"].fit(spec, ignore, None)
    assert fitted.validation.shape == (len(task.validation.sequences), 2)
    assert (fitted.validation.sum(axis=1) > 1.2).any(), "probabilities of labels do not share one"
    assert roc_auc_score(task.validation.labels[:, 0], fitted.validation[:, 0]) > 0.85
    assert roc_auc_score(task.validation.labels[:, 1], fitted.validation[:, 1]) > 0.75


def test_every_network_method_says_that_it_fits_all_kinds() -> None:
    for found in methods().values():
        if found.needs == "network":
            assert set(found.kinds) == {"classification", "multilabel", "regression"}
