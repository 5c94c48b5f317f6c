"""Learning curves: the validation score after every epoch, of all trials and of the winner."""

import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from engine.basics.wording import score
from engine.metrics import metric_label
from engine.report.facts.searches import best_so_far
from engine.report.figures.canvas import count_along, legend_below, panels
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.theme import SOFT, dash, hue

MOST_LINES = 1000  # trained trials of a study; beyond, only the winners are drawn, in one panel


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
            axes.set_ylim(*_limits(trained))
    _draw_legend(figure, run, trained)
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


def _limits(trials: pd.DataFrame) -> tuple[float, float]:
    """All scores but the worst first epochs, which would press the rest into a corner."""
    values = pd.Series([value for scores in trials["scores"] for value in scores], dtype=float)
    low, high = float(values.quantile(0.02)), float(values.max())
    air = max(0.06 * (high - low), 0.002)
    return low - air, high + air


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


def _draw_legend(figure: Figure, run: FinishedRun, trials: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], color=SOFT.light, lw=1.9, linestyle=dash(name, run.methods), label=name)
        for name in run.methods
        if (trials["method"] == name).any()
    ]
    legend_below(figure, handles, 6, spacing=1.5, line=2.2)
