"""What a run leaves in its output folder: tables, winners, manifest."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from engine.basics import provenance
from engine.basics.files import replacing, write_text
from engine.basics.invocation import as_typed
from engine.compare.cells import TaskFits
from engine.compare.tasks import across_tasks
from engine.embedding.quality import Measured, tables
from engine.metrics import METRICS
from engine.plan.study_keys import Search
from engine.records import Cell, EncoderSpec, TrialRow
from engine.search.pareto import pareto_front
from engine.search.searcher import CellSearch
from engine.select.winners import Winner
from engine.stages.export import write_best
from engine.stages.run import Run, now
from engine.store import Store
from engine.tasks import task_cards

#: Files that only a study of tasks enough has, and those that only one of probes has.
OVER_TASKS = ("across_tasks.csv", "across_tasks_pairs.csv")
EMBEDDINGS = ("embeddings.csv", "embedding_map.parquet")


def write_trials(path: Path, searches: Mapping[str, CellSearch]) -> None:
    """Write every trial of every cell as a table."""
    rows = []
    for search in searches.values():
        front = pareto_front(search.records.values(), search.objectives, search.maximize)
        for number, record in sorted(search.records.items()):
            result = record.result
            rows.append(
                TrialRow(
                    cell=record.cell.id,
                    **record.cell._asdict(),
                    number=number,
                    status=result.status,
                    score=result.score,
                    is_default=number == 0,
                    params=json.dumps(dict(record.params)),
                    metrics=json.dumps(dict(result.metrics)),
                    curve=json.dumps(list(result.curve)),
                    epochs=len(result.curve),
                    seconds=result.seconds,
                    trainable_parameters=result.trainable_parameters,
                    cost=json.dumps(dict(result.cost)),
                    pareto=number in front,
                    duplicate_of=record.duplicate_of,
                    error=result.error,
                    key=record.key,
                )
            )
    _write_parquet(path, pd.DataFrame(map(vars, rows)))


def write_results(
    run: Run,
    winners: Mapping[Cell, Winner],
    tasks: Sequence[TaskFits],
    scores: pd.DataFrame,
    comparisons: pd.DataFrame,
) -> None:
    """Write scores, comparisons, predictions and the winner of each cell."""
    over = _over_tasks(run, scores)
    if not over:
        _remove(run, OVER_TASKS)
    for name, table in {"scores.csv": scores, "comparisons.csv": comparisons, **over}.items():
        with replacing(run.file(name)) as temporary:
            table.to_csv(temporary, index=False)
    _write_parquet(run.file("predictions.parquet"), _predictions(run, tasks))
    for winner in winners.values():
        write_best(run, winner, scores)


def write_embeddings(run: Run, measured: Sequence[Measured]) -> None:
    """Write the quality of embeddings and the points of their maps, where any were measured."""
    if not measured:
        _remove(run, EMBEDDINGS)
        return
    numbers, points = tables(measured)
    table, places = map(run.file, EMBEDDINGS)
    with replacing(table) as temporary:
        numbers.to_csv(temporary, index=False)
    _write_parquet(places, points)


def _remove(run: Run, names: Sequence[str]) -> None:
    """Remove what an earlier version of the study left and this one does not have."""
    for name in names:
        run.file(name).unlink(missing_ok=True)


def _over_tasks(run: Run, scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Models over tasks, where the study has tasks enough."""
    tasks = run.plan.tasks
    metrics = {p.cell.task: METRICS[p.metric] for p in run.plan.cells}
    found = across_tasks(
        scores,
        {name: tasks[name].group for name in metrics},
        {name: 1 if metric.greater_is_better else -1 for name, metric in metrics.items()},
        run.plan.study.compare.equivalence_margin,
    )
    if found is None:
        return {}
    return dict(zip(OVER_TASKS, (found.table, found.pairs), strict=True))


def write_manifest(run: Run, searches: Mapping[str, CellSearch]) -> None:
    """Write everything that shaped the numbers, beside them."""
    plan = run.plan
    truncated: dict[str, Counter[str]] = {name: Counter() for name in plan.cards}
    for (encoder, task), prepared in run.prepared.items():
        if prepared.truncated:
            truncated[encoder][task] = prepared.truncated
    versions = provenance.versions()
    unsealed = json.loads(run.file("unsealed.json").read_text(encoding="utf-8"))
    manifest = {
        "dnasweep": versions["dnasweep"],
        "study": plan.study.name,
        "description": plan.study.description,
        "created": first_started(run),
        "finished": now(),
        "command": as_typed(sys.argv),
        "git_commit": provenance.git_commit(),
        "versions": versions,
        "hardware": provenance.hardware(),
        "nodes": run.nodes,
        "gpus_per_trial": {**(_earlier(run).get("gpus_per_trial") or {}), **run.gpu_shares},
        "seeds": list(plan.study.seeds),
        "search_seed": plan.study.search.seed,
        "objectives": plan.study.search.objectives,
        "stages": run.seconds,
        "forwards": sum(prepared.forwards for prepared in run.prepared.values()),
        "encoders": {
            spec.name: _about_encoder(run, spec, truncated[spec.name])
            for spec in plan.study.encoders
            if any(p.cell.encoder == spec.name for p in plan.cells)
        },
        "tasks": {
            name: _about_task(run, name)
            for name in plan.tasks
            if any(p.cell.task == name for p in plan.cells)
        },
        "skipped": [{"cell": s.cell.id, "reason": s.reason} for s in plan.skipped],
        "notes": _search_notes(searches, plan.study.search),
        "failures": [
            {"cell": r.cell.id, "number": r.number, "error": r.result.error}
            for search in searches.values()
            for r in search.records.values()
            if r.result.status in ("failed", "infeasible")
        ],
        "unsealed": {task: entry["opened"] for task, entry in unsealed.items()},
        "store": Store(run.store).place.shown,
        "embeddings": {
            f"{encoder}/{task}": dict(prepared.embeddings)
            for (encoder, task), prepared in run.prepared.items()
        },
    }
    write_text(run.file("manifest.json"), json.dumps(manifest, indent=1))


def _search_notes(searches: Mapping[str, CellSearch], chosen: Search) -> list[str]:
    """What a reader of the report must know of unequal budgets."""
    notes = [
        f"The search of {cell} was stopped by a rule after {len(search.records)} of "
        f"{search.budget} trials: {search.stopped}."
        for cell, search in searches.items()
        if search.stopped
    ]
    budgets = {search.budget for search in searches.values()}
    if chosen.allocation == "adaptive":
        notes.append(
            f"Trials were given to cells by expected improvement: between {min(budgets)} and "
            f"{max(budgets)} each."
        )
    if chosen.warm_start:
        notes.append(
            f"Searches began with the best configurations of sibling tasks in "
            f"{', '.join(chosen.warm_start)}."
        )
    return notes


def earlier_seconds(run: Run) -> dict[str, float]:
    """Time per stage that earlier runs in this folder took: a run that goes on adds to it."""
    stages = _earlier(run).get("stages") or {}
    return {stage: float(seconds) for stage, seconds in stages.items()}


def first_started(run: Run) -> str:
    """When the study was started in this folder: a run that goes on did not begin it."""
    return str(_earlier(run).get("created") or run.started)


def _earlier(run: Run) -> Mapping[str, Any]:
    """The manifest of an earlier run in this folder."""
    try:
        found: dict[str, Any] = json.loads(run.file("manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


def _predictions(run: Run, tasks: Sequence[TaskFits]) -> pd.DataFrame:
    """Scores of every test row under every fitted model.

    ``label`` is the class's place among the task's classes, or the number that was measured; labels
    that hold or not have a column ``label_K`` each. Scores of each are in ``score_K``.
    """
    parts = []
    for task in tasks:
        ids = run.plan.tasks[task.task].unseal_test().ids
        for fit in task.fits:
            columns = [f"score_{k}" for k in range(fit.scores.shape[1])]
            frame = pd.DataFrame(fit.scores, columns=columns)
            frame.insert(0, "cell", fit.cell.id)
            frame.insert(1, "variant", fit.variant)
            frame.insert(2, "seed", fit.seed)
            frame.insert(3, "id", ids)
            if not task.kind.independent:
                frame.insert(4, "label", task.labels)
            else:
                for k, held in enumerate(task.labels.T):
                    frame.insert(4 + k, f"label_{k}", held)
            parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def _about_encoder(run: Run, spec: EncoderSpec, truncated: Mapping[str, int]) -> dict[str, Any]:
    name, weights = spec.name, spec.weights
    card = run.plan.cards[name]
    prepared = next(p for (encoder, _), p in run.prepared.items() if encoder == name)
    return {
        "family": card.family,
        "weights": weights,
        "weights_hash": prepared.encoder_fingerprint,
        "revision": prepared.revision,
        "truncate": spec.truncate,
        "both_strands": spec.both_strands,
        "stored_as": spec.stored_as,
        "parameters": prepared.parameters,
        "hidden_size": prepared.hidden_size,
        "tokens": card.tokens,
        "trained_on": card.trained_on if weights == "hub" else weights,
        "licence": card.licence,
        "source": card.source,
        "citation": card.citation,
        "truncated": dict(truncated),
    }


def _about_task(run: Run, name: str) -> dict[str, Any]:
    task = run.plan.tasks[name]
    card = None if task.spec.path else task_cards()[name]
    return {
        "title": card.title if card else name,
        "notes": card.notes if card else "",
        "source": task.source,
        "licence": task.licence,
        "citation": task.citation,
        "file": task.file,
        "file_hash": task.file_hash,
        "fingerprint": task.fingerprint,
        "n_train": task.sizes["train"],
        "n_validation": task.sizes["validation"],
        "n_test": task.sizes["test"],
        "kind": task.kind.name,
        "classes": list(task.classes),
        "counts": {split: dict(of) for split, of in task.counts.items()},
        "max_bases": task.max_bases,
        "metric": next(p.metric for p in run.plan.cells if p.cell.task == name),
        "group": task.group,
        "published": task.spec.published,
        "warnings": list(task.warnings),
    }
