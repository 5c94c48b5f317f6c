"""What runs in a Ray worker: some trials one after the other, each told as soon as it is done."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune

from engine.methods import Report
from engine.records import TrialResult, TrialSpec
from engine.search.scheduler import EPOCH, SCORE
from engine.trial import LostDeviceError

#: Runs trials: specs, what to tell after an epoch, the folder of checkpoints -> position, result.
Body = Callable[[Sequence[TrialSpec], Report, Path], Iterator[tuple[int, TrialResult]]]

#: Key of what a worker tells: a list of [number within the call, result].
RESULTS = "results"

#: A word to the driver takes milliseconds: results of trials that took less wait for each other.
TELL_SECONDS = 0.2


def run_call(config: dict[str, Any], body: Body) -> None:
    """Run the trials of one call.

    Parameters
    ----------
    config : dict
        ``specs``, their JSON; ``checkpoints``, the folder of trials under way.
    body : callable
        `engine.trial.run_trials`, or what stands in for it.
    """
    specs = [TrialSpec.from_json(text) for text in config["specs"]]
    told = time.monotonic()
    waiting: list[tuple[int, dict[str, Any]]] = []

    def epoch_done(epoch: int, score: float) -> None:
        tune.report({EPOCH: epoch, SCORE: score})

    try:
        for index, result in body(specs, epoch_done, Path(config["checkpoints"])):
            waiting.append((index, asdict(result)))
            if time.monotonic() - told > TELL_SECONDS or len(specs) == 1:
                tune.report({RESULTS: json.dumps(waiting)})
                waiting, told = [], time.monotonic()
    except LostDeviceError as error:
        lost = asdict(TrialResult("failed", None, error=str(error), retry=True))
        tune.report({RESULTS: json.dumps([*waiting, (error.index, lost)])})
        # This process has no device any more: Tune gives the next trials another.
        raise
    if waiting:
        tune.report({RESULTS: json.dumps(waiting)})


def results_of(told: dict[str, Any]) -> list[tuple[int, TrialResult]]:
    """Results in what a worker told: number within the call, result."""
    return [
        (index, TrialResult(**{**fields, "curve": tuple(fields["curve"])}))
        for index, fields in json.loads(told.get(RESULTS, "[]"))
    ]
