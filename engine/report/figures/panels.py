"""Small multiples with one panel per task: score against cost, calibration, pooling."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from engine.basics.wording import count, duration, plural, score, shorten
from engine.metrics import metric_label
from engine.report.facts.calibration import Calibration
from engine.report.facts.cost import pareto
from engine.report.facts.poolings import Pooled
from engine.report.facts.standings import Leaderboard
from engine.report.figures.canvas import legend_below, name_panel, panels
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.theme import LINE, SOFT, hue, marker

COSTS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "seconds": ("seconds of all refits", duration),
    "trainable_parameters": ("trained parameters", count),
}
AIR = 0.35  # of the distance of two poolings, left and right of them


def score_against_cost(run: FinishedRun, board: Leaderboard, cost: str) -> Drawing | None:
    """Draw every cell's score against what it costs, with the front that no other cell beats.

    Parameters
    ----------
    cost : {"seconds", "trainable_parameters"}

    Returns
    -------
    Drawing or None
        None where no cell has a score.
    """
    scored = [s for task in run.tasks for s in board[task] if s.status != "no score"]
    shown = [s for s in scored if math.isfinite(getattr(s, cost))]
    tasks = [task for task in run.tasks if any(s.task == task for s in shown)]
    if not tasks:
        return None
    label, say = COSTS[cost]
    figure, drawn = panels(len(tasks))
    tips = {}
    for at, (axes, task) in enumerate(zip(drawn, tasks, strict=True)):
        cells = [s for s in shown if s.task == task]
        front = pareto(cells, cost, run.sign(task))
        # On a logarithmic scale a cost of nothing has no place.
        axes.set_xscale("symlog", linthresh=1.0)
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        ends = [(getattr(cell, cost), cell.mean) for cell in front]
        axes.plot(
            *zip(*ends, strict=True), color=SOFT.light, lw=1, drawstyle="steps-post", zorder=1
        )
        for place, cell in enumerate(cells):
            gid = f"cell-{at}-{place}"
            axes.plot(
                [getattr(cell, cost)],
                [cell.mean],
                linestyle="none",
                marker=marker(cell.method, run.methods),
                markersize=6,
                color=hue(cell.encoder, run.encoders).light,
                clip_on=False,
                zorder=3,
                gid=gid,
            )
            tips[gid] = f"{cell.label}\n{score(cell.mean)}, {say(getattr(cell, cost))}"
        _label_panel(axes, task, label)
        axes.tick_params(labelleft=True, labelsize=7)
        axes.set_ylabel(metric_label(run.metric(task)), fontsize=8)
    _legend_of_cells(figure, run, [(s.encoder, s.method) for s in shown])
    left_out = " Cells without such a number are left out." if len(shown) < len(scored) else ""
    return Drawing(
        figure,
        f"Score against {label}",
        f"One point per cell: mean test score against {label}, logarithmic. On the line: cells "
        f"that no other cell beats in both.{left_out}",
        tips,
    )


def reliability(run: FinishedRun, found: Mapping[str, Sequence[Calibration]]) -> Drawing:
    """Draw the reliability curve of the best cell of every task.

    Parameters
    ----------
    found : mapping of str to sequence of Calibration
        Not empty; best cell first.
    """
    figure, drawn = panels(len(found), bottom=0.5)
    tips = {}
    for at, (axes, (task, cells)) in enumerate(zip(drawn, found.items(), strict=True)):
        best = cells[0]
        curve, colour = best.curve, hue(best.standing.encoder, run.encoders).light
        axes.plot([0, 1], [0, 1], color=LINE.light, linewidth=1, zorder=1)
        axes.vlines(curve.predicted, curve.ci_low, curve.ci_high, color=colour, linewidth=1)
        axes.plot(
            curve.predicted,
            curve.observed,
            color=colour,
            marker=marker(best.standing.method, run.methods),
            markersize=3.5,
            linewidth=1,
            gid=f"curve-{at}",
        )
        tips[f"curve-{at}"] = (
            f"{best.standing.label}\nBrier {score(best.brier)}, ECE {score(best.ece)}"
        )
        _label_panel(axes, task, "predicted")
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_ylabel("observed", fontsize=8)
        axes.text(
            0.02, 0.95, shorten(best.standing.label, 28), fontsize=7, color=SOFT.light, va="top"
        )
    return Drawing(
        figure,
        "Reliability of the best cell of every task",
        f"Model of seed {run.seeds[0]} on the test split: share of cases that hold against their "
        "mean predicted probability, in ten bins of equally many cases, with 95 % intervals "
        "(Wilson). On the diagonal a probability means what it says.",
        tips,
    )


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
        _label_panel(axes, task, "")
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-AIR, len(names) - 1 + AIR)
        axes.set_ylabel(f"validation {metric_label(run.metric(task))}", fontsize=8)
    _legend_of_cells(figure, run, [(one.encoder, one.method) for one in found])
    return Drawing(
        figure,
        "Best validation score by pooling",
        "Best validation score of the trials with each pooling; one line per cell.",
        tips,
    )


def _short(value: float, _: int) -> str:
    """A power of ten in few letters: 10, 1k, 10M."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def _label_panel(axes: Axes, task: str, label: str) -> None:
    """Name a panel after its task and its horizontal axis, with a quiet grid."""
    name_panel(axes, task, label)
    axes.grid(color=LINE.light, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(left=False, bottom=False, labelsize=7)
    axes.spines[["left", "bottom"]].set_visible(False)


def _legend_of_cells(figure: Figure, run: FinishedRun, cells: Sequence[tuple[str, str]]) -> None:
    """Say which colour is which encoder and which marker which method, of those that are drawn."""
    plain: dict[str, Any] = {"linestyle": "none", "markersize": 6}
    handles = [
        Line2D([], [], marker="o", color=hue(name, run.encoders).light, label=name, **plain)
        for name in run.encoders
        if any(encoder == name for encoder, _ in cells)
    ]
    handles += [
        Line2D([], [], marker=marker(name, run.methods), color=SOFT.light, label=name, **plain)
        for name in run.methods
        if any(method == name for _, method in cells)
    ]
    legend_below(figure, handles, 7, gap=0.3)
