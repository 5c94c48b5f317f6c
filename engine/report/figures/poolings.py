"""The effect of pooling: one panel per task, one line per cell over the poolings it tried."""

from collections.abc import Sequence

from engine.basics.wording import plural, score
from engine.metrics import metric_label
from engine.report.facts.poolings import Pooled
from engine.report.figures.canvas import panels
from engine.report.figures.drawing import Drawing
from engine.report.figures.panels import label_panel, legend_of_cells
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.theme import hue, marker

AIR = 0.35  # of the distance of two poolings, left and right of them


def pooling_effect(run: FinishedRun, found: Sequence[Pooled]) -> Drawing:
    """Draw the best validation score of every cell under each pooling.

    Parameters
    ----------
    found : sequence of Pooled
        Not empty.
    """
    tasks = [task for task in run.tasks if any(one.task == task for one in found)]
    names = sorted({one.pooling for one in found})
    figure, drawn = panels(len(tasks))
    tips = {}
    for at, (axes, task) in enumerate(zip(drawn, tasks, strict=True)):
        own = [one for one in found if one.task == task]
        cells = list(dict.fromkeys((one.encoder, one.method) for one in own))
        for place, (encoder, method) in enumerate(cells):
            points = {o.pooling: o for o in own if (o.encoder, o.method) == (encoder, method)}
            tried = [name for name in names if name in points]
            gid = f"cell-{at}-{place}"
            axes.plot(
                [names.index(name) for name in tried],
                [points[name].best for name in tried],
                color=hue(encoder, run.encoders).light,
                marker=marker(method, run.methods),
                markersize=5,
                linewidth=0.9,
                gid=gid,
            )
            tips[gid] = cell_label(encoder, method)
            for one in (points[name] for name in tried):
                tips[gid] += f"\n{one.pooling} {score(one.best)} ({plural(one.trials, 'trial')})"
        label_panel(axes, task, "")
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-AIR, len(names) - 1 + AIR)
        axes.set_ylabel(f"validation {metric_label(run.metric(task))}", fontsize=8)
    legend_of_cells(figure, run, [(one.encoder, one.method) for one in found])
    return Drawing(
        figure,
        "Best validation score by pooling",
        "Best validation score of the trials with each pooling; one line per cell.",
        tips,
    )
