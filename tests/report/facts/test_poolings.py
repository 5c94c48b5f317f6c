"""What pooling brings, and what is drawn of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.report.facts.poolings import pooling_grid, poolings
from engine.report.figures.panels import pooling_effect
from tests.report.trials import trial, with_trials

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9, 0.9), ("b", "lora"): (0.8, 0.8)}


def test_loss_of_a_pooling_is_against_the_cells_best(make_run: Maker) -> None:
    run = with_trials(
        make_run(cells=CELLS, tasks=("t", "u")),
        [
            trial("a/t/probe", "mean", 0.90),
            trial("a/t/probe", "max", 0.84),
            trial("a/t/probe", "max", 0.86),
            trial("a/t/probe", "max", 0.99, status="pruned"),
            trial("a/u/probe", "mean", 0.70),
            trial("a/u/probe", "max", 0.75),
            trial("b/t/lora", "mean", 0.60),
        ],
    )
    found = {(one.task, one.pooling): one for one in poolings(run)}
    # A cell with one pooling says nothing; a pruned trial's score is of fewer epochs.
    assert set(found) == {("t", "mean"), ("t", "max"), ("u", "mean"), ("u", "max")}
    assert found["t", "max"].best == pytest.approx(0.86)
    assert found["t", "max"].trials == 2
    assert {key: round(one.loss, 9) for key, one in found.items()} == {
        ("t", "mean"): 0,
        ("t", "max"): 0.04,
        ("u", "mean"): 0.05,
        ("u", "max"): 0,
    }
    rows = [[entry.text for entry in row] for row in pooling_grid(run, poolings(run)).rows]
    assert rows == [
        ["a", "probe", "max", "2", "1", "0.020", "0.040", "3"],
        ["a", "probe", "mean", "2", "1", "0.025", "0.050", "2"],
    ]


def test_of_a_loss_the_smallest_is_best(make_run: Maker) -> None:
    run = with_trials(
        make_run(cells=CELLS, tasks=("t", "u"), metric="log_loss"),
        [trial("a/t/probe", "mean", 0.2), trial("a/t/probe", "max", 0.5)],
    )
    losses = {one.pooling: one.loss for one in poolings(run)}
    assert losses == {"mean": pytest.approx(0), "max": pytest.approx(0.3)}


def test_a_study_without_poolings_has_no_such_table(make_run: Maker) -> None:
    run = with_trials(make_run(cells=CELLS, tasks=("t", "u")), [trial("a/t/probe", None, 0.9)])
    assert poolings(run) == []


def test_every_cell_with_poolings_has_a_line(make_run: Maker) -> None:
    rows = [
        trial(cell, pooling, 0.8)
        for cell in ("a/t/probe", "b/t/lora", "b/u/lora")
        for pooling in ("mean", "max", "summary")
    ]
    run = with_trials(make_run(cells=CELLS, tasks=("t", "u")), rows)
    drawing = pooling_effect(run, poolings(run))
    lines = [line for axes in drawing.figure.axes for line in axes.lines]
    assert [len(line.get_xdata()) for line in lines] == [3, 3, 3]
    assert sorted(drawing.tips) == ["cell-0-0", "cell-0-1", "cell-1-0"]
