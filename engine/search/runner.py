"""All cells' trials as one Ray Tune experiment: searcher, scheduler and worker wired together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.search import Searcher

from engine.capacity import Capacity
from engine.cluster import keep_to_share
from engine.metrics import METRICS
from engine.records import TrialRecord, TrialResult, TrialSpec
from engine.search.scheduler import EPOCH, SCORE, CellScheduler
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.study import Study
from engine.trial import run_trial

RESULT = "result"

#: Tune writes its own logs and snapshots per trial; ours are the records, MLflow and the report.
TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


class CellSearcher(Searcher):  # type: ignore[misc]
    """Ray Tune's view of the cells' searches.

    Parameters
    ----------
    turns : Turns
    stopped : set of str
        Trial ids that the scheduler stopped early; shared with it.
    spec_of : callable
        ``spec_of(search, proposal) -> TrialSpec``.
    on_record : callable
        Called with every record, in the driver, the moment it is known.
    """

    def __init__(
        self,
        turns: Turns,
        stopped: set[str],
        spec_of: Callable[[CellSearch, Proposal], TrialSpec],
        on_record: Callable[[TrialRecord], None],
    ):
        super().__init__(metric=SCORE, mode="max")
        self._turns = turns
        self._stopped = stopped
        self._spec_of = spec_of
        self._on_record = on_record
        self._live: dict[str, tuple[CellSearch, TrialSpec, list[float]]] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Configuration of the next trial; none while all that is left must wait."""
        while not self._turns.finished:
            search = self._turns.next()
            proposal = search.ask() if search else None
            if search is None or proposal is None:
                return None
            if isinstance(proposal, TrialRecord):
                self._on_record(proposal)
                continue
            spec = self._spec_of(search, proposal)
            self._live[trial_id] = (search, spec, [])
            return {"cell": spec.cell.id, "number": spec.number, "spec": spec.to_json()}
        return str(Searcher.FINISHED)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keep the curve."""
        if EPOCH in result:
            curve = self._live[trial_id][2]
            # A retried trial starts again at its first epoch.
            del curve[result[EPOCH] - 1 :]
            curve.append(float(result[SCORE]))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the cell's search what came of a trial, and keep the record."""
        if result and RESULT not in result and not error:
            self.on_trial_result(trial_id, result)
        search, spec, curve = self._live.pop(trial_id)
        if error or not result:
            outcome = TrialResult("failed", None, error="the worker died; see OUT/run.log")
        elif RESULT in result:
            fields = json.loads(result[RESULT])
            outcome = TrialResult(**{**fields, "curve": tuple(fields["curve"])})
        else:
            best = max(curve) if METRICS[spec.metric].greater_is_better else min(curve)
            seconds = float(result.get("time_total_s", 0.0))
            outcome = TrialResult("pruned", best, curve=tuple(curve), seconds=seconds)
        self._on_record(search.tell(spec.number, spec.key, outcome))

    def __getstate__(self) -> dict[str, Any]:
        """Give the Tuner's snapshot nothing: it is never restored from."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Write nothing of worth: the trial records are the memory."""
        Path(checkpoint_path).write_text("", encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing; see `save`."""


def trainable(config: dict[str, Any]) -> None:
    """Run one trial in a Ray worker."""
    keep_to_share()
    spec = TrialSpec.from_json(config["spec"])
    result = run_trial(spec, lambda epoch, score: tune.report({EPOCH: epoch, SCORE: score}))
    tune.report({RESULT: json.dumps(asdict(result))})


def run_trials(
    study: Study,
    searches: Mapping[str, CellSearch],
    capacity: Capacity,
    spec_of: Callable[[CellSearch, Proposal], TrialSpec],
    on_record: Callable[[TrialRecord], None],
    out: Path,
) -> None:
    """Run every trial that the searches still lack; on Ctrl-C Tune ends and some stay undone.

    Parameters
    ----------
    study : Study
    searches : mapping
        Cell id -> search, rebuilt from earlier records.
    capacity : Capacity
    spec_of, on_record : callable
        See `CellSearcher`.
    out : Path
        Tune's own files go to ``out/tune``; on a cluster every node must share it.
    """
    turns = Turns(searches, capacity.slots())
    os.environ.update(TUNE_ENVIRONMENT)
    scheduler = CellScheduler(
        longest={cell: _longest(s) for cell, s in searches.items()}
        if study.search.early_stopping
        else {},
        maximize={c: METRICS[s.plan.metric].greater_is_better for c, s in searches.items()},
        grace_epochs=study.search.grace_epochs,
        reduction_factor=study.search.reduction_factor,
        records={cell: list(s.records.values()) for cell, s in searches.items()},
    )
    tuner = tune.Tuner(
        tune.with_resources(trainable, _resources(capacity, list(searches))),
        tune_config=tune.TuneConfig(
            search_alg=CellSearcher(turns, scheduler.stopped, spec_of, on_record),
            scheduler=scheduler,
            num_samples=-1,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name=study.name,
            storage_path=str((out / "tune").resolve()),
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    )
    tuner.fit()


def _resources(capacity: Capacity, cells: Sequence[str]) -> Any:
    """One shape where all trials take the same, since Tune reuses actors within a shape only."""
    asked = {cell: tune.PlacementGroupFactory([capacity.shapes[cell].for_ray()]) for cell in cells}
    first = asked[cells[0]]
    if all(factory == first for factory in asked.values()):
        return first
    return lambda config: asked[config["cell"]]


def _longest(search: CellSearch) -> int:
    """Most epochs that a cell's space allows; 1 for a probe."""
    for parameter in search.plan.space.parameters:
        if parameter.name == "epochs":
            return int(max(parameter.choices, default=parameter.high) or 1)  # type: ignore[type-var]
    return 1
