"""Learning curves: every epoch of every trained trial, and the winner."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.report.figures.curves import learning_curves, trained_trials
from tests.report.trials import trial, with_trials

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9, 0.9), ("b", "lora"): (0.8, 0.8)}


def test_learning_curves_hold_every_epoch_and_mark_the_winner(make_run: Maker) -> None:
    run = with_trials(
        make_run(cells=CELLS, tasks=("t", "u")),
        [
            trial("b/t/lora", "mean", 0.7, curve=(0.5, 0.6, 0.7)),
            trial("b/t/lora", "max", 0.8, curve=(0.6, 0.8, 0.75)),
            trial("b/t/lora", "max", 0.4, status="pruned", curve=(0.3, 0.4)),
            trial("a/t/probe", "mean", 0.9, curve=(0.9,)),
        ],
    )
    drawing = learning_curves(run, "t", trained_trials(run))
    assert drawing is not None
    (axes,) = drawing.figure.axes  # of the encoder that was trained
    assert sorted(len(line.get_ydata()) for line in axes.lines) == [2, 3, 3]
    thickest = max(axes.lines, key=lambda line: line.get_linewidth())
    assert list(thickest.get_ydata()) == [0.6, 0.8, 0.75]
    assert list(drawing.tips.values()) == ["b · lora, trial 1\nbest 0.800 after epoch 2 of 3"]
    assert learning_curves(run, "u", trained_trials(run)) is None


def test_of_very_many_trials_only_the_winners_are_drawn_together(
    make_run: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.report.figures.curves.MOST_LINES", 3)
    run = with_trials(
        make_run(cells=CELLS, tasks=("t", "u")),
        [
            trial(f"{encoder}/t/lora", "mean", score, curve=(0.5, score))
            for encoder in ("a", "b")
            for score in (0.7, 0.8)
        ],
    )
    drawing = learning_curves(run, "t", trained_trials(run))
    assert drawing is not None
    (axes,) = drawing.figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.5, 0.8], [0.5, 0.8]]
    assert "the only one drawn" in drawing.caption
