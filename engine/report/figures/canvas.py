"""Axes at fixed margins, widths of texts, and grids of coloured squares."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator

from engine.basics.wording import shorten
from engine.report.forms.theme import FONT, INK, LINE, PAPER, RAMP, RAMP_INK, SOFT

WIDTH = 10.2  # inches; the text column of the page
POINTS = 72
WIDEST, HEIGHT = 2.8, 1.7  # of one of several panels, in inches
LEFT, TOP, BOTTOM, GAP_Y = 0.55, 0.3, 0.95, 0.7


@dataclass(frozen=True)
class Square:
    """One coloured square of a grid.

    Attributes
    ----------
    step : int
        Index into `RAMP`.
    text, tip : str
        Written into it; shown when the pointer rests on it.
    """

    column: int
    row: int
    step: int
    text: str
    tip: str = ""

    @property
    def gid(self) -> str:
        """Name by which the figure's tips find it."""
        return f"square-{self.column}-{self.row}"


def text_width(texts: Sequence[str], size: float = 9) -> float:
    """Width in inches of the widest of some texts."""
    font = FontProperties(family=FONT, size=size)
    measure = text_to_path.get_text_width_height_descent
    return max((measure(text, font, ismath=False)[0] for text in texts), default=0.0) / POINTS


def canvas(
    width: float, height: float, *, left: float, right: float, top: float, bottom: float
) -> tuple[Figure, Axes]:
    """Make a figure with one axes at fixed margins; everything in inches."""
    figure = Figure(figsize=(width, height))
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
    return figure, figure.add_axes(box)


def panels(
    number: int, *, shared: bool = False, bottom: float = BOTTOM
) -> tuple[Figure, list[Axes]]:
    """Make equal panels, as evenly spread over rows as they go.

    Parameters
    ----------
    shared : bool
        All panels have one vertical axis, whose numbers stand on the left only.
    bottom : float
        Inches below the panels, for names of axes and a legend.
    """
    across_at_most, gap_x = (5, 0.14) if shared else (4, 0.55)
    rows = math.ceil(number / across_at_most)
    across = math.ceil(number / rows)
    width = min(WIDEST, (WIDTH - LEFT) / across - gap_x)
    height = TOP + bottom + rows * HEIGHT + (rows - 1) * GAP_Y
    figure = Figure(figsize=(WIDTH, height))
    made = []
    for place in range(number):
        row, column = divmod(place, across)
        x = LEFT + column * (width + gap_x)
        y = height - TOP - (row + 1) * HEIGHT - row * GAP_Y
        box = (x / WIDTH, y / height, width / WIDTH, HEIGHT / height)
        made.append(figure.add_axes(box))
        made[-1].tick_params(labelleft=column == 0 or not shared)
    return figure, made


def name_panel(axes: Axes, title: str, label: str) -> None:
    """Name a panel on its top left, and its horizontal axis."""
    axes.set_title(shorten(title, 26), loc="left", fontsize=9, color=INK.light, pad=5)
    axes.set_xlabel(label, fontsize=8)


def count_along(axes: Axes, title: str, label: str) -> None:
    """Name a panel whose horizontal axis counts, with a quiet grid and few numbers."""
    name_panel(axes, title, label)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="y", color=LINE.light, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(left=False, bottom=False)
    axes.spines["left"].set_visible(False)


def legend_below(
    figure: Figure,
    handles: Sequence[Artist],
    columns: int,
    *,
    spacing: float = 1.3,
    line: float = 2.0,
    gap: float = 0.5,
    height: float = 0.7,
    left: float = 0.0,
) -> None:
    """Put a figure's legend into its lower left corner.

    Parameters
    ----------
    handles : sequence of Artist
        What it names.
    spacing, line, gap, height : float
        Between columns, length and height of a handle, between a handle and its name; in letters.
    left : float
        Inches from the left edge.
    """
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(left / figure.get_figwidth(), 0),
        ncols=columns,
        fontsize=8,
        columnspacing=spacing,
        handlelength=line,
        handleheight=height,
        handletextpad=gap,
        borderaxespad=0,
    )


def draw_squares(axes: Axes, squares: Sequence[Square], *, written: bool) -> Mapping[str, str]:
    """Draw a grid of squares.

    Parameters
    ----------
    written : bool
        With texts and tips; without, neighbours of one step are one shape and the grid is ruled
        over them, so that hundreds of squares stay a small file.

    Returns
    -------
    mapping of str to str
        Tips by gid.
    """
    if not written:
        _draw_runs(axes, squares)
        return {}
    for square in squares:
        corner = (square.column - 0.5, square.row - 0.5)
        box = Rectangle(corner, 1, 1, fc=RAMP[square.step].light, ec=PAPER.light, linewidth=1.2)
        box.set_gid(square.gid)
        axes.add_patch(box)
        write(axes, square.column, square.row, square.text, RAMP_INK[square.step].light, square.gid)
    return {square.gid: square.tip for square in squares if square.tip}


def write(
    axes: Axes, column: float, row: float, text: str, colour: str = SOFT.light, gid: str = ""
) -> None:
    """Write a small text in the middle of a square."""
    label = axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    label.set_gid(gid)


def label_squares(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Name the columns on top and the rows on the left; the first row is on top."""
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows, color=INK.light)
    axes.tick_params(left=False, top=False, pad=5)
    axes.spines[:].set_visible(False)


def _draw_runs(axes: Axes, squares: Sequence[Square]) -> None:
    """Draw squares of one step that stand below each other as one box, and rule lines over all."""
    runs: list[list[Square]] = []
    for square in sorted(squares, key=lambda s: (s.column, s.row)):
        above = runs[-1][-1] if runs else None
        below = (square.column, square.row - 1, square.step)
        if above and (above.column, above.row, above.step) == below:
            runs[-1].append(square)
        else:
            runs.append([square])
    for step, tone in enumerate(RAMP):
        boxes = [_box(run[0], len(run)) for run in runs if run[0].step == step]
        if boxes:
            shape = Outline.make_compound_path(*boxes)
            axes.add_patch(PathPatch(shape, fc=tone.light, linewidth=0))
    size = 1 + max((max(square.column, square.row) for square in squares), default=0)
    ruler: dict[str, Any] = {"color": PAPER.light, "linewidth": 0.8, "clip_on": False}
    for line in range(1, size):
        axes.plot([line - 0.5] * 2, [-0.5, size - 0.5], **ruler)
        axes.plot([-0.5, size - 0.5], [line - 0.5] * 2, **ruler)


def _box(square: Square, height: int) -> Outline:
    left, top = square.column - 0.5, square.row - 0.5
    below = top + height
    corners = [(left, top), (left + 1, top), (left + 1, below), (left, below), (left, top)]
    return Outline(corners, closed=True)
