"""Published scores beside ours: what matches, and what the protocols differ in."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from engine.report.published import TABLE, matches, published_grid
from engine.report.run import read_run
from engine.report.tables import leaderboard

Maker = Callable[..., Path]
FOREST = {"classifier": "random_forest", "pooling": "mean"}
# Feng et al., Nature Communications 2025, tables 1-3: DNABERT-2 on DNase I hypersensitive sites.
PUBLISHED = 0.8666


def run_with(make_run: Maker, value: float, params: dict[str, object], n_test: int = 306) -> Path:
    out = make_run(cells={("dnabert2", "rf"): (value,)}, tasks=("DNase_I",), per_cell=2)
    best = {"cell": "dnabert2/DNase_I/rf", "params": params}
    (out / "best/dnabert2/DNase_I/rf.yaml").write_text(yaml.safe_dump(best))
    scores = pd.read_csv(out / "scores.csv").assign(n_test=n_test)
    scores.to_csv(out / "scores.csv", index=False)
    text = (out / "manifest.json").read_text()
    (out / "manifest.json").write_text(text.replace('"weights": "shipped"', '"weights": "hub"'))
    return out


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.8766, "within tolerance"), (0.8866, "outside tolerance")]
)
def test_the_same_protocol_is_judged_by_the_tolerance(
    make_run: Maker, value: float, verdict: str
) -> None:
    run = read_run(run_with(make_run, value, FOREST))
    found = [m for m in matches(run, leaderboard(run)) if m.value == PUBLISHED]
    assert [(m.differs, m.verdict, m.doi) for m in found] == [
        ("", verdict, "10.1038/s41467-025-65823-8")
    ]
    assert found[0].delta == pytest.approx(value - PUBLISHED)


def test_another_protocol_is_named_and_not_judged(make_run: Maker) -> None:
    params = {"classifier": "logistic_regression", "pooling": "max"}
    run = read_run(run_with(make_run, 0.8666, params, n_test=203))
    found = matches(run, leaderboard(run))
    assert {m.verdict for m in found} == {"another protocol"}
    assert "logistic_regression in place of a random forest" in found[0].differs
    assert "203 test sequences in place of 306" in found[0].differs
    assert "No score is by the same protocol." in published_grid(run, found).caption


def test_encoders_and_tasks_that_were_not_published_have_no_row(make_run: Maker) -> None:
    run = read_run(make_run(per_cell=2))
    assert matches(run, leaderboard(run)) == []


def test_the_table_holds_one_score_per_task_encoder_pooling_and_source() -> None:
    table = pd.read_csv(TABLE)
    assert not table.duplicated(["task", "encoder", "pooling", "doi"]).any()
    assert table["value"].between(0.4, 1).all()
    assert len(table["task"].unique()) == 57
