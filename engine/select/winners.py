"""The winner of each cell, its fits over seeds, and the one reading of the test split."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.metrics import METRICS
from engine.plan.cells import CellPlan
from engine.records import Cell, TrialRecord, TrialSpec, Variant
from engine.store import Store
from engine.trial import Refit, refit


@dataclass(frozen=True)
class Winner:
    """The configuration that represents a cell, and the untuned one beside it.

    Attributes
    ----------
    best : TrialRecord
        Best validation score; the earlier one of equals.
    default : TrialRecord or None
        Trial 0; none where it did not complete.
    """

    plan: CellPlan
    best: TrialRecord
    default: TrialRecord | None


@dataclass(frozen=True)
class FitRequest:
    """One fit for the final comparison.

    Attributes
    ----------
    spec : TrialSpec
        The configuration with one of the study's seeds.
    root : str
        Store that keeps the result.
    models : str or None
        Folder that keeps the model's files, in a folder named by the key; none where only
        predictions are wanted.
    checkpoints : str or None
        Folder in which the fit has one of its own, named by the key, until its predictions are
        stored; so that one that is killed goes on.
    """

    spec: TrialSpec
    variant: Variant
    root: str
    models: str | None = None
    checkpoints: str | None = None

    @property
    def key(self) -> str:
        """Identity of the predictions."""
        return f"refit-{self.spec.key}"

    @property
    def model(self) -> Path | None:
        """Folder of the model's files."""
        return Path(self.models) / self.key if self.models else None

    @property
    def checkpoint(self) -> Path | None:
        """Folder of the fit's state while it runs."""
        return Path(self.checkpoints) / self.key if self.checkpoints else None


@dataclass(frozen=True)
class FinalFit:
    """Test predictions of one fitted model.

    Attributes
    ----------
    scores : ndarray, shape (N, K), float64
        Of the test rows, in the split's order; see `engine.methods.Fitted.validation`.
    """

    cell: Cell
    variant: Variant
    seed: int
    validation: float
    scores: npt.NDArray[np.float64]
    seconds: float
    trainable_parameters: int


def pick(plan: CellPlan, records: Iterable[TrialRecord]) -> Winner | None:
    """Choose by validation score among completed trials; none where there is none."""
    complete = [r for r in records if r.result.status == "complete" and r.result.score is not None]
    if not complete:
        return None
    sign = 1 if METRICS[plan.metric].greater_is_better else -1
    best = max(complete, key=lambda r: (sign * (r.result.score or 0.0), -r.number))
    default = next((r for r in complete if r.number == 0), None)
    return Winner(plan, best, default)


def requests_of(
    winner: Winner,
    seeds: Sequence[int],
    spec_of: Callable[[Mapping[str, Any], int], TrialSpec],
    root: str,
    models: str,
    checkpoints: str,
) -> list[FitRequest]:
    """Fits of a cell: the winner with every seed, the default with the first.

    The winner's model of the first seed is kept: it is the one that the tests are about.

    Parameters
    ----------
    spec_of : callable
        ``spec_of(params, seed) -> TrialSpec`` of this cell, test embeddings included.
    root : str
        Store for the predictions.
    models : str
        Folder for the model's files.
    checkpoints : str
        Folder for the state of fits under way.
    """
    asked: list[tuple[Variant, Mapping[str, Any], int]] = [
        ("tuned", winner.best.params, seed) for seed in seeds
    ]
    if winner.default is not None:
        asked.append(("default", winner.default.params, seeds[0]))
    fits = [
        FitRequest(spec_of(params, seed), variant, root, checkpoints=checkpoints)
        for variant, params, seed in asked
    ]
    fits[0] = replace(fits[0], models=models)
    return fits


def final_fits(
    requests: Sequence[FitRequest],
    fit_all: Callable[[Sequence[FitRequest]], Iterator[tuple[FitRequest, FinalFit]]],
) -> Iterator[FinalFit]:
    """Predictions of all requests; those that an earlier run stored are not fitted again.

    Two requests with one key (the winner is the default) are fitted once.
    """
    waiting: dict[str, list[FitRequest]] = {}
    for request in requests:
        found = recall_fit(request)
        if found is not None:
            yield found
        else:
            waiting.setdefault(request.key, []).append(request)
    # Of twins the one whose model is wanted.
    fitted = [max(same, key=lambda r: r.model is not None) for same in waiting.values()]
    for request, fit in fit_all(fitted):
        for twin in waiting[request.key]:
            yield replace(fit, cell=twin.spec.cell, variant=twin.variant)


def recall_fit(request: FitRequest) -> FinalFit | None:
    """Predictions that an earlier run stored, or none; and none without a model that is wanted."""
    if request.model and not request.model.is_dir():
        return None
    store = Store(request.root)
    arrays = store.load(request.key)
    note = store.read_note(request.key)
    if arrays is None or note is None:
        return None
    return _final(request, Refit(test=arrays["scores"], **note))


def fit_once(request: FitRequest) -> FinalFit:
    """Fit, score the test split, and store predictions and model; runs in a worker."""
    result = refit(request.spec, request.model, request.checkpoint)
    store = Store(request.root)
    store.save(request.key, {"scores": result.test}, {"cell": request.spec.cell.id})
    store.write_note(
        request.key,
        {
            "validation": result.validation,
            "seconds": result.seconds,
            "trainable_parameters": result.trainable_parameters,
        },
    )
    if request.checkpoint:
        shutil.rmtree(request.checkpoint, ignore_errors=True)
    return _final(request, result)


def _final(request: FitRequest, result: Refit) -> FinalFit:
    return FinalFit(
        cell=request.spec.cell,
        variant=request.variant,
        seed=request.spec.seed,
        validation=result.validation,
        scores=np.asarray(result.test, dtype=np.float64),
        seconds=result.seconds,
        trainable_parameters=result.trainable_parameters,
    )
