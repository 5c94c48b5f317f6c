"""Training on each kind of task: what is predicted has the shape and the unit of the labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.kinds import kinds
from engine.methods import methods
from engine.records import TaskSpec, TrialSpec
from engine.tasks import Task, load_task
from engine.trial import ignore, run_trial

Spec = Callable[..., TrialSpec]
PARAMS = {"pooling": "mean", "batch_size": 16, "epochs": 4, "rank": 8}
PARAMS |= {"learning_rate": 1e-2, "head_learning_rate": 3e-2}


def gc_in_percent(sequence: str) -> float:
    return 100 * sum(base in "GC" for base in sequence) / len(sequence) + 0.125


def motif_and_poor(sequence: str) -> str:
    """Labels that often hold together."""
    held = ("motif" * ("TATAAT" in sequence), "poor" * (gc_in_percent(sequence) < 42))
    return ";".join(filter(None, held)) or ";"


@pytest.fixture
def relabelled(motif_file: Path, tmp_path: Path) -> Callable[[Callable], Task]:
    """The motif task with labels that are told of its sequences."""

    def make(label: Callable[[str], object]) -> Task:
        head, *rows = (line.split(",") for line in motif_file.read_text().splitlines())
        told = [[i, sequence, str(label(sequence)), split] for i, sequence, _, split in rows]
        path = tmp_path / "told.csv"
        path.write_text("\n".join(",".join(row) for row in [head, *told]))
        return load_task(TaskSpec("told", str(path)))

    return make


def spec_on(task: Task, spec_of: Spec, metric: str, **params: object) -> TrialSpec:
    more = {"task": task.spec, "task_fingerprint": task.fingerprint, "metric": metric}
    return spec_of("lora", PARAMS | params, "tiny-hyena", **more)


@pytest.mark.parametrize("loss", ["mse", pytest.param("huber", marks=pytest.mark.slow)])
def test_a_regression_predicts_in_the_unit_of_its_labels(
    loss: str, relabelled: Callable, spec_of: Spec, tmp_path: Path
) -> None:
    task = relabelled(gc_in_percent)
    assert task.kind.name == "regression"
    spec = spec_on(task, spec_of, "pearson", regression_loss=loss)
    fitted = methods()["lora"].fit(spec, ignore, None)
    labels = task.validation.labels
    assert fitted.validation.shape == (len(labels), 1)
    assert max(fitted.curve) > 0.8
    assert np.abs(fitted.validation[:, 0] - labels).mean() < 0.5 * labels.std()
    assert fitted.save is not None
    fitted.save(tmp_path / "model")
    load = methods()["lora"].load
    assert load is not None
    scores = load(tmp_path / "model", spec)(task.validation.sequences)
    np.testing.assert_allclose(scores, fitted.validation, atol=1e-3)


def test_labels_are_learned_each_on_its_own(relabelled: Callable, spec_of: Spec) -> None:
    task = relabelled(motif_and_poor)
    assert task.kind.name == "multilabel"
    spec = spec_on(task, spec_of, "auroc", class_weight="balanced", focal_gamma=0.5)
    found = methods()["lora"].fit(spec, ignore, None).validation
    assert found.shape == task.validation.labels.shape
    assert (found.sum(axis=1) > 1.2).any(), "probabilities of labels do not share one"
    for label in range(2):
        assert roc_auc_score(task.validation.labels[:, label], found[:, label]) > 0.75


def test_an_error_is_minimised(relabelled: Callable, spec_of: Spec) -> None:
    """Of a metric that is better when it is low, the lowest of the curve is what is kept."""
    task = relabelled(gc_in_percent)
    result = run_trial(spec_on(task, spec_of, "rmse", epochs=2))
    assert result.error is None
    assert result.score == pytest.approx(min(result.curve), abs=1e-12)


def test_every_network_method_says_that_it_fits_all_kinds() -> None:
    for found in methods().values():
        if found.needs == "network":
            assert all(found.fits(kind) for kind in kinds().values())
