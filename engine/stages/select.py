"""The stage that selects: winners refitted over seeds; the test split is opened here, once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from engine.basics.errors import UserError
from engine.basics.files import write_text
from engine.cluster import workers
from engine.cluster.capacity import Shape
from engine.compare.cells import TaskFits
from engine.records import Cell
from engine.search.searcher import CellSearch
from engine.select.winners import (
    FinalFit,
    FitRequest,
    Winner,
    final_fits,
    fit_once,
    pick,
    requests_of,
)
from engine.stages.embed import embed
from engine.stages.run import Run, now
from engine.tasks.base import Split


def select_winners(
    run: Run, searches: Mapping[str, CellSearch]
) -> tuple[dict[Cell, Winner], list[TaskFits]]:
    """Fit the winner of each cell with every seed; open the sealed test split once per task."""
    winners: dict[Cell, Winner] = {}
    for search in searches.values():
        winner = pick(search.plan, search.records.values())
        if winner is None:
            run.view.say(f"[yellow]{search.plan.cell.id}: no trial completed; not compared[/]")
        else:
            winners[search.plan.cell] = winner
    if not winners:
        told = _first_error(searches)
        raise UserError(f"no trial of any cell completed; the first error: {told}")
    opened = _unseal(run, sorted({cell.task for cell in winners}))
    embed(run, list(dict.fromkeys((cell.encoder, cell.task) for cell in winners)), ("test",))
    fits = _refit(run, winners)
    metric = {p.cell.task: p.metric for p in run.plan.cells}
    tasks = []
    for task, test in opened.items():
        of_task = [fit for cell in winners if cell.task == task for fit in fits[cell]]
        tasks.append(
            TaskFits(
                task, metric[task], run.plan.tasks[task].kind, test.labels, of_task, test.groups
            )
        )
    return winners, tasks


def _refit(run: Run, winners: Mapping[Cell, Winner]) -> dict[Cell, list[FinalFit]]:
    """Fits of every cell: its winner by seed, then the configuration that was not tuned."""
    seeds = run.plan.study.seeds
    requests: list[FitRequest] = []
    for winner in winners.values():
        requests += requests_of(
            winner,
            seeds,
            partial(run.spec, winner.plan),
            str(run.fits),
            str(run.models),
            str(run.checkpoints),
        )

    def shape(request: FitRequest) -> Shape:
        return run.capacity.shapes[request.spec.cell.id]

    fit_all = partial(workers.map_tasks, fit_once, resources=shape)
    fits: dict[Cell, list[FinalFit]] = {cell: [] for cell in winners}
    with run.view.stage(f"refit the winners over {len(seeds)} seeds", len(requests)) as count:
        for fit in final_fits(requests, fit_all):
            fits[fit.cell].append(fit)
            count["done"] += 1
    for of_cell in fits.values():
        of_cell.sort(key=lambda fit: (fit.variant == "default", fit.seed))
    return fits


def _unseal(run: Run, tasks: Sequence[str]) -> dict[str, Split]:
    """The test splits; the first opening of each is recorded."""
    record = run.file("unsealed.json")
    opened: dict[str, Any] = json.loads(record.read_text()) if record.is_file() else {}
    splits = {}
    for task in tasks:
        fingerprint = run.plan.tasks[task].fingerprint
        if opened.get(task, {}).get("fingerprint") != fingerprint:
            opened[task] = {"fingerprint": fingerprint, "opened": now()}
            # Before the split is read, lest a kill leave an opening that nobody knows of.
            write_text(record, json.dumps(opened, indent=1))
        splits[task] = run.plan.tasks[task].unseal_test()
    return splits


def _first_error(searches: Mapping[str, CellSearch]) -> str:
    for search in searches.values():
        for record in search.records.values():
            if record.result.error:
                return f"{record.cell.id}: {record.result.error}"
    return "none was told; see run.log"
