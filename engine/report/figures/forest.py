"""Forest plot: every cell's score with its interval, seeds and default."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from engine.basics.wording import interval, score, shorten
from engine.metrics import metric_label
from engine.report.facts.answer import Answer
from engine.report.facts.standings import Standing
from engine.report.figures.canvas import WIDTH, canvas, legend_below, text_width
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun
from engine.report.forms.theme import BAND, INK, LINE, PAPER, SOFT, hue, marker

NUMBERS = 2.05  # inches right of the axes, for mean and interval


def forest(run: FinishedRun, standings: Sequence[Standing], found: Answer) -> Drawing:
    """Draw the scores of a task's cells.

    Parameters
    ----------
    standings : sequence of Standing
        Cells with a score, best first.
    found : Answer
        Says which cells are not shown to be behind the best.
    """
    labels = [shorten(standing.label) for standing in standings]
    row = 0.34 if len(standings) <= 20 else 0.25
    top, bottom = 0.4, 0.95
    figure, axes = canvas(
        WIDTH,
        top + bottom + row * len(standings),
        left=text_width(labels) + 0.3,
        right=NUMBERS,
        top=top,
        bottom=bottom,
    )
    level = {found.best, *found.tied} if found.tied else set()
    tips = {}
    for y, standing in enumerate(standings):
        if standing.label in level:
            axes.axhspan(y - 0.5, y + 0.5, color=BAND.light, linewidth=0, zorder=0)
        _draw_row(axes, y, standing, run)
        # An invisible strip over the row catches the pointer anywhere in it.
        axes.axhspan(y - 0.5, y + 0.5, alpha=0, zorder=9, gid=f"row-{y}", clip_on=False)
        tips[f"row-{y}"] = _tip(standing)
    _write_numbers(axes, standings)
    axes.set_ylim(len(standings) - 0.5, -0.5)
    axes.set_yticks(range(len(standings)), labels, color=INK.light)
    axes.tick_params(axis="y", left=False, pad=8)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=LINE.light, linewidth=0.6)
    axes.set_axisbelow(True)
    metric = metric_label(standings[0].metric)
    axes.set_xlabel(f"{metric} on the test split", labelpad=6)
    _draw_legend(figure, standings, shaded=bool(level))
    shading = " Shaded rows: not shown to differ from the best cell." if level else ""
    return Drawing(
        figure,
        f"{metric} of every cell",
        "Filled marker: mean over the seeds of the refits. Small dots: single seeds. Bar with a "
        f"tick: the fitted model of seed {run.seeds[0]} and its 95 % confidence interval, which is "
        "not one of the mean. Hollow marker: the same cell with default hyperparameters." + shading,
        tips,
    )


def _draw_row(axes: Axes, y: int, standing: Standing, run: FinishedRun) -> None:
    colour = hue(standing.encoder, run.encoders).light
    seeds = [value for _, value in standing.by_seed]
    # Nothing lies outside the axes, and unclipped marks take half the space in the page.
    line: dict[str, Any] = {"color": colour, "zorder": 3, "clip_on": False}
    axes.plot([standing.ci_low, standing.ci_high], [y, y], linewidth=2, **line)
    axes.plot(seeds[:1], [y], marker="|", markersize=8, mew=1.5, **line)
    axes.plot(seeds, [y + 0.3] * len(seeds), ls="none", marker="o", markersize=2.6, mew=0, **line)
    shape: dict[str, Any] = {
        "linestyle": "none",
        "marker": marker(standing.method, run.methods),
        "zorder": 4,
        "clip_on": False,
    }
    axes.plot([standing.default], [y], markersize=5.5, mfc=PAPER.light, mec=colour, **shape)
    axes.plot([standing.mean], [y], markersize=7, mfc=colour, mec=PAPER.light, **shape)


def _tip(standing: Standing) -> str:
    seeds = ", ".join(f"seed {seed}: {score(value)}" for seed, value in standing.by_seed)
    bounds = interval(standing.ci_low, standing.ci_high)
    return (
        f"{standing.label}\nmean {score(standing.mean)}, 95 % CI of one model {bounds}\n"
        f"{seeds}\ndefault {score(standing.default)}"
    )


def _write_numbers(axes: Axes, standings: Sequence[Standing]) -> None:
    """Write mean and interval right of the axes, as forest plots have them."""
    inch = 1 / (WIDTH * axes.get_position().width)
    mean_at, interval_at = 1 + 0.62 * inch, 1 + (NUMBERS - 0.05) * inch
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    for x, title in ((mean_at, "mean"), (interval_at, "95 % CI")):
        axes.text(x, -0.85, title, color=SOFT.light, fontsize=8, **place)
    for y, standing in enumerate(standings):
        weight = "bold" if y == 0 else "normal"
        bounds = interval(standing.ci_low, standing.ci_high)
        axes.text(mean_at, y, score(standing.mean), weight=weight, **place)
        axes.text(interval_at, y, bounds, color=SOFT.light, **place)


def _draw_legend(figure: Figure, standings: Sequence[Standing], *, shaded: bool) -> None:
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": SOFT.light}
    handles: list[Line2D | Patch] = [
        Line2D([], [], markersize=7, label="mean over seeds", **dot),
        Line2D([], [], markersize=2.6, label="one seed", **dot),
        Line2D([], [], color=SOFT.light, linewidth=2, label="95 % CI, one model"),
    ]
    if any(standing.default_seeds for standing in standings):
        handles.append(Line2D([], [], markersize=5.5, mfc=PAPER.light, label="default", **dot))
    if shaded:
        handles.append(Patch(facecolor=BAND.light, label="not shown to differ from the best"))
    legend_below(figure, handles, len(handles), spacing=1.5, line=1.3)
