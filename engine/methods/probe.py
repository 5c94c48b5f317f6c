"""Probe: a classifier or regressor on frozen embeddings; the encoder never runs here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError, first_line
from engine.methods.base import Fitted, InfeasibleError, Method, Report, check_encoder
from engine.methods.probes.base import FOLDS, LAYER, hyperparameters
from engine.methods.probes.fitted import (
    Configuration,
    FittedProbe,
    configuration,
    fit_probes,
    load_fitted,
)
from engine.methods.probes.parts import bound_rows, folds
from engine.metrics import compute
from engine.records import TrialSpec, array_name
from engine.store import Store
from engine.tasks import Task, cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Scores = npt.NDArray[np.float64]
    Features = npt.NDArray[np.floating]


def fit(spec: TrialSpec, report: Report, checkpoint: Path | None = None) -> Fitted:
    """Fit a probe to the stored embeddings of the train split."""
    (fitted,) = fit_many([spec])
    report(1, fitted.curve[0])
    return fitted


def fit_many(specs: Sequence[TrialSpec]) -> list[Fitted]:
    """Fit configurations of one cell, those of a batched classifier together.

    Raises
    ------
    InfeasibleError
        If a classifier does not take the task's kind, or refuses the data.
    UserError
        If embeddings are not in the store, or a classifier does not take a hyperparameter.
    """
    task = cached_task(specs[0].task)
    width = len(task.classes)
    chosen = [configuration(spec.params, task.kind, spec.seed) for spec in specs]
    of_train = _embeddings(specs, "train")
    bound = bound_rows(task.train)
    models = fit_probes(chosen, of_train, task.train.labels, bound, task.kind, width)
    in_folds = _fold_scores(specs, chosen, of_train, task, width)
    fits = []
    for number, (spec, model, own) in enumerate(
        zip(specs, models, _embeddings(specs, "validation"), strict=True)
    ):
        validation = model.scores(own)
        mean = in_folds.get(number)
        labels, kind = task.validation.labels, task.kind
        score = compute(spec.metric, labels, validation, kind) if mean is None else mean
        fits.append(
            Fitted(
                validation=validation,
                test=partial(_test_scores, spec, model),
                curve=(score,),
                trainable_parameters=model.parameters,
                save=partial(_save, model, task.max_bases, spec.encoder_fingerprint),
                score=mean,
            )
        )
    return fits


def _fold_scores(
    specs: Sequence[TrialSpec],
    chosen: Sequence[Configuration],
    features: Sequence[Features],
    task: Task,
    width: int,
) -> dict[int, float]:
    """Mean score over folds of train, of the configurations that ask for folds, by number."""
    import numpy as np

    scores: dict[int, float] = {}
    asked = [int(FOLDS.of(spec.params)) for spec in specs]
    bound = bound_rows(task.train)
    for count, seed in {(f, spec.seed) for f, spec in zip(asked, specs, strict=True) if f}:
        numbers = [n for n, s in enumerate(specs) if (asked[n], s.seed) == (count, seed)]
        whole = {id(features[n]): features[n] for n in numbers}
        collected: dict[int, list[float]] = {number: [] for number in numbers}
        for fitted_rows, held_rows in _folds(task, count, seed):
            part_of = {key: own[fitted_rows] for key, own in whole.items()}
            models = fit_probes(
                [chosen[n] for n in numbers],
                [part_of[id(features[n])] for n in numbers],
                task.train.labels[fitted_rows],
                bound[fitted_rows],
                task.kind,
                width,
            )
            for number, model in zip(numbers, models, strict=True):
                held = model.scores(features[number][held_rows])
                truth = task.train.labels[held_rows]
                collected[number].append(compute(specs[number].metric, truth, held, task.kind))
        scores.update({number: float(np.mean(values)) for number, values in collected.items()})
    return scores


def _folds(task: Task, count: int, seed: int) -> list[tuple[Any, Any]]:
    """Rows to fit and to score of each fold."""
    labels, stratified = task.train.labels, task.kind.exclusive
    try:
        return folds(labels, bound_rows(task.train), count, seed, stratified)
    except ValueError as error:
        raise InfeasibleError(f"folds: {count}: {first_line(error)}") from None


def _test_scores(spec: TrialSpec, model: FittedProbe) -> Scores:
    return model.scores(_embeddings([spec], "test")[0])


def _embeddings(specs: Sequence[TrialSpec], split: str) -> list[Features]:
    """Embeddings of a split that each spec reads; those that read the same share an object."""
    store, key = specs[0].store, specs[0].embeddings[split]
    arrays = Store(store).load(key)
    if arrays is None:
        cell = specs[0].cell
        raise UserError(
            f"{store}: the {split} embeddings of {cell.encoder} on {cell.task} are "
            "not there, or were damaged; run again. On a cluster every node must share the store"
        )
    names = [array_name(*_source(spec)) for spec in specs]
    read = {name: arrays[name] for name in set(names)}
    return [read[name] for name in names]


def _source(spec: TrialSpec) -> tuple[str, int]:
    """Pooling and layer that a configuration reads."""
    return str(spec.params["pooling"]), int(LAYER.of(spec.params))


def _save(model: FittedProbe, max_bases: int, fingerprint: str, folder: Path) -> None:
    from engine.embedding.stored import precision_in

    model.save(folder, {"max_bases": max_bases, "precision": precision_in(fingerprint)})


def load(folder: Path, spec: TrialSpec) -> Callable[[Sequence[str]], Scores]:
    """The model that `Fitted.save` wrote, with its encoder: sequences in, scores out.

    Raises
    ------
    UserError
        If the folder holds no fitted probe, or the encoder is not the one that it was fitted on.
    """
    from engine.embedding.embed import embed
    from engine.embedding.stored import PrepareRequest, loaded

    model, about = load_fitted(folder)
    pooling, layer = _source(spec)
    request = PrepareRequest(
        spec.encoder,
        spec.task,
        spec.task_fingerprint,
        (pooling,),
        (layer,),
        (),
        # A probe of a GPU's embeddings reads such on a CPU too. Older folders do not say.
        precision=about.get("precision", ""),
    )
    encoder = loaded(request, about["max_bases"])
    check_encoder(encoder.fingerprint, spec, folder)

    def score(sequences: Sequence[str]) -> Scores:
        vectors = embed(
            encoder,
            sequences,
            (pooling,),
            (layer,),
            truncate=spec.encoder.truncate,
            both_strands=spec.encoder.both_strands,
            dtype=spec.encoder.stored_as,
        )
        return model.scores(vectors[pooling, layer])

    return score


METHOD = Method(
    name="probe",
    needs="embeddings",
    summary="a classifier or regressor on frozen, pooled embeddings",
    parameters=hyperparameters(),
    fit=fit,
    load=load,
    fit_many=fit_many,
)
