"""The diagram of mean ranks."""

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from engine.report.figures.critical_difference import critical_difference
from tests.report.over_tasks import OverTasks


def test_the_diagram_joins_the_models_that_are_level(over_tasks: OverTasks) -> None:
    run, found = over_tasks
    assert found.cliques == [(1, 2)]
    drawing = critical_difference(run, found)
    (axes,) = drawing.figure.axes
    bars = [line for line in axes.lines if line.get_linewidth() > 3]
    assert len(bars) == 1
    assert bars[0].get_xdata()[0] < found.table["mean_rank"][1]
    assert bars[0].get_xdata()[1] > found.table["mean_rank"][2]
    assert "A bar joins" in drawing.caption


@pytest.mark.parametrize("n_models", [25, 60])
def test_numbers_of_ranks_do_not_run_into_each_other(over_tasks: OverTasks, n_models: int) -> None:
    run, found = over_tasks
    many = pd.concat([found.table.head(1)] * n_models, ignore_index=True)
    many["mean_rank"] = range(1, n_models + 1)
    many = replace(found, table=many, models=[("a", "probe")] * n_models, cliques=[])
    figure = critical_difference(run, many).figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [
        text.get_window_extent(canvas.get_renderer())
        for text in figure.axes[0].get_xticklabels()
        if text.get_text()
    ]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert figure.axes[0].get_xticks()[0] == 1
