"""Importance of hyperparameters, and cells that were lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml

from engine.report.facts.searches import searches
from engine.report.finished_run import read_run
from engine.report.sections.lost import lost_grid
from engine.report.sections.tuning import importance_grid

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,), ("c", "lora"): (0.85,)}
SPACE = {
    "method": "probe",
    "parameters": {"C": {"uniform": [0.0, 1.0]}, "pooling": {"choice": ["mean", "max"]}},
    "default": {"C": 0.5, "pooling": "mean"},
}


def change_trials(out: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    change(pd.read_parquet(out / "trials.parquet")).to_parquet(out / "trials.parquet")
    return out


def test_what_the_score_depended_on_comes_first(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=("t",), per_cell=20)
    study = yaml.safe_load((out / "study.yaml").read_text())
    study["methods"]["probe"] = SPACE
    (out / "study.yaml").write_text(yaml.safe_dump(study))

    def depends_on_c(trials: pd.DataFrame) -> pd.DataFrame:
        of = [
            json.dumps({"C": n / 20, "pooling": ["mean", "max"][n % 2]}) for n in trials["number"]
        ]
        return trials.assign(params=of, score=trials["number"] / 20, status="complete")

    grid = importance_grid(read_run(change_trials(out, depends_on_c)))
    assert grid is not None
    # The method whose space is a path in the study has no row; the two probes have one each.
    assert [row[0].text for row in grid.rows] == ["a", "b"]
    assert all(row[3].text.startswith("C ") for row in grid.rows)


def test_few_trials_have_no_importance(make_run: Maker) -> None:
    assert importance_grid(read_run(make_run(cells=CELLS, tasks=("t",), per_cell=5))) is None


def test_a_cell_that_failed_altogether_is_told_with_its_reason(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=("t",), per_cell=3)

    def fail(trials: pd.DataFrame) -> pd.DataFrame:
        lost = trials["encoder"] == "b"
        trials.loc[lost, ["status", "error"]] = ["failed", "CUDA out of memory"]
        return trials

    grid = lost_grid(read_run(change_trials(out, fail)))
    assert grid is not None
    assert [[e.text for e in row] for row in grid.rows] == [
        ["b/t/probe", "3 trials", "CUDA out of memory"]
    ]
    assert lost_grid(read_run(make_run(cells=CELLS, tasks=("t",), per_cell=2))) is None


def test_peak_memory_is_the_largest_of_the_trials(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,)}, tasks=("t",), per_cell=2)
    costs = [json.dumps({"peak_memory_bytes": 3e9}), "{}"]
    (found,) = searches(read_run(change_trials(out, lambda t: t.assign(cost=costs))))["t"]
    assert found.peak_bytes == 3e9
