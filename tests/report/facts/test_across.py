"""Models over tasks in the report: the sentence and the tables."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from engine.report import write_report
from engine.report.facts import across
from engine.report.finished_run import read_run
from tests.report.over_tasks import CELLS, TASKS, OverTasks

Maker = Callable[..., Path]


def test_the_best_model_is_named_with_its_rank_and_whom_it_leads(over_tasks: OverTasks) -> None:
    run, found = over_tasks
    said = across.sentence(run, found)
    # Seven wins of seven: p = 2 / 2**7, and 3 pairs after Holm: 0.047.
    assert said.startswith("Over 7 tasks a · probe has the best mean rank, 1.0 of 3")
    assert "significantly ahead of 2 models" in said
    grid = across.pairs_grid(run, found)
    assert [entry.text for entry in grid.rows[0]][2] == "7 · 0 · 0"
    assert grid.rows[0][-1].text == "significant"
    assert grid.rows[2][-1].text == "not significant"


def test_a_better_mean_rank_is_not_a_lead_where_wilcoxon_favours_the_other(make_run: Maker) -> None:
    lead = [0.001 + n * 1e-5 for n in range(21)] + [-0.1 - n * 1e-3 for n in range(19)]
    cells = {("a", "probe"): tuple(0.8 + d for d in lead), ("b", "probe"): (0.8,) * 40}
    run = read_run(make_run(cells=cells, tasks=tuple(f"t{n}" for n in range(40)), per_cell=2))
    found = across.of_run(run)
    assert found is not None
    said = across.sentence(run, found)
    assert "a · probe has the best mean rank" in said
    assert "it is significantly ahead" not in said
    assert "b · probe is significantly ahead of it by Wilcoxon's test" in said
    (row,) = across.pairs_grid(run, found).rows
    assert row[-1].text == "significant for the second"


def test_tasks_of_different_metrics_have_no_median_difference(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=TASKS, per_cell=2)
    scores = pd.read_csv(out / "scores.csv")
    scores.loc[scores["task"] == "task-0", "metric"] = "mcc"
    scores.to_csv(out / "scores.csv", index=False)
    run = read_run(out)
    found = across.of_run(run)
    assert found is not None
    grid = across.pairs_grid(run, found)
    assert "Median difference" not in [column.title for column in grid.columns]
    assert "different metrics" in grid.caption


def test_few_tasks_make_too_narrow_intervals_and_the_table_says_so(over_tasks: OverTasks) -> None:
    run, found = over_tasks
    assert "too narrow" in across.models_grid(run, found).caption
    assert "too narrow" not in across.models_grid(run, replace(found, n_groups=10)).caption


@pytest.mark.slow
def test_the_page_has_the_diagram_and_its_tables(make_run: Maker) -> None:
    two = dict(list(CELLS.items())[:2])
    paths = write_report(make_run(cells=two, tasks=TASKS[:5], per_cell=2))
    names = {path.name for path in paths.figures}
    assert "critical-difference.svg" in names
    page = paths.html.read_text()
    assert "Over 5 tasks" in page
    assert "P(equivalent)" in page
    assert "Over 5 tasks" in paths.markdown.read_text()


def test_few_tasks_have_ranks_but_no_tests(make_run: Maker) -> None:
    run = read_run(make_run(cells=CELLS, tasks=TASKS[:4], per_cell=2))
    assert across.of_run(run) is None


def test_too_few_tasks_for_any_pair_to_be_significant_is_told(make_run: Maker) -> None:
    run = read_run(make_run(cells=CELLS, tasks=TASKS[:5], per_cell=2))
    found = across.of_run(run)
    assert found is not None
    assert re.search(
        r"no pair can be significant .* smallest p is 0.062", across.sentence(run, found)
    )


def test_a_model_that_failed_on_a_task_is_named(make_run: Maker) -> None:
    out = make_run(cells=CELLS, tasks=TASKS, per_cell=2)
    scores = pd.read_csv(out / "scores.csv")
    scores[~((scores["encoder"] == "b") & (scores["task"] == "task-3"))].to_csv(
        out / "scores.csv", index=False
    )
    run = read_run(out)
    found = across.of_run(run)
    assert found is not None
    assert "without a score on some task: b · probe" in across.sentence(run, found)


def test_whom_the_best_leads_is_said_before_the_test_of_all(over_tasks: OverTasks) -> None:
    run, found = over_tasks
    said = across.sentence(run, found)
    assert re.search(r"; it is significantly ahead of .*; all 3 together differ in rank", said)
