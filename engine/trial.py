"""The body of a trial: a spec in, a result out. It knows neither Ray, Optuna nor MLflow."""

from __future__ import annotations

import errno
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from engine.basics.files import replacing_folder
from engine.methods import Fitted, InfeasibleError, Report, methods
from engine.metrics import compute, compute_all
from engine.records import TrialResult, TrialSpec
from engine.tasks import Task, cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

log = logging.getLogger(__name__)


def ignore(epoch: int, score: float) -> None:
    """Report to nobody."""


class LostDeviceError(Exception):
    """The process lost its GPU (an illegal access, a fallen bus): nothing runs in it any more.

    `index` is the position of the trial that met it.
    """

    def __init__(self, message: str, index: int = 0):
        super().__init__(message)
        self.index = index


def run_trials(
    specs: Sequence[TrialSpec], report: Report = ignore, checkpoints: Path | None = None
) -> Iterator[tuple[int, TrialResult]]:
    """Run trials one after the other; neighbours of one cell together where their method can.

    Parameters
    ----------
    specs, report
        See `run_trial`.
    checkpoints : Path or None
        Folder in which each trial has one of its own while it runs.

    Yields
    ------
    int, TrialResult
        Position and result, as soon as it is known.

    Raises
    ------
    LostDeviceError
        If the device is gone; the trials that are left did not run.
    """
    for _, group in groupby(enumerate(specs), key=lambda entry: entry[1].cell):
        neighbours = list(group)
        together = _run_together([spec for _, spec in neighbours])
        for (index, spec), result in zip(neighbours, together, strict=True):
            if result is None:
                folder = None if checkpoints is None else checkpoints / spec.key
                try:
                    result = run_trial(spec, report, folder)
                except LostDeviceError as error:
                    raise LostDeviceError(str(error), index) from None
            yield index, result


def _run_together(specs: Sequence[TrialSpec]) -> Sequence[TrialResult | None]:
    """Results of trials that are fitted at once; none for each that must run by itself."""
    many = methods()[specs[0].method].fit_many
    if many is None or len(specs) == 1:
        return [None] * len(specs)
    started = time.perf_counter()
    try:
        task = _task(specs[0])
        fits = many(specs)
        share = _since(started) / len(specs)
        return [
            _result(spec, task, fitted, share) for spec, fitted in zip(specs, fits, strict=True)
        ]
    except Exception:
        # Each by itself tells which one is to blame.
        log.warning("trials of %s could not be fitted together", specs[0].cell.id, exc_info=True)
        return [None] * len(specs)


def run_trial(
    spec: TrialSpec, report: Report = ignore, checkpoint: Path | None = None
) -> TrialResult:
    """Fit one configuration and score it on the validation split.

    Parameters
    ----------
    report : callable
        Told epoch and validation score after every epoch.
    checkpoint : Path or None
        The trial's own folder, from which it goes on.

    Returns
    -------
    TrialResult
        An error of any kind is a result too (``failed``, or ``infeasible`` where the configuration
        is to blame), so that one trial never ends a study.

    Raises
    ------
    LostDeviceError
        If the device is gone.
    """
    started = time.perf_counter()
    try:
        task = _task(spec)
        fitted = methods()[spec.method].fit(spec, report, checkpoint)
        return _result(spec, task, fitted, _since(started))
    except InfeasibleError as error:
        return TrialResult("infeasible", None, seconds=_since(started), error=str(error))
    except Exception as error:
        log.exception("trial %d of %s failed", spec.number, spec.cell.id)
        text = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        # PyTorch's name of it; this module does without the import.
        if type(error).__name__ == "AcceleratorError":
            raise LostDeviceError(text) from error
        return TrialResult(
            "failed", None, seconds=_since(started), error=text, retry=_may_pass(error)
        )


def _result(spec: TrialSpec, task: Task, fitted: Fitted, seconds: float) -> TrialResult:
    score = _score(spec, task, fitted)
    if not math.isfinite(score):
        raise InfeasibleError(f"{spec.metric} of the validation split is {score}")
    return TrialResult(
        status="complete",
        score=score,
        metrics=compute_all(task.validation.labels, fitted.validation, task.kind),
        curve=fitted.curve,
        seconds=seconds,
        trainable_parameters=fitted.trainable_parameters,
        cost=fitted.cost,
    )


def _may_pass(error: Exception) -> bool:
    """Whether the same trial may succeed a little later: a network or its storage is disturbed."""
    if isinstance(error, OSError):
        # What pyarrow says of an object store has no number.
        of_pyarrow = type(error) is OSError and error.errno is None
        return of_pyarrow or isinstance(error, ConnectionError | TimeoutError) or error.errno in (
            errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.ENETDOWN,
            errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.EREMOTEIO,
        )  # fmt: skip
    return False


@dataclass(frozen=True)
class Refit:
    """The winner of a cell, fitted with one seed and scored on the test split.

    Attributes
    ----------
    test : ndarray, shape (N, K), float64
        As `engine.methods.Fitted.validation`.
    """

    validation: float
    test: npt.NDArray[np.float64]
    seconds: float
    trainable_parameters: int


def refit(spec: TrialSpec, model: Path | None = None, checkpoint: Path | None = None) -> Refit:
    """Fit a configuration and score the test split, which must have been unsealed.

    Parameters
    ----------
    model : Path or None
        Folder for the fitted model's files; it is left empty by a method that cannot be saved.
    checkpoint : Path or None
        The fit's own folder, from which it goes on.
    """
    started = time.perf_counter()
    task = _task(spec)
    fitted = methods()[spec.method].fit(spec, ignore, checkpoint)
    test = fitted.test()
    if model:
        with replacing_folder(model) as temporary:
            if fitted.save:
                fitted.save(temporary)
    return Refit(
        validation=_score(spec, task, fitted),
        test=test,
        seconds=_since(started),
        trainable_parameters=fitted.trainable_parameters,
    )


def _score(spec: TrialSpec, task: Task, fitted: Fitted) -> float:
    """What the search goes by: the validation score, unless the method says otherwise."""
    if fitted.score is not None:
        return fitted.score
    return compute(spec.metric, task.validation.labels, fitted.validation, task.kind)


def _task(spec: TrialSpec) -> Task:
    """The very data that the study was planned on."""
    task = cached_task(spec.task)
    task.check_unchanged(spec.task_fingerprint)
    return task


def _since(started: float) -> float:
    return time.perf_counter() - started
