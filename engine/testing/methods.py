"""What every method owes: a trial has one score, and a saved model scores as the fitted one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engine.embedding.stored import PrepareRequest, prepare
from engine.kinds import Kind, kinds
from engine.methods import find_method
from engine.records import Cell, EncoderSpec, TaskSpec, TrialSpec
from engine.tasks import load_task
from engine.testing.check import Check, told
from engine.testing.kinds import label
from engine.trial import refit, run_trial

#: Files that a model may consist of; a pickle is none of them.
SUFFIXES = {".json", ".safetensors", ".skops", ".md", ".ubj"}


def small_spec(
    name: str, kind: Kind, folder: Path, params: Mapping[str, Any] | None = None
) -> TrialSpec:
    """A trial of a method on 60 random sequences of one kind of labels, all splits embedded.

    Parameters
    ----------
    name : str
    kind : Kind
    folder : Path
        Where the task's file and the embeddings go.
    params : mapping, optional
        Hyperparameters beside ``pooling`` and, where the method has them, few and small epochs.
    """
    rng = np.random.default_rng(0)
    rows = [
        f"{''.join(rng.choice(list('ACGT'), 24 + i % 5))},{label(kind, i)},{split}"
        for i in range(60)
        for split in [("train", "train", "train", "validation", "test")[i // 3 % 5]]
    ]
    (folder / "mine.csv").write_text("sequence,label,split\n" + "\n".join(rows) + "\n")
    task = TaskSpec("mine", str(folder / "mine.csv"), kind=kind.name)
    assert load_task(task).kind == kind
    method = find_method(name, "the contract suite")
    encoder = EncoderSpec("tiny-bert", "tiny-bert", "random")
    splits = ("train", "validation", "test")
    request = PrepareRequest(encoder, task, load_task(task).fingerprint, ("mean",), (-1,), splits)
    prepared = prepare(request, str(folder / "store"))
    small = {"epochs": 1, "batch_size": 16} if method.needs == "network" else {}
    small = {key: value for key, value in small.items() if key in method.parameters}
    return TrialSpec(
        cell=Cell(encoder.name, "mine", name),
        number=0,
        method=name,
        params={"pooling": "mean", **small, **(params or {})},
        encoder=encoder,
        task=task,
        encoder_fingerprint=prepared.encoder_fingerprint,
        task_fingerprint=request.task_fingerprint,
        metric=kind.metric,
        seed=0,
        store=str(folder / "store"),
        embeddings=prepared.embeddings if method.needs == "embeddings" else {},
    )


def a_loaded_model_scores_as_the_fitted_one(
    name: str, kind: Kind, params: Mapping[str, Any] | None = None
) -> None:
    """Whatever a sequence is scored with; and no file of the model is a pickle."""
    load = find_method(name, "the contract suite").load
    assert load is not None
    with TemporaryDirectory() as made:
        folder = Path(made)
        spec = small_spec(name, kind, folder, params)
        fitted = refit(spec, folder / "model")
        score = load(folder / "model", spec)
        sequences = load_task(spec.task).unseal_test().sequences
        np.testing.assert_allclose(score(sequences), fitted.test, atol=1e-5)
        np.testing.assert_allclose(score(sequences[3:5]), fitted.test[3:5], atol=1e-5)
        files = [path for path in (folder / "model").rglob("*") if path.is_file()]
        assert files
        assert {path.suffix for path in files} <= SUFFIXES


def the_same_trial_has_the_same_score(
    name: str, kind: Kind, params: Mapping[str, Any] | None = None
) -> None:
    """And a curve that tells of it."""
    with TemporaryDirectory() as made:
        spec = small_spec(name, kind, Path(made), params)
        first, again = run_trial(spec), run_trial(spec)
    assert first.error is None, first.error
    assert first.score is not None
    assert np.isfinite(first.score)
    assert first.score == again.score
    assert first.curve


def checks(name: str, params: Mapping[str, Any] | None = None) -> list[Check]:
    """The contract of one registered method.

    Parameters
    ----------
    name : str
    params : mapping, optional
        Hyperparameters that make a fit quick, beside ``pooling`` and, where the method has them,
        ``epochs`` and ``batch_size``.

    Returns
    -------
    list of Check
    """
    method = find_method(name, "the contract suite")
    claims = [the_same_trial_has_the_same_score]
    if method.load is not None:
        claims.append(a_loaded_model_scores_as_the_fitted_one)
    return [
        told(f"{name}, {kind.name}", claim, name, kind, params)
        for kind in kinds().values()
        if method.fits(kind)
        for claim in claims
    ]
