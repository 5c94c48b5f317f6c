"""The body of a trial: a spec in, a result out. It knows neither Ray, Optuna nor MLflow."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.methods import Fitted, InfeasibleError, Report, methods
from engine.metrics import compute, compute_all
from engine.records import TrialResult, TrialSpec
from engine.tasks import cached_task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

log = logging.getLogger(__name__)


def ignore(epoch: int, score: float) -> None:
    """Report to nobody."""


def run_trial(
    spec: TrialSpec, report: Report = ignore, checkpoint: Path | None = None
) -> TrialResult:
    """Fit one configuration and score it on the validation split.

    Parameters
    ----------
    spec : TrialSpec
    report : callable
        Told epoch and validation score after every epoch.
    checkpoint : Path or None
        The trial's own folder, from which it goes on.

    Returns
    -------
    TrialResult
        An error of any kind is a result too (``failed``, or ``infeasible`` where the configuration
        is to blame), so that one trial never ends a study.
    """
    started = time.perf_counter()
    try:
        labels = _labels(spec)
        fitted = methods()[spec.method].fit(spec, report, checkpoint)
        score = _score(spec, labels, fitted)
        metrics = compute_all(labels, fitted.validation)
    except InfeasibleError as error:
        return TrialResult("infeasible", None, seconds=_since(started), error=str(error))
    except Exception as error:
        log.exception("trial %d of %s failed", spec.number, spec.cell.id)
        line = (str(error).splitlines() or [""])[0]
        text = f"{type(error).__name__}: {line}"
        return TrialResult("failed", None, seconds=_since(started), error=text)
    return TrialResult(
        status="complete",
        score=score,
        metrics=metrics,
        curve=fitted.curve,
        seconds=_since(started),
        trainable_parameters=fitted.trainable_parameters,
        cost=fitted.cost,
    )


@dataclass(frozen=True)
class Refit:
    """The winner of a cell, fitted with one seed and scored on the test split.

    Attributes
    ----------
    validation : float
    test : ndarray, shape (N, K), float64
        Class probabilities.
    seconds : float
    trainable_parameters : int
    """

    validation: float
    test: npt.NDArray[np.float64]
    seconds: float
    trainable_parameters: int


def refit(spec: TrialSpec) -> Refit:
    """Fit a configuration and score the test split, which must have been unsealed."""
    started = time.perf_counter()
    labels = _labels(spec)
    fitted = methods()[spec.method].fit(spec, ignore, None)
    return Refit(
        validation=_score(spec, labels, fitted),
        test=fitted.test(),
        seconds=_since(started),
        trainable_parameters=fitted.trainable_parameters,
    )


def _score(spec: TrialSpec, labels: npt.NDArray[np.int64], fitted: Fitted) -> float:
    """What the search goes by: the validation score, unless the method says otherwise."""
    if fitted.score is not None:
        return fitted.score
    return compute(spec.metric, labels, fitted.validation)


def _labels(spec: TrialSpec) -> npt.NDArray[np.int64]:
    """Labels of the validation split, of the very data that the study was planned on."""
    task = cached_task(spec.task)
    if task.fingerprint != spec.task_fingerprint:
        raise UserError(
            f"{task.file}: the data changed while the study ran; put them back, or run with --fresh"
        )
    return task.validation.labels


def _since(started: float) -> float:
    return time.perf_counter() - started
