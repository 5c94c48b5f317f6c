"""Grids of coloured squares: p-values of pairs, ranks over tasks, wins over tasks."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.patches import Patch

from engine.basics.wording import MISSING, adjustment, difference, interval, p_value, shorten
from engine.compare.tasks import AcrossTasks
from engine.metrics import metric_label
from engine.report.facts.duels import Duel, Duels
from engine.report.facts.standings import Standing
from engine.report.figures.canvas import (
    WIDTH,
    Square,
    canvas,
    draw_squares,
    label_squares,
    legend_below,
    text_width,
    write,
)
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.theme import RAMP

P_BOUNDS = (0.05, 0.01, 1e-3, 1e-4, 1e-6)
P_NAMES = ("p ≥ 0.05", "< 0.05", "< 0.01", "< 0.001", "< 1e-4", "< 1e-6")
MOST_WRITTEN = 14  # cells; beyond, a number no longer fits its square
SIDE, ROW = 0.78, 0.38  # inches: the widest a square gets, the height of a written row


def p_matrix(standings: Sequence[Standing], tested: Duels, *, brief: bool = False) -> Drawing:
    """Draw adjusted p-values of all pairs of a task's cells, and differences where there is room.

    Parameters
    ----------
    standings : sequence of Standing
        At least two cells with a score, best first.
    brief : bool
        Colours only, however few the cells are.
    """
    size = len(standings)
    written = size <= MOST_WRITTEN and not brief
    labels = [f"{shorten(s.label)}\u2003{place}" for place, s in enumerate(standings, 1)]
    left, top, bottom = text_width(labels) + 0.2, 0.35, 0.6
    side = min(SIDE, (WIDTH - left - 0.1) / size)
    row = ROW if written else side
    width, height = max(left + side * size + 0.1, 6.6), top + bottom + row * size
    right = width - left - side * size
    figure, axes = canvas(width, height, left=left, right=right, top=top, bottom=bottom)
    squares = []
    for x, better in enumerate(standings):
        for y, other in enumerate(standings[x + 1 :], x + 1):
            duel = tested.get((better.cell, other.cell))
            if duel is None or not duel.tested:
                write(axes, x, y, MISSING if written else "·")
                continue
            marked = duel.verdict.startswith("unstable") or duel.agreement == "mixed"
            text = p_value(duel.p_adjusted, duel.log10_adjusted) + "†" * marked
            step = sum(duel.p_adjusted < bound for bound in P_BOUNDS)
            squares.append(Square(x, y, step, text, _tip(better, other, duel)))
            if written:
                write(axes, y, x, difference(duel.delta))
    tips = draw_squares(axes, squares, written=written)
    label_squares(axes, [str(place) for place in range(1, size + 1)], labels)
    axes.tick_params(axis="x", labelsize=9 if written else 7)
    steps = zip(RAMP, P_NAMES, strict=True)
    handles = [Patch(facecolor=tone.light, label=name) for tone, name in steps]
    legend_below(figure, handles, len(RAMP), line=1.1, height=1.1)
    return Drawing(
        figure, "Adjusted p-value of every pair", _caption(standings, tested, written), tips
    )


def mean_ranks(run: FinishedRun, ranks: pd.DataFrame) -> Drawing:
    """Draw the mean rank over tasks, encoders by methods.

    Parameters
    ----------
    ranks : DataFrame
        See `engine.report.facts.standings.rank_table`.
    """
    mean, gaps = ranks.mean(axis=1), ranks.isna().any(axis=1)
    encoders = list(mean.groupby("encoder").min().sort_values().index)
    methods = [method for method in run.methods if method in mean.index.unique("method")]
    squares = [
        Square(
            methods.index(method),
            encoders.index(encoder),
            _rank_step(value, mean),
            f"{value:.2f}{'*' if gaps[encoder, method] else ''}",
        )
        for (encoder, method), value in mean.items()
    ]
    star = " A star: without a score on some task." if gaps.any() else ""
    caption = (
        f"Mean over {ranks.shape[1]} tasks; 1 is best, stronger is better. "
        f"An empty place was not run.{star}"
    )
    return _grid_drawing(squares, methods, encoders, "Mean rank over the tasks", caption)


def task_ranks(ranks: pd.DataFrame) -> Drawing:
    """Draw the rank of every cell on every task, best mean rank on top."""
    cells = [cell_label(encoder, method) for encoder, method in ranks.index]
    tasks = [str(task) for task in ranks.columns]
    values = pd.Series(ranks.to_numpy().ravel()).dropna()
    squares = [
        Square(x, y, _rank_step(rank, values), f"{rank:g}")
        for y, row in enumerate(ranks.to_numpy())
        for x, rank in enumerate(row)
        if pd.notna(rank)
    ]
    caption = (
        "Cells in order of their mean rank; 1 is best, stronger is better. A rank does not say how "
        "far apart two cells are, nor whether a test tells them apart."
    )
    return _grid_drawing(squares, tasks, cells, "Rank on every task", caption)


def win_matrix(found: AcrossTasks, margin: float) -> Drawing:
    """Draw how often every model beats every other over the tasks, best mean rank on top.

    Parameters
    ----------
    margin : float
        A smaller difference is a tie.
    """
    names = [cell_label(*model) for model in found.models]
    place = {model: at for at, model in enumerate(found.models)}
    counts = {}
    for row in found.pairs.to_dict("records"):
        a, b = (place[row[f"encoder_{side}"], row[f"method_{side}"]] for side in "ab")
        counts[a, b] = (row["wins"], row["ties"], row["losses"])
        counts[b, a] = (row["losses"], row["ties"], row["wins"])
    squares = [
        Square(
            column,
            line,
            round(wins / len(found.tasks) * (len(RAMP) - 1)),
            f"{wins}·{ties}·{losses}",
            f"{names[line]} against {names[column]}\n{wins} won, {ties} level, {losses} lost",
        )
        for (line, column), (wins, ties, losses) in counts.items()
    ]
    numbers = [str(at) for at in range(1, len(names) + 1)]
    rows = [f"{shorten(name)}\u2003{at}" for name, at in zip(names, numbers, strict=True)]
    caption = (
        f"Tasks that the row won · drew · lost against the column, of {len(found.tasks)}; drawn: "
        f"closer than {margin:g}. Stronger: more won. A column's number is the place of its row."
    )
    return _grid_drawing(squares, numbers, rows, "Wins, draws and losses over the tasks", caption)


def _rank_step(rank: float, ranks: pd.Series) -> int:
    """Step of the colour ramp: the best rank takes the strongest, the worst the weakest."""
    low, high = float(ranks.min()), float(ranks.max())
    if high == low:
        return 0
    return round((high - rank) / (high - low) * (len(RAMP) - 1))


def _tip(better: Standing, other: Standing, duel: Duel) -> str:
    return (
        f"{better.label} against {other.label}\n{difference(duel.delta)}, 95 % CI "
        f"{interval(duel.ci_low, duel.ci_high)}\np {p_value(duel.p, duel.log10_p)}, adjusted "
        f"{p_value(duel.p_adjusted, duel.log10_adjusted)}\n{duel.verdict}"
    )


def _caption(standings: Sequence[Standing], tested: Duels, written: bool) -> str:
    cells = {standing.cell for standing in standings}
    pairs = [duel for (a, b), duel in tested.items() if a in cells and b in cells]
    if not pairs:
        return "No pair of these cells was tested."
    family = "the study" if pairs[0].family == "whole_study" else "this task"
    adjusted = f"{adjustment(pairs[0].correction)} over all pairs of {family}"
    metric = metric_label(standings[0].metric)
    above = (
        f" Above it: how much better the row is than the column, in {metric}."
        if written
        else " The numbers are in comparisons.csv."
    )
    mark = ""
    if written and any(duel.verdict.startswith("unstable") for duel in pairs):
        mark = " † significant, but seeds disagree on its sign."
    if written and any(duel.agreement == "mixed" for duel in pairs):
        mark = " † mixed: methods over seeds and the models of the first seed disagree."
    return (
        f"Below the diagonal: two-sided p-value, {adjusted}; colours "
        f"step by decades.{above} A column's number is the place of its row.{mark}"
    )


def _grid_drawing(
    squares: Sequence[Square],
    columns: Sequence[str],
    rows: Sequence[str],
    title: str,
    caption: str,
) -> Drawing:
    names = [shorten(name, 26) for name in columns]
    labels = [shorten(name) for name in rows]
    left = text_width(labels) + 0.2
    # Column names that would touch each other are turned.
    turned = text_width(names) > SIDE * 1.3
    top = text_width(names) * 0.72 + 0.25 if turned else 0.35
    side = min(SIDE if turned else SIDE * 1.4, (WIDTH - left - 1.2) / len(columns))
    width = left + side * len(columns) + (top if turned else 0.1)
    right, height = width - left - side * len(columns), top + ROW * len(rows) + 0.1
    figure, axes = canvas(width, height, left=left, right=right, top=top, bottom=0.1)
    tips = draw_squares(axes, squares, written=True)
    label_squares(axes, names, labels)
    if turned:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="left", rotation_mode="anchor")
    return Drawing(figure, title, caption, tips)
