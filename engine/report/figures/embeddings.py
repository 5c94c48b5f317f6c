"""Maps of embeddings: one panel per encoder, one shape and colour per class."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from engine.basics.wording import listing, percent, shorten
from engine.report.facts.embeddings import EmbeddingMap, told
from engine.report.figures.canvas import (
    HEIGHT,
    LEFT,
    WIDTH,
    legend_below,
    name_panel,
    panels,
    text_width,
)
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun
from engine.report.forms.theme import HUES, LINE

#: Corners of a class's marker, the turn of the first, and matplotlib's name of the shape.
SHAPES = ((4, 45, "s"), (3, 90, "^"), (4, 0, "D"), (3, -90, "v"), (5, 90, "p"), (6, 0, "h"))
RADIUS = 0.026  # of a marker, in inches
MOST_CLASSES = 12  # in the legend
ROW, MARK = 0.19, 0.45  # inches of a row of the legend; beside a name in it


def embedding_map(run: FinishedRun, maps: Sequence[EmbeddingMap]) -> Drawing:
    """Draw the maps of one task.

    Parameters
    ----------
    maps : sequence of EmbeddingMap
        Of one task; not empty.
    """
    task = maps[0].task
    names = [str(name) for name in run.task(task).get("classes") or []]
    labels = sorted({int(label) for one in maps for label in one.points["label"].unique()})
    named = [_name(label, names) for label in labels[:MOST_CLASSES]]
    across = max(1, int((WIDTH - LEFT) / (text_width(named, 8) + MARK)))
    bottom = 0.4 + ROW * math.ceil(len(named) / across)
    # No numbers stand between these panels, so they may be as near as those of one axis.
    figure, drawn = panels(len(maps), shared=True, bottom=bottom)
    for axes, one in zip(drawn, maps, strict=True):
        _draw_points(axes, one, labels)
        name_panel(axes, one.encoder, told(one))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(LINE.light)
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=SHAPES[place % len(SHAPES)][2],
            markersize=5,
            color=HUES[place % len(HUES)].light,
            label=name,
        )
        for place, name in enumerate(named)
    ]
    legend_below(figure, handles, min(across, len(named)), gap=0.3, left=LEFT)
    shares = listing([f"{percent(sum(one.explained))} ({one.encoder})" for one in maps])
    rest = "" if len(labels) <= MOST_CLASSES else f" Of {len(labels)} classes the first are named."
    return Drawing(
        figure,
        "Embeddings by class",
        f"First two principal components of rows of the train split; they hold {shares} of the "
        "variance. Of each encoder the pooling whose nearest neighbours are purest is shown; in "
        f"brackets their purity by chance. Panels have scales of their own.{rest}",
        {},
    )


def _name(label: int, names: Sequence[str]) -> str:
    """What the legend calls a class; a bare number would say too little."""
    name = names[label] if label < len(names) else str(label)
    return f"class {name}" if name.isdigit() else shorten(name, 24)


def _draw_points(axes: Axes, one: EmbeddingMap, labels: Sequence[int]) -> None:
    """Draw each class as one shape, since thousands of markers would make a heavy page."""
    places = one.points[["x", "y"]].to_numpy(float)
    places = places - (places.max(axis=0) + places.min(axis=0)) / 2
    # The same scale on both axes, whatever the panel's form.
    half = np.array([axes.get_position().width * WIDTH, HEIGHT]) / 2
    room = half - 2.5 * RADIUS
    reach = np.abs(places).max(axis=0) / room
    inches = places / max(reach.max(), 1e-300)
    axes.set_xlim(-half[0], half[0])
    axes.set_ylim(-half[1], half[1])
    classes = one.points["label"].to_numpy()
    for place, label in enumerate(labels):
        corners, turn, _ = SHAPES[place % len(SHAPES)]
        mine = inches[classes == label]
        if len(mine):
            tone = HUES[place % len(HUES)]
            shape = _markers(mine, corners, turn)
            axes.add_patch(PathPatch(shape, fc=tone.light, linewidth=0, alpha=0.7))


def _markers(centres: npt.NDArray[np.float64], corners: int, turn: float) -> Outline:
    """Regular polygons around points, as one outline."""
    angles = math.radians(turn) + 2 * math.pi * np.arange(corners) / corners
    ring = RADIUS * np.column_stack([np.cos(angles), np.sin(angles)])
    ring = np.vstack([ring, ring[:1]])
    vertices = (centres[:, np.newaxis] + ring).reshape(-1, 2)
    codes = [Outline.MOVETO, *[Outline.LINETO] * (corners - 1), Outline.CLOSEPOLY]
    return Outline(vertices, codes * len(centres))
