"""A study from plan to report: embed, search, select, compare, report."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from engine import cluster, provenance
from engine.capacity import Shape
from engine.compare import TaskFits, comparison_table, score_table
from engine.embed_stage import embed, measure_embeddings
from engine.errors import UserError
from engine.files import write_text
from engine.metrics import metrics_of
from engine.plan import CellPlan
from engine.predict import CARD, CONFIG
from engine.records import Cell, TrialRecord, TrialSpec
from engine.report import ReportPaths, write_report
from engine.results import (
    EMBEDDINGS,
    OVER_TASKS,
    earlier_seconds,
    write_embeddings,
    write_manifest,
    write_results,
    write_trials,
)
from engine.run import Run, now
from engine.search.ledger import Ledger, Searched, write_search
from engine.search.mirror import Mirror
from engine.search.opening import Fingerprints, open_turns
from engine.search.runner import run_trials
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.select import FinalFit, FitRequest, Winner, final_fits, fit_once, pick, requests_of
from engine.storage_check import check_storage, read_and_write
from engine.tasks.base import Split
from engine.tracking import Tracker, tracking_uri
from engine.yamlio import dump_yaml

log = logging.getLogger(__name__)


def run_study(run: Run) -> ReportPaths | None:
    """Run a study to its report; what an earlier run finished is not done again.

    Parameters
    ----------
    run : Run

    Returns
    -------
    ReportPaths or None
        None where trials are left (an interrupt).

    Raises
    ------
    UserError
        For anything that the user can mend.
    KeyboardInterrupt
        On Ctrl-C outside the search; everything finished is kept.
    """
    run.out.mkdir(parents=True, exist_ok=True)
    run.seconds |= earlier_seconds(run)
    write_text(run.file("study.yaml"), dump_yaml(run.plan.study.to_dict()))
    if run.address:
        # A cluster that does not answer or does not share its storage is told before any work.
        check_storage(run.capacity.nodes, (str(run.out.resolve()), run.store), read_and_write)
    tracker = _tracker(run)
    try:
        with run.timed("embed"):
            pairs = dict.fromkeys((p.cell.encoder, p.cell.task) for p in run.plan.cells)
            embed(run, list(pairs), ("train", "validation"))
        with run.timed("search"):
            turns = _search(run, tracker)
        searches = turns.searches
        write_trials(run.file("trials.parquet"), searches)
        if not turns.finished:
            return None
        with run.timed("select"):
            winners, tasks = _select(run, searches)
        with run.timed("embedding quality"):
            measured = measure_embeddings(run)
        with run.timed("compare"):
            scores = score_table(tasks)
            chosen = run.plan.study.compare
            comparisons = comparison_table(
                tasks,
                run.plan.study.seeds,
                chosen.family,
                chosen.correction,
                chosen.equivalence_margin,
            )
        write_results(run, winners, tasks, scores, comparisons)
        write_embeddings(run, measured)
        write_manifest(run, searches)
        with run.timed("report"):
            paths = write_report(run.out)
        if tracker:
            with run.timed("tracking"):
                _track_results(run, tracker, searches, winners, scores, paths)
                tracker.close()
    finally:
        cluster.stop()
    if tracker and tracker.failed:
        run.view.say(f"[yellow]MLflow tracking is incomplete: {tracker.failed}[/]")
    return paths


def _tracker(run: Run) -> Tracker | None:
    study = run.plan.study
    if not study.tracking.enabled:
        return None
    runs = run.out.resolve().parent
    uri = tracking_uri(study.tracking.uri, runs)
    tags = {"study": study.name, "git_commit": provenance.git_commit() or "unknown"}
    return Tracker(uri, study.name, runs / "mlartifacts" / study.name, tags)


def _search(run: Run, tracker: Tracker | None) -> Turns:
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
            _run_trials(run, turns, ledger, tracker, mirror)
    # Adaptive budgets have grown.
    _note_search(run, searches)
    if mirror.failed:
        run.view.say(f"[yellow]the Optuna storage is incomplete: {mirror.failed}[/]")
    if turns.finished:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    return turns


def _fingerprints(run: Run, plan: CellPlan) -> Fingerprints:
    prepared = run.prepared[plan.cell.encoder, plan.cell.task]
    return Fingerprints(prepared.encoder_fingerprint, run.plan.tasks[plan.cell.task].fingerprint)


def _note_search(run: Run, searches: Mapping[str, CellSearch]) -> None:
    cells = {c: Searched(s.key, s.budget, s.plan.metric) for c, s in searches.items()}
    write_search(run.out, cells)


def _run_trials(
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
        return run.spec(search.plan, proposal.params, proposal.number, study.search.seed)

    with run.view.search(turns, run.capacity.slots()):
        run_trials(study, turns, run.capacity, spec_of, keep, run.out)


def _cell_tags(run: Run, plan: CellPlan) -> dict[str, str]:
    prepared = run.prepared[plan.cell.encoder, plan.cell.task]
    return {
        "encoder": plan.cell.encoder,
        "task": plan.cell.task,
        "method": plan.cell.method,
        "weights_hash": prepared.encoder_fingerprint,
        "data_hash": run.plan.tasks[plan.cell.task].fingerprint,
    }


def _select(
    run: Run, searches: Mapping[str, CellSearch]
) -> tuple[dict[Cell, Winner], list[TaskFits]]:
    """Fit the winner of each cell with every seed; open the sealed test split once per task."""
    study = run.plan.study
    winners: dict[Cell, Winner] = {}
    for search in searches.values():
        winner = pick(search.plan, search.records.values())
        if winner is None:
            run.view.say(f"[yellow]{search.plan.cell.id}: no trial completed; not compared[/]")
        else:
            winners[search.plan.cell] = winner
    if not winners:
        raise UserError(
            f"no trial of any cell completed; the first error: {_first_error(searches)}"
        )
    opened = _unseal(run, sorted({cell.task for cell in winners}))
    embed(run, list(dict.fromkeys((cell.encoder, cell.task) for cell in winners)), ("test",))
    requests: list[FitRequest] = []
    for winner in winners.values():
        requests += requests_of(
            winner,
            study.seeds,
            partial(_fit_spec, run, winner.plan),
            str(run.fits),
            str(run.models),
            str(run.checkpoints),
        )
    fits: dict[Cell, list[FinalFit]] = {cell: [] for cell in winners}
    with run.view.stage(f"refit the winners over {len(study.seeds)} seeds", len(requests)) as count:
        for fit in final_fits(requests, partial(_fit_all, run)):
            fits[fit.cell].append(fit)
            count["done"] += 1
    metric = {p.cell.task: p.metric for p in run.plan.cells}
    tasks = []
    for task, test in opened.items():
        of_task = [
            fit
            for cell in winners
            if cell.task == task
            for fit in sorted(fits[cell], key=lambda f: (f.variant == "default", f.seed))
        ]
        tasks.append(TaskFits(task, metric[task], test.labels, of_task, test.groups))
    return winners, tasks


def _fit_spec(run: Run, plan: CellPlan, params: Mapping[str, Any], seed: int) -> TrialSpec:
    return run.spec(plan, params, 0, seed)


def _fit_all(run: Run, requests: Sequence[FitRequest]) -> Iterator[tuple[FitRequest, FinalFit]]:
    if not requests:
        return iter(())
    capacity = run.capacity

    def resources(request: FitRequest) -> Shape:
        return capacity.shapes[request.spec.cell.id]

    return cluster.map_tasks(fit_once, requests, resources)


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


def _track_results(
    run: Run,
    tracker: Tracker,
    searches: Mapping[str, CellSearch],
    winners: Mapping[Cell, Winner],
    scores: pd.DataFrame,
    paths: ReportPaths,
) -> None:
    for cell, winner in winners.items():
        rows = scores[(scores["cell"] == cell.id) & (scores["variant"] == "tuned")]
        metrics = {
            "validation": winner.best.result.score or float("nan"),
            "test_mean": float(rows["value"].mean()),
            "test_sd": float(rows["value"].std()) if len(rows) > 1 else 0.0,
            **{
                f"test_{m}": float(rows[m].mean())
                for m in metrics_of(run.plan.tasks[cell.task].kind)
            },
            "trials": len(searches[cell.id].records),
        }
        best = [run.file(f"best/{cell.slug}/{name}") for name in (CONFIG, CARD)]
        tracker.result(searches[cell.id].key, metrics, winner.best.params, best)
    names = ("study.yaml", "scores.csv", "comparisons.csv", "trials.parquet", "predictions.parquet")
    files = [run.file(name) for name in (*names, "manifest.json")]
    some = [run.file(name) for name in (*OVER_TASKS, *EMBEDDINGS)]
    files += [file for file in some if file.is_file()]
    tracker.report([*files, paths.html, paths.markdown, run.file("tables"), run.file("figures")])
