"""The searches of a study's cells, each where an earlier run left it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.basics.files import write_text
from engine.metrics import METRICS
from engine.plan.cells import CellPlan
from engine.plan.study import Study
from engine.records import TrialRecord
from engine.search.ledger import Ledger, cell_key
from engine.search.searcher import CellSearch, Drawing, startup_trials
from engine.search.stopping import StopRules
from engine.search.turns import Turns
from engine.search.warm import warm_points

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
    out: Path,
) -> Turns:
    """Build every cell's search from the records of earlier runs.

    Parameters
    ----------
    out : Path
        This run's folder: its trials, and the points that its searches started from.

    Returns
    -------
    Turns
        With the trials that are still to be given to cells, where budgets are adaptive.
    """
    chosen = study.search
    points = _warm_points(study, plans, out)
    drawings: dict[str, Drawing] = {}
    keys: dict[str, str] = {}
    for plan in plans:
        drawing = Drawing(
            batch=chosen.batch,
            objectives=tuple(chosen.objectives),
            warm_points=points[plan.cell.id],
            startup=startup_trials(study.trials_per_cell),
        )
        marks = fingerprints(plan)
        drawings[plan.cell.id] = drawing
        keys[plan.cell.id] = cell_key(
            plan, marks.encoder, marks.task, chosen.sampler, chosen.seed, drawing
        )
    records = Ledger(out / "trials").read(keys.values())
    rules = StopRules(chosen.max_seconds, chosen.target, chosen.plateau)
    searches = {}
    for plan in plans:
        key = keys[plan.cell.id]
        searches[plan.cell.id] = CellSearch(
            plan,
            key,
            _budget(study, records[key]),
            chosen.sampler,
            METRICS[plan.metric].greater_is_better,
            records[key],
            rules,
            drawings[plan.cell.id],
        )
    spare = 0
    if chosen.allocation == "adaptive":
        given = sum(search.budget for search in searches.values())
        spare = max(0, len(plans) * study.trials_per_cell - given)
    return Turns(searches, spare)


def _warm_points(
    study: Study, plans: Sequence[CellPlan], out: Path
) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Points to start each cell from: those of this run's first start, however siblings went on."""
    chosen = study.search
    if not chosen.warm_start:
        return {plan.cell.id: () for plan in plans}
    file = out / "warm_points.json"
    asked = {"runs": list(chosen.warm_start), "points": chosen.warm_points}
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    points: dict[str, Any] = kept["cells"] if kept.get("asked") == asked else {}
    if any(plan.cell.id not in points for plan in plans):
        siblings = [r for run in chosen.warm_start for r in Ledger(Path(run) / "trials").all()]
        for plan in plans:
            if plan.cell.id not in points:
                found = warm_points(plan, siblings, chosen.warm_points)
                points[plan.cell.id] = [dict(point) for point in found]
        write_text(file, json.dumps({"asked": asked, "cells": points}, indent=1))
    return {plan.cell.id: tuple(points[plan.cell.id]) for plan in plans}


def _budget(study: Study, records: Sequence[TrialRecord]) -> int:
    """Trials of a cell: all alike, or a floor and what an earlier run gave beyond it."""
    if study.search.allocation == "equal":
        return study.trials_per_cell
    floor = study.search.floor or max(1, round(FLOOR_SHARE * study.trials_per_cell))
    return max([floor, *(record.number + 1 for record in records)])
