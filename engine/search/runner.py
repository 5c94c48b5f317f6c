"""All cells' trials as one Ray Tune experiment: searcher, scheduler and worker wired together."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray import tune

from engine import trial
from engine.cluster.capacity import Capacity, Shape
from engine.cluster.workers import keep_to_share
from engine.metrics import METRICS
from engine.plan.study import Study
from engine.records import TrialRecord, TrialSpec
from engine.search.dispatch import Dispatcher
from engine.search.rungs import rule_of
from engine.search.scheduler import CellScheduler
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.search.worker import Body, run_call

#: Tune writes its own logs and snapshots per trial; ours are the records, MLflow and the report.
TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def run_trials(
    study: Study,
    turns: Turns,
    capacity: Capacity,
    spec_of: Callable[[CellSearch, Proposal], TrialSpec],
    on_record: Callable[[TrialRecord], None],
    out: Path,
    body: Body = trial.run_trials,
) -> None:
    """Run every trial that the searches still lack; on Ctrl-C Tune ends and some stay undone.

    Parameters
    ----------
    turns : Turns
        Of searches rebuilt from earlier records.
    spec_of, on_record : callable
        See `Dispatcher`.
    out : Path
        Trials under way keep their state in ``out/checkpoints``, Tune's own files go to
        ``out/tune``; on a cluster every node must share both.
    body : callable
        Runs trials in a worker; pickled by value where workers cannot import it.
    """

    def call(config: dict[str, Any]) -> None:
        keep_to_share()
        run_call(config, body)

    shapes = {cell: capacity.shapes[cell] for cell in turns.searches}
    several = len(set(shapes.values())) > 1
    # Tune keeps an actor only while a trial of its shape waits for it: one more than can run.
    slots = {kind: many + several for kind, many in capacity.slots().items()}
    # Tune asks for one trial at a time until it runs, unless it is told how many may wait.
    waiting = {"TUNE_MAX_PENDING_TRIALS_PG": str(sum(slots.values()))}
    os.environ.update(TUNE_ENVIRONMENT | waiting)
    checkpoints = (out / "checkpoints").resolve()
    tuner = tune.Tuner(
        tune.with_resources(call, _resources(shapes)),
        tune_config=tune.TuneConfig(
            search_alg=Dispatcher(turns, slots, spec_of, on_record, checkpoints),
            scheduler=_scheduler(study, turns.searches),
            num_samples=-1,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: f"trial-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name=study.name,
            storage_path=str((out / "tune").resolve()),
            # A lost trial is begun again by the dispatcher, which knows what it had done.
            failure_config=tune.FailureConfig(max_failures=0),
            verbose=0,
        ),
    )
    tuner.fit()


def _resources(shapes: Mapping[str, Shape]) -> Any:
    """One shape where all trials take the same, since Tune reuses actors within a shape only."""
    asked = {cell: tune.PlacementGroupFactory([s.for_ray()]) for cell, s in shapes.items()}
    if len(set(shapes.values())) == 1:
        return next(iter(asked.values()))
    return lambda config: asked[config["cell"]]


def _scheduler(study: Study, searches: Mapping[str, CellSearch]) -> CellScheduler:
    chosen = study.search
    rules = {
        cell: rule_of(
            chosen.early_stopping, chosen.grace_epochs, chosen.reduction_factor, _longest(search)
        )
        for cell, search in searches.items()
        # What a trial costs is known only at its end.
        if len(search.objectives) == 1
    }
    return CellScheduler(
        rules={cell: rule for cell, rule in rules.items() if rule is not None},
        maximize={cell: METRICS[s.plan.metric].greater_is_better for cell, s in searches.items()},
        records={cell: list(s.records.values()) for cell, s in searches.items()},
    )


def _longest(search: CellSearch) -> int:
    """Most epochs that a cell's space allows; 1 where it names none, as for a probe."""
    for parameter in search.plan.space.parameters:
        if parameter.name == "epochs":
            whole = [choice for choice in parameter.choices if isinstance(choice, int)]
            return max(whole, default=int(parameter.high) or 1)
    return 1
