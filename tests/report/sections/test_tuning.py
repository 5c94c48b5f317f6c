"""Importance of hyperparameters."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml

from engine.report.finished_run import read_run
from engine.report.sections.tuning import importance_grid
from tests.report.trials import change_trials

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,), ("c", "lora"): (0.85,)}
SPACE = {
    "method": "probe",
    "parameters": {"C": {"uniform": [0.0, 1.0]}, "pooling": {"choice": ["mean", "max"]}},
    "default": {"C": 0.5, "pooling": "mean"},
}


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
