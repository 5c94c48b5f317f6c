"""Validation scores as they come: over the trials of a search, and over the epochs of a trial."""

import json
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
MOST_LINES = 1000  # trained trials of a study; beyond, only the winners are drawn, in one panel


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
    curves = [best_so_far(cell, sign)[1] for _, cell in trials.groupby("cell")]
    # From the worst start of any curve to the best score.
    ends = [end for curve in curves if curve for end in (curve[0], curve[-1])]
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
        axes.set_ylim(*_with_air(min(ends), max(ends)))
    _draw_legend(figure, run, trials, dots=dots)
    metric = metric_label(run.metric(task))
    return Drawing(
        figure,
        f"Best validation {metric} so far, by trial",
        f"Validation {metric} against the number of the trial; trial 0 is the default "
        "configuration. Only complete trials move a curve. Trials beyond the axis are not drawn.",
        tips,
    )


def trained_trials(run: FinishedRun) -> pd.DataFrame:
    """Trials of more than one epoch, with their ``scores`` as lists."""
    if "curve" not in run.trials:
        return run.trials.iloc[:0].assign(scores=[])
    scores = run.trials["curve"].map(lambda text: json.loads(text or "[]"))
    trials = run.trials.assign(scores=scores)
    return trials[trials["scores"].map(len) > 1]


def learning_curves(run: FinishedRun, task: str, trained: pd.DataFrame) -> Drawing | None:
    """Draw a thin line per trial and a thick one per winner; one panel per encoder.

    Parameters
    ----------
    trained : DataFrame
        See `trained_trials`; of all tasks. With very many, the winners alone share one panel.

    Returns
    -------
    Drawing or None
        None where no trial of the task has more than one epoch.
    """
    crowded = len(trained) > MOST_LINES
    trained = trained[trained["task"] == task]
    if trained.empty:
        return None
    encoders = [name for name in run.encoders if (trained["encoder"] == name).any()]
    together = [encoders] if crowded else [[name] for name in encoders]
    figure, drawn = panels(len(together), shared=True)
    epochs = max(map(len, trained["scores"]))
    # All scores but the worst first epochs, which would press the rest into a corner.
    values = pd.Series([value for scores in trained["scores"] for value in scores], dtype=float)
    tips: dict[str, str] = {}
    for axes, group in zip(drawn, together, strict=True):
        for encoder in group:
            for method in run.methods:
                own = (trained["encoder"] == encoder) & (trained["method"] == method)
                if own.any():
                    gid = f"winner-{encoders.index(encoder)}-{run.methods.index(method)}"
                    tips |= _draw_cell(
                        axes, trained[own], run, run.sign(task), gid, thin=not crowded
                    )
        count_along(axes, "winners" if crowded else group[0], "epoch")
        axes.set_xlim(0.8, epochs + 0.2)
        if not crowded:
            axes.set_ylim(*_with_air(float(values.quantile(0.02)), float(values.max())))
    handles = [
        Line2D([], [], color=SOFT.light, lw=1.9, linestyle=dash(name, run.methods), label=name)
        for name in run.methods
        if (trained["method"] == name).any()
    ]
    legend_below(figure, handles, 6, spacing=1.5, line=2.2)
    metric = metric_label(run.metric(task))
    return Drawing(
        figure,
        f"Validation {metric} while the network learns",
        f"Validation {metric} after each epoch. Thick: the winning configuration"
        + (", the only one drawn" if crowded else "; thin: every other trial")
        + ". A line that ends early was stopped, or asked for fewer epochs. The state of the best "
        "epoch is the one that counts.",
        tips,
    )


def _with_air(low: float, high: float) -> tuple[float, float]:
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


def _draw_cell(
    axes: Axes, cell: pd.DataFrame, run: FinishedRun, sign: int, gid: str, *, thin: bool
) -> dict[str, str]:
    encoder, method = str(cell["encoder"].iloc[0]), str(cell["method"].iloc[0])
    colour, style = hue(encoder, run.encoders).light, dash(method, run.methods)
    numbers, _ = best_so_far(cell, sign)
    winner = numbers[-1] if numbers else None
    tips = {}
    for number, scores in cell[["number", "scores"]].itertuples(index=False):
        epochs = range(1, len(scores) + 1)
        if number == winner:
            axes.plot(epochs, scores, color=colour, linestyle=style, lw=1.9, zorder=3, gid=gid)
            best = sign * max(sign * value for value in scores)
            tips[gid] = (
                f"{cell_label(encoder, method)}, trial {number}\n"
                f"best {score(best)} after epoch {scores.index(best) + 1} of {len(scores)}"
            )
        elif thin:
            axes.plot(epochs, scores, color=colour, linestyle=style, lw=0.7, alpha=0.45, zorder=2)
    return tips


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
