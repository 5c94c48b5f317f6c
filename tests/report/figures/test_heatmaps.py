"""Grids of coloured squares."""

from engine.report.figures.heatmaps import win_matrix
from tests.report.over_tasks import OverTasks


def test_the_matrix_counts_wins_both_ways(over_tasks: OverTasks) -> None:
    run, found = over_tasks
    drawing = win_matrix(found, run.margin)
    (axes,) = drawing.figure.axes
    written = {text.get_gid(): text.get_text() for text in axes.texts}
    # By more than 0.01: b beats c nowhere, and c beats b nowhere.
    assert written == {
        "square-1-0": "7·0·0",
        "square-2-0": "7·0·0",
        "square-0-1": "0·0·7",
        "square-2-1": "0·7·0",
        "square-0-2": "0·0·7",
        "square-1-2": "0·7·0",
    }
