"""Search curves: the best validation score so far against the number of trials."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from engine.report.figures.canvas import WIDTH
from engine.report.figures.drawing import Drawing
from engine.report.formats import metric_label, score, shorten
from engine.report.run import Run
from engine.report.tables import best_so_far
from engine.report.theme import DASHES, INK, LINE, PAPER, SOFT, hue, marker

ACROSS = 5  # panels at most
WIDEST, HEIGHT = 2.8, 1.7  # of a panel, in inches
LEFT, TOP, BOTTOM, GAP_X, GAP_Y = 0.55, 0.3, 0.95, 0.14, 0.55
MOST_DOTS = 3000  # trials of a study; beyond, only the curves are drawn


def search_curves(run: Run, task: str) -> Drawing:
    """Draw one panel per encoder, one curve per method.

    Parameters
    ----------
    run : Run
    task : str
        Has at least one complete trial.

    Returns
    -------
    Drawing
    """
    trials = run.trials[run.trials["task"] == task]
    encoders = [name for name in run.encoders if (trials["encoder"] == name).any()]
    figure, panels = _panels(len(encoders))
    sign = run.sign(task)
    low, high = _limits(trials, sign)
    tips = {}
    for axes, encoder in zip(panels, encoders, strict=True):
        own = trials[trials["encoder"] == encoder]
        for method in run.methods:
            cell = own[own["method"] == method]
            if (cell["status"] == "complete").any():
                gid = f"curve-{encoders.index(encoder)}-{run.methods.index(method)}"
                tips[gid] = _draw_cell(axes, cell, run, gid, dots=len(run.trials) <= MOST_DOTS)
        axes.set_title(shorten(encoder, 26), loc="left", fontsize=9, color=INK.light, pad=5)
        axes.set_xlim(-0.6, max(trials["number"].max() + 0.6, 1))
        axes.set_ylim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y", color=LINE.light, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(left=False, bottom=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("trial", fontsize=8)
    _draw_legend(figure, run, [m for m in run.methods if (trials["method"] == m).any()])
    metric = metric_label(run.metric(task))
    return Drawing(
        figure,
        f"Best validation {metric} so far, by trial",
        f"Validation {metric} against the number of the trial; trial 0 is the default "
        "configuration. Only complete trials move a curve. Trials beyond the axis are not drawn.",
        tips,
    )


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    """Equal panels, as evenly spread over rows as they go; scores are named on the left only."""
    rows = math.ceil(number / ACROSS)
    across = math.ceil(number / rows)
    width = min(WIDEST, (WIDTH - LEFT) / across - GAP_X)
    height = TOP + BOTTOM + rows * HEIGHT + (rows - 1) * GAP_Y
    figure = Figure(figsize=(WIDTH, height))
    panels = []
    for place in range(number):
        row, column = divmod(place, across)
        x = LEFT + column * (width + GAP_X)
        y = height - TOP - (row + 1) * HEIGHT - row * GAP_Y
        box = (x / WIDTH, y / height, width / WIDTH, HEIGHT / height)
        panels.append(figure.add_axes(box))
        panels[-1].tick_params(labelleft=column == 0)
    return figure, panels


def _limits(trials: pd.DataFrame, sign: int) -> tuple[float, float]:
    """From the worst start of any curve to the best score, with some air."""
    curves = [best_so_far(cell, sign)[1] for _, cell in trials.groupby("cell")]
    ends = [end for curve in curves if curve for end in (curve[0], curve[-1])]
    low, high = min(ends), max(ends)
    air = max(0.06 * (high - low), 0.002)
    return low - air, high + air


def _draw_cell(axes: Axes, cell: pd.DataFrame, run: Run, gid: str, *, dots: bool) -> str:
    """Draw one curve, with its trials behind it; say what it shows."""
    encoder, method = str(cell["encoder"].iloc[0]), str(cell["method"].iloc[0])
    colour = hue(encoder, run.encoders).light
    shape = marker(method, run.methods)
    numbers, scores = best_so_far(cell, run.sign(str(cell["task"].iloc[0])))
    if dots:
        complete = cell[cell["status"] == "complete"]
        pruned = cell[cell["status"] == "pruned"]
        style: dict[str, Any] = {
            "linestyle": "none",
            "marker": shape,
            "markersize": 3.2,
            "alpha": 0.55,
        }
        axes.plot(complete["number"], complete["score"], color=colour, markeredgewidth=0, **style)
        axes.plot(pruned["number"], pruned["score"], mfc=PAPER.light, mec=colour, mew=0.7, **style)
    last = int(cell["number"].max())
    dash = DASHES[run.methods.index(method) % len(DASHES)]
    steps: dict[str, Any] = {"drawstyle": "steps-post", "linestyle": dash, "linewidth": 1.5}
    axes.plot([*numbers, last], [*scores, scores[-1]], color=colour, gid=gid, **steps)
    found = f"best {score(scores[-1])} at trial {numbers[-1]} of {last + 1}"
    return f"{encoder} · {method}\n{found}"


def _draw_legend(figure: Figure, run: Run, methods: Sequence[str]) -> None:
    tone = SOFT.light
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.2, "color": tone}
    handles = [
        Line2D(
            [],
            [],
            color=tone,
            linewidth=1.5,
            linestyle=DASHES[run.methods.index(method) % len(DASHES)],
            marker=marker(method, run.methods),
            markersize=3.2,
            label=f"{shorten(method, 20)}: best so far",
        )
        for method in methods
    ]
    handles.append(Line2D([], [], markeredgewidth=0, label="complete trial", **dot))
    handles.append(Line2D([], [], mfc=PAPER.light, mew=0.7, label="pruned trial", **dot))
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 0),
        ncols=6,
        fontsize=8,
        columnspacing=1.5,
        handlelength=2.2,
        handletextpad=0.5,
        borderaxespad=0,
    )
