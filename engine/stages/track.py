"""What MLflow is told of a study."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from engine.basics import provenance
from engine.metrics import metrics_of
from engine.records import Cell
from engine.report import ReportPaths
from engine.search.searcher import CellSearch
from engine.select.predict import CARD, CONFIG
from engine.select.winners import Winner
from engine.stages.results import EMBEDDINGS, OVER_TASKS
from engine.stages.run import Run
from engine.tracking.mlflow_runs import Tracker, tracking_uri


def open_tracker(run: Run) -> Tracker | None:
    """Find or make the study's run; none where the study is not to be tracked."""
    study = run.plan.study
    if not study.tracking.enabled:
        return None
    runs = run.out.resolve().parent
    uri = tracking_uri(study.tracking.uri, runs)
    tags = {"study": study.name, "git_commit": provenance.git_commit() or "unknown"}
    return Tracker(uri, study.name, runs / "mlartifacts" / study.name, tags)


def track_results(
    run: Run,
    tracker: Tracker,
    searches: Mapping[str, CellSearch],
    winners: Mapping[Cell, Winner],
    scores: pd.DataFrame,
    paths: ReportPaths,
) -> None:
    """Tell the winners' scores and models, and log the files of the run."""
    for cell, winner in winners.items():
        kind = run.plan.tasks[cell.task].kind
        rows = scores[(scores["cell"] == cell.id) & (scores["variant"] == "tuned")]
        metrics = {
            "validation": winner.best.result.score or float("nan"),
            "test_mean": float(rows["value"].mean()),
            "test_sd": float(rows["value"].std()) if len(rows) > 1 else 0.0,
            **{f"test_{m}": float(rows[m].mean()) for m in metrics_of(kind)},
            "trials": len(searches[cell.id].records),
        }
        best = [run.file(f"best/{cell.slug}/{name}") for name in (CONFIG, CARD)]
        tracker.result(searches[cell.id].key, metrics, winner.best.params, best)
    names = ("study.yaml", "scores.csv", "comparisons.csv", "trials.parquet", "predictions.parquet")
    files = [run.file(name) for name in (*names, "manifest.json")]
    some = [run.file(name) for name in (*OVER_TASKS, *EMBEDDINGS)]
    files += [file for file in some if file.is_file()]
    tracker.report([*files, paths.html, paths.markdown, run.file("tables"), run.file("figures")])
