"""The searches of a study's cells, each where an earlier run left it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.metrics import METRICS
from engine.plan import CellPlan
from engine.records import TrialRecord
from engine.search.ledger import Ledger, cell_key
from engine.search.searcher import CellSearch, Drawing, startup_trials
from engine.search.stopping import StopRules
from engine.search.turns import Turns
from engine.search.warm import warm_points
from engine.study import Study

#: Share of trials_per_cell that every cell gets where the rest is given by expected improvement.
FLOOR_SHARE = 0.5


@dataclass(frozen=True)
class Fingerprints:
    """Identity of the values behind a cell's encoder and task."""

    encoder: str
    task: str


def open_turns(
    study: Study,
    plans: Sequence[CellPlan],
    fingerprints: Callable[[CellPlan], Fingerprints],
    ledger: Ledger,
) -> Turns:
    """Build every cell's search from the records of earlier runs.

    Parameters
    ----------
    study : Study
    plans : sequence of CellPlan
    fingerprints : callable
    ledger : Ledger
        Of this run's folder.

    Returns
    -------
    Turns
        With the trials that are still to be given to cells, where budgets are adaptive.
    """
    chosen = study.search
    siblings = [r for run in chosen.warm_start for r in Ledger(Path(run) / "trials").all()]
    drawings: dict[str, Drawing] = {}
    keys: dict[str, str] = {}
    for plan in plans:
        drawing = Drawing(
            batch=chosen.batch,
            objectives=tuple(chosen.objectives),
            warm_points=warm_points(plan, siblings, chosen.warm_points),
            startup=startup_trials(study.trials_per_cell),
        )
        marks = fingerprints(plan)
        drawings[plan.cell.id] = drawing
        keys[plan.cell.id] = cell_key(
            plan, marks.encoder, marks.task, chosen.sampler, chosen.seed, drawing
        )
    records = ledger.read(keys.values())
    rules = StopRules(chosen.max_seconds, chosen.target, chosen.plateau)
    searches = {
        plan.cell.id: CellSearch(
            plan,
            keys[plan.cell.id],
            _budget(study, records[keys[plan.cell.id]]),
            chosen.sampler,
            METRICS[plan.metric].greater_is_better,
            records[keys[plan.cell.id]],
            rules,
            drawings[plan.cell.id],
        )
        for plan in plans
    }
    spare = 0
    if chosen.allocation == "adaptive":
        given = sum(search.budget for search in searches.values())
        spare = max(0, len(plans) * study.trials_per_cell - given)
    return Turns(searches, spare)


def _budget(study: Study, records: Sequence[TrialRecord]) -> int:
    """Trials of a cell: all alike, or a floor and what an earlier run gave beyond it."""
    if study.search.allocation == "equal":
        return study.trials_per_cell
    floor = study.search.floor or max(1, round(FLOOR_SHARE * study.trials_per_cell))
    return max([floor, *(record.number + 1 for record in records)])
