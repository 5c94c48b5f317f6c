"""Early stopping: one ASHA per cell, since rungs of different cells must not be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from engine.records import TrialRecord

EPOCH = "epoch"
SCORE = "score"


class CellScheduler(FIFOScheduler):  # type: ignore[misc]
    """Hands every callback to the ASHA (Li et al. 2018, arXiv:1810.05934) of the trial's cell.

    The default configuration, trial 0, is never stopped: it is the untuned baseline.

    Parameters
    ----------
    longest : mapping
        Cell id -> most epochs that its space allows; cells of one epoch are left alone.
    maximize : mapping
        Cell id -> whether a higher score is better.
    grace_epochs : int
        Epochs before a trial can be stopped.
    reduction_factor : float
        One trial in so many goes on from a rung.
    records : mapping
        Cell id -> trials that finished earlier; their curves rebuild the rungs.
    """

    def __init__(
        self,
        longest: Mapping[str, int],
        maximize: Mapping[str, bool],
        grace_epochs: int,
        reduction_factor: float,
        records: Mapping[str, Sequence[TrialRecord]],
    ):
        super().__init__()
        self.stopped: set[str] = set()
        self._rungs = {
            cell: AsyncHyperBandScheduler(
                time_attr=EPOCH,
                metric=SCORE,
                mode="max" if maximize[cell] else "min",
                max_t=epochs,
                grace_period=grace_epochs,
                reduction_factor=reduction_factor,
                stop_last_trials=False,
            )
            for cell, epochs in longest.items()
            if epochs > grace_epochs
        }
        for cell, scheduler in self._rungs.items():
            for record in records.get(cell, ()):
                if record.duplicate_of is None:
                    _replay(scheduler, record)

    def on_trial_add(self, controller: Any, trial: Any) -> None:
        """Pass it on."""
        if scheduler := self._of(trial):
            scheduler.on_trial_add(controller, trial)

    def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide whether a trial goes on."""
        scheduler = self._of(trial)
        if scheduler is None or EPOCH not in result:
            return str(TrialScheduler.CONTINUE)
        decision = str(scheduler.on_trial_result(controller, trial, result))
        if trial.config["number"] == 0:
            return str(TrialScheduler.CONTINUE)
        if decision == TrialScheduler.STOP:
            self.stopped.add(trial.trial_id)
        return decision

    def on_trial_complete(self, controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Nothing to do: every epoch was told when it was done."""

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """Nothing to do: what a trial reached before it failed stays in the rungs."""

    def on_trial_remove(self, controller: Any, trial: Any) -> None:
        """Nothing to do."""

    def _of(self, trial: Any) -> AsyncHyperBandScheduler | None:
        return self._rungs.get(trial.config["cell"])


def _replay(scheduler: AsyncHyperBandScheduler, record: TrialRecord) -> None:
    stand_in = SimpleNamespace(trial_id=f"earlier-{record.number}")
    scheduler.on_trial_add(None, stand_in)
    for epoch, score in enumerate(record.result.curve, start=1):
        scheduler.on_trial_result(None, stand_in, {EPOCH: epoch, SCORE: score})
