"""Runs whose trials have chosen poolings, scores and curves."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from engine.report.finished_run import FinishedRun, read_run


def with_trials(out: Path, rows: list[dict[str, object]]) -> FinishedRun:
    """The run with trials of chosen poolings, scores and curves."""
    fixed = {"seconds": 1.0, "trainable_parameters": 1, "error": ""}
    table = pd.DataFrame([fixed | row for row in rows])
    table["number"] = table.groupby("cell").cumcount()
    table["is_default"] = table["number"] == 0
    table.to_parquet(out / "trials.parquet")
    return read_run(out)


def trial(
    cell: str,
    pooling: str | None,
    score: float,
    status: str = "complete",
    curve: tuple[float, ...] = (),
) -> dict[str, object]:
    encoder, task, method = cell.split("/")
    return {
        "cell": cell,
        "encoder": encoder,
        "task": task,
        "method": method,
        "status": status,
        "score": score,
        "curve": json.dumps(curve),
        "params": json.dumps({"pooling": pooling} if pooling else {}),
    }


def change_trials(out: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    change(pd.read_parquet(out / "trials.parquet")).to_parquet(out / "trials.parquet")
    return out
