"""A planned study to its report, from top to bottom: embed, search, select, compare, report."""

from __future__ import annotations

from engine.basics.files import write_text
from engine.basics.yaml_files import dump_yaml
from engine.cluster import workers
from engine.cluster.shared_storage import check_storage, read_and_write
from engine.compare.cells import comparison_table, score_table
from engine.report import ReportPaths, write_report
from engine.stages.embed import embed, measure_embeddings
from engine.stages.results import (
    earlier_seconds,
    write_embeddings,
    write_manifest,
    write_results,
    write_trials,
)
from engine.stages.run import Run
from engine.stages.search import search_cells
from engine.stages.select import select_winners
from engine.stages.track import open_tracker, track_results


def run_study(run: Run) -> ReportPaths | None:
    """Run a study that is planned to its report; what an earlier run finished is not done again.

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
    tracker = open_tracker(run)
    try:
        with run.timed("embed"):
            pairs = dict.fromkeys((p.cell.encoder, p.cell.task) for p in run.plan.cells)
            embed(run, list(pairs), ("train", "validation"))
        with run.timed("search"):
            turns = search_cells(run, tracker)
        searches = turns.searches
        write_trials(run.file("trials.parquet"), searches)
        if not turns.finished:
            return None
        with run.timed("select"):
            winners, tasks = select_winners(run, searches)
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
                track_results(run, tracker, searches, winners, scores, paths)
                tracker.close()
    finally:
        workers.stop()
    if tracker and tracker.failed:
        run.view.say(f"[yellow]MLflow tracking is incomplete: {tracker.failed}[/]")
    return paths
