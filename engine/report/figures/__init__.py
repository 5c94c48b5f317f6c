"""The figures of the report: one file per kind of figure, all drawn and saved from here."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import matplotlib

from engine.compare_tasks import AcrossTasks
from engine.report.figures.critical_difference import critical_difference
from engine.report.figures.curves import search_curves
from engine.report.figures.drawing import Drawing, Picture, save
from engine.report.figures.embeddings import embedding_map
from engine.report.figures.forest import forest
from engine.report.figures.heatmaps import (
    MOST_WRITTEN,
    mean_ranks,
    p_matrix,
    task_ranks,
    win_matrix,
)
from engine.report.figures.learning import learning_curves, trained_trials
from engine.report.figures.panels import COSTS, reliability, score_against_cost
from engine.report.figures.poolings import pooling_effect
from engine.report.findings import Findings
from engine.report.run import Run
from engine.report.tables import Leaderboard, rank_table
from engine.report.theme import FIGURE_STYLE

Data = TypeVar("Data")


@dataclass(frozen=True)
class Gallery:
    """All figures of a report.

    Attributes
    ----------
    scores : mapping of str to list of Picture
        By task: forest plot and, where pairs were tested, p-value matrix.
    curves : mapping of str to Picture
        By task: best validation score so far.
    learning : mapping of str to Picture
        By task: validation score by epoch; only of tasks for which a network was trained.
    pooling : list of Picture
        Empty where no cell tried two poolings.
    ranks : list of Picture
        Over all tasks; empty for one task.
    costs : list of Picture
        Score against cost.
    calibration : list of Picture
        Empty without predictions of classes.
    embeddings : mapping of str to Picture
        By task: maps of the embeddings; only of tasks whose embeddings were measured.
    """

    scores: Mapping[str, list[Picture]]
    curves: Mapping[str, Picture]
    learning: Mapping[str, Picture]
    pooling: list[Picture]
    ranks: list[Picture]
    costs: list[Picture]
    calibration: list[Picture]
    embeddings: Mapping[str, Picture]

    @property
    def pictures(self) -> Iterator[Picture]:
        """Every figure once."""
        yield from self.ranks
        for pictures in self.scores.values():
            yield from pictures
        yield from self.curves.values()
        yield from self.learning.values()
        yield from self.pooling
        yield from self.costs
        yield from self.calibration
        yield from self.embeddings.values()


def draw_figures(found: Findings, folder: Path) -> Gallery:
    """Draw every figure that a run has data for.

    Parameters
    ----------
    found : Findings
    folder : Path
        Where the SVG and PNG files go.

    Returns
    -------
    Gallery
    """
    run, board, tested = found.run, found.board, found.tested
    names = _file_names(run.tasks)
    scores: dict[str, list[Picture]] = {task: [] for task in run.tasks}
    curves, learning = {}, {}
    trained = trained_trials(run)
    done = run.trials["score"].notna() & (run.trials["status"] == "complete")
    # A style takes effect when an artist is made, so it holds for drawing and saving alike.
    with matplotlib.rc_context(FIGURE_STYLE):
        for task in run.tasks:
            cells = [standing for standing in board[task] if standing.status != "no score"]
            if cells:
                plot = forest(run, cells, found.answers[task])
                scores[task].append(save(plot, folder, f"forest-{names[task]}"))
            if any((a.cell, b.cell) in tested for a in cells for b in cells):
                scores[task].append(save(p_matrix(cells, tested), folder, f"p-{names[task]}"))
            if (done & (run.trials["task"] == task)).any():
                curves[task] = save(search_curves(run, task), folder, f"search-{names[task]}")
            learned = learning_curves(run, task, trained)
            if learned:
                learning[task] = save(learned, folder, f"learning-{names[task]}")
        return Gallery(
            scores=scores,
            curves=curves,
            learning=learning,
            pooling=_picture(pooling_effect, run, found.pooled, folder, "pooling"),
            ranks=_rank_pictures(run, board, found.over, folder),
            costs=_cost_pictures(run, board, folder),
            calibration=_picture(reliability, run, found.calibrated, folder, "reliability"),
            embeddings={
                task: save(embedding_map(run, maps), folder, f"embeddings-{names[task]}")
                for task, maps in found.maps.items()
            },
        )


def _cost_pictures(run: Run, board: Leaderboard, folder: Path) -> list[Picture]:
    drawn = [(cost, score_against_cost(run, board, cost)) for cost in COSTS]
    return [save(plot, folder, f"cost-{cost}") for cost, plot in drawn if plot]


def _picture(
    draw: Callable[[Run, Data], Drawing], run: Run, data: Data, folder: Path, name: str
) -> list[Picture]:
    """One figure of some data; none where there are none."""
    return [save(draw(run, data), folder, name)] if data else []


def _rank_pictures(
    run: Run, board: Leaderboard, over: AcrossTasks | None, folder: Path
) -> list[Picture]:
    ranks = rank_table(board).dropna(axis="columns", how="all")
    if ranks.shape[1] < 2:
        return []
    drawings: list[tuple[str, Drawing]] = [
        ("mean-ranks", mean_ranks(run, ranks)),
        ("task-ranks", task_ranks(ranks)),
    ]
    if over:
        drawings.insert(0, ("critical-difference", critical_difference(run, over)))
        if len(over.models) <= MOST_WRITTEN:
            drawings.append(("wins", win_matrix(over, run.margin)))
    return [save(drawing, folder, name) for name, drawing in drawings]


def _file_names(tasks: list[str]) -> dict[str, str]:
    """A different file name for every task, whatever signs its own name holds."""
    names: dict[str, str] = {}
    for place, task in enumerate(tasks, 1):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", task).strip("-.") or "task"
        names[task] = f"{name}-{place}" if name in names.values() else name
    return names
