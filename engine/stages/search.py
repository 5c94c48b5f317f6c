"""The stage that searches: trials of all cells, kept as they end."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from functools import partial

from engine.plan.cells import CellPlan
from engine.records import TrialRecord, TrialSpec
from engine.search.ledger import Ledger, Searched, write_search
from engine.search.mirror import Mirror
from engine.search.opening import Fingerprints, open_turns
from engine.search.runner import run_trials
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.stages.run import Run
from engine.tracking.mlflow_runs import Tracker

log = logging.getLogger(__name__)


def search_cells(run: Run, tracker: Tracker | None) -> Turns:
    """Run the trials that are left, and rebuild each cell's search from all of them."""
    study, plan = run.plan.study, run.plan
    ledger = Ledger(run.file("trials"))
    turns = open_turns(study, plan.cells, partial(_fingerprints, run), run.out)
    searches = turns.searches
    _note_search(run, searches)
    if tracker:
        for search in searches.values():
            tracker.cell(search.key, search.plan.cell, _cell_tags(run, search.plan))
            for record in search.records.values():
                tracker.trial(record, search.plan.metric)
    found = sum(len(search.records) for search in searches.values())
    total = sum(search.budget for search in searches.values()) + turns.spare
    if found:
        run.view.say(f"[dim]{found} of {total} trials were done by an earlier run[/]")
    with Mirror(study.search.storage, run.out, searches) as mirror:
        if turns.finished:
            run.view.say(f"[green]✓[/] search  [dim]all {found} trials done[/]")
        else:
            _run_what_is_left(run, turns, ledger, tracker, mirror)
    # Adaptive budgets have grown.
    _note_search(run, searches)
    if mirror.failed:
        run.view.say(f"[yellow]the Optuna storage is incomplete: {mirror.failed}[/]")
    if turns.finished:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    return turns


def _note_search(run: Run, searches: Mapping[str, CellSearch]) -> None:
    cells = {c: Searched(s.key, s.budget, s.plan.metric) for c, s in searches.items()}
    write_search(run.out, cells)


def _run_what_is_left(
    run: Run, turns: Turns, ledger: Ledger, tracker: Tracker | None, mirror: Mirror
) -> None:
    """Run what is left; every record is durable before anything else hears of it."""
    study = run.plan.study

    def keep(record: TrialRecord) -> None:
        ledger.write(record)
        mirror.trial(record)
        if record.result.error:
            log.error("trial %d of %s: %s", record.number, record.cell.id, record.result.error)
        if tracker:
            tracker.trial(record, turns.searches[record.cell.id].plan.metric)

    def spec_of(search: CellSearch, proposal: Proposal) -> TrialSpec:
        return run.spec(search.plan, proposal.params, study.search.seed, proposal.number)

    with run.view.search(turns, run.capacity.slots()):
        run_trials(study, turns, run.capacity, spec_of, keep, run.out)


def _fingerprints(run: Run, plan: CellPlan) -> Fingerprints:
    prepared = run.prepared[plan.cell.encoder, plan.cell.task]
    return Fingerprints(prepared.encoder_fingerprint, run.plan.tasks[plan.cell.task].fingerprint)


def _cell_tags(run: Run, plan: CellPlan) -> dict[str, str]:
    marks = _fingerprints(run, plan)
    return plan.cell._asdict() | {"weights_hash": marks.encoder, "data_hash": marks.task}
