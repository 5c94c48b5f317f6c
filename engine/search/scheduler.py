"""Early stopping in Ray Tune: one rule per cell, since trials of two cells must not be compared."""

from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from engine.records import TrialRecord
from engine.search.rungs import Rule

EPOCH = "epoch"
SCORE = "score"


class CellScheduler(FIFOScheduler):  # type: ignore[misc]
    """Asks the rule of a trial's cell after every epoch.

    The default configuration, trial 0, is never stopped: it is the untuned baseline.

    Parameters
    ----------
    rules : mapping
        Cell id -> rule; cells without one are left alone.
    maximize : mapping
        Cell id -> whether a higher score is better.
    records : mapping
        Cell id -> trials that finished earlier; their curves are told to the rules again.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        maximize: Mapping[str, bool],
        records: Mapping[str, Sequence[TrialRecord]],
    ):
        super().__init__()
        self._rules = rules
        self._sign = {cell: 1 if better else -1 for cell, better in maximize.items()}
        for cell in rules:
            for record in records.get(cell, ()):
                if record.duplicate_of is None:
                    for epoch, score in enumerate(record.result.curve, start=1):
                        self._stops(cell, record.number, epoch, score)

    def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide whether a trial goes on."""
        if EPOCH not in result or trial.config["cell"] not in self._rules:
            return str(TrialScheduler.CONTINUE)
        number, epoch = trial.config["number"], result[EPOCH]
        stop = self._stops(trial.config["cell"], number, epoch, result[SCORE])
        # The default, and a trial that has no epoch left to save.
        spared = number == 0 or epoch >= trial.config["epochs"]
        return str(TrialScheduler.STOP if stop and not spared else TrialScheduler.CONTINUE)

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """Nothing to do: what a trial reached before it failed stays with the rule."""

    def _stops(self, cell: str, number: int, epoch: int, score: float) -> bool:
        return self._rules[cell](number, epoch, self._sign[cell] * float(score))
