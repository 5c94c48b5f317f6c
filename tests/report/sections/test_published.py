"""Published scores beside ours: what matches, and what the protocols differ in."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from engine.report.facts.standings import leaderboard
from engine.report.finished_run import read_run
from engine.report.sections.published import matches, published_grid

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
    found = [m for m in matches(run, leaderboard(run)) if m.published.value == PUBLISHED]
    assert [(m.differs, m.verdict, m.published.doi) for m in found] == [
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


def test_a_task_of_another_name_is_compared_where_the_study_says_what_it_is(
    make_run: Maker,
) -> None:
    out = make_run(cells={("dnabert2", "rf"): (0.8,)}, tasks=("mine",), per_cell=2)
    assert matches(read_run(out), leaderboard(read_run(out))) == []
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["tasks"]["mine"]["published"] = "DNase_I"
    (out / "manifest.json").write_text(json.dumps(manifest))
    run = read_run(out)
    assert PUBLISHED in [match.published.value for match in matches(run, leaderboard(run))]
