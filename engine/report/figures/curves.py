"""Search curves: the best validation score so far against the number of trials."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from engine.basics.wording import score, shorten
from engine.metrics import metric_label
from engine.report.facts.searches import best_so_far
from engine.report.figures.canvas import count_along, legend_below, panels
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.theme import PAPER, SOFT, dash, hue, marker

MOST_DOTS = 3000  # trials of a study; beyond, only the curves are drawn


def search_curves(run: FinishedRun, task: str) -> Drawing:
    """Draw one panel per encoder, one curve per method.

    Parameters
    ----------
    task : str
        Has at least one complete trial.
    """
    trials = run.trials[run.trials["task"] == task]
    encoders = [name for name in run.encoders if (trials["encoder"] == name).any()]
    figure, drawn = panels(len(encoders), shared=True)
    sign, dots = run.sign(task), len(run.trials) <= MOST_DOTS
    low, high = _limits(trials, sign)
    tips = {}
    for axes, encoder in zip(drawn, encoders, strict=True):
        own = trials[trials["encoder"] == encoder]
        for method in run.methods:
            cell = own[own["method"] == method]
            if dots:
                _draw_dots(axes, cell, run)
            numbers, scores = best_so_far(cell, sign)
            if numbers:
                gid = f"curve-{encoders.index(encoder)}-{run.methods.index(method)}"
                last = int(cell["number"].max())
                axes.plot(
                    [*numbers, last],
                    [*scores, scores[-1]],
                    drawstyle="steps-post",
                    linestyle=dash(method, run.methods),
                    linewidth=1.5,
                    color=hue(encoder, run.encoders).light,
                    gid=gid,
                )
                found = f"best {score(scores[-1])} at trial {numbers[-1]} of {last + 1}"
                tips[gid] = f"{cell_label(encoder, method)}\n{found}"
        count_along(axes, encoder, "trial")
        axes.set_xlim(-0.6, max(trials["number"].max() + 0.6, 1))
        axes.set_ylim(low, high)
    _draw_legend(figure, run, trials, dots=dots)
    metric = metric_label(run.metric(task))
    return Drawing(
        figure,
        f"Best validation {metric} so far, by trial",
        f"Validation {metric} against the number of the trial; trial 0 is the default "
        "configuration. Only complete trials move a curve. Trials beyond the axis are not drawn.",
        tips,
    )


def _limits(trials: pd.DataFrame, sign: int) -> tuple[float, float]:
    """From the worst start of any curve to the best score, with some air."""
    curves = [best_so_far(cell, sign)[1] for _, cell in trials.groupby("cell")]
    ends = [end for curve in curves if curve for end in (curve[0], curve[-1])]
    low, high = min(ends), max(ends)
    air = max(0.06 * (high - low), 0.002)
    return low - air, high + air


def _draw_dots(axes: Axes, cell: pd.DataFrame, run: FinishedRun) -> None:
    """Draw the trials of a cell: filled where complete, hollow where pruned."""
    colour = hue(str(cell["encoder"].iloc[0]), run.encoders).light if len(cell) else ""
    for status, fill in (("complete", colour), ("pruned", PAPER.light)):
        trials = cell[cell["status"] == status]
        if len(trials):
            axes.plot(
                trials["number"],
                trials["score"],
                linestyle="none",
                marker=marker(str(trials["method"].iloc[0]), run.methods),
                markersize=3.2,
                alpha=0.55,
                mfc=fill,
                mec=colour,
                mew=0.7,
            )


def _draw_legend(figure: Figure, run: FinishedRun, trials: pd.DataFrame, *, dots: bool) -> None:
    tone = SOFT.light
    handles = [
        Line2D(
            [],
            [],
            color=tone,
            linewidth=1.5,
            linestyle=dash(method, run.methods),
            marker=marker(method, run.methods) if dots else "",
            markersize=3.2,
            label=f"{shorten(method, 20)}: best so far",
        )
        for method in run.methods
        if (trials["method"] == method).any()
    ]
    for status, fill in (("complete", tone), ("pruned", PAPER.light)):
        if dots and (trials["status"] == status).any():
            dot: dict[str, Any] = {"marker": "o", "markersize": 3.2, "mfc": fill, "mec": tone}
            handles.append(
                Line2D([], [], linestyle="none", mew=0.7, label=f"{status} trial", **dot)
            )
    legend_below(figure, handles, 6, spacing=1.5, line=2.2)
