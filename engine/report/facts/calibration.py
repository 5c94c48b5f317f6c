"""Do the probabilities of a task's models mean what they say?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.report.facts.standings import Leaderboard, Standing
from engine.report.finished_run import FinishedRun
from engine.report.forms.grids import (
    CELL_COLUMNS,
    Column,
    Entry,
    Grid,
    cell_entries,
    for_tasks,
    scored,
)
from engine.stats import (
    ReliabilityCurve,
    brier_decomposition,
    calibration_error,
    reliability_curve,
    top_label,
)

BINS = 10  # of equally many rows


@dataclass(frozen=True)
class Calibration:
    """How well the probabilities of one fitted model are calibrated.

    Attributes
    ----------
    standing : Standing
        Its cell; the model is that of the first seed.
    brier, reliability, ece, mce : float
        Of the second class where there are two, else of the class that was predicted; over the bins
        of the curve.
    """

    standing: Standing
    brier: float
    reliability: float
    ece: float
    mce: float
    curve: ReliabilityCurve


def calibrations(run: FinishedRun, board: Leaderboard) -> dict[str, list[Calibration]]:
    """Calibration of every cell of every task of classes, in the order of the leaderboard.

    Returns
    -------
    dict of str to list of Calibration
        Empty without the run's predictions.
    """
    predictions = run.predictions()
    if predictions is None:
        return {}
    rows_of = dict(tuple(predictions.groupby("cell")))
    found: dict[str, list[Calibration]] = {}
    for task, standings in board.items():
        if run.kind(task).exclusive:
            cells = [s for s in standings if s.status != "no score" and s.cell in rows_of]
            found[task] = [_calibration(cell, rows_of[cell.cell]) for cell in cells]
    return {task: cells for task, cells in found.items() if cells}


def _calibration(standing: Standing, rows: pd.DataFrame) -> Calibration:
    names = [name for name in rows if name.startswith("score_") and rows[name].notna().all()]
    outcome, probability = _binary(rows["label"].to_numpy(np.int64), rows[names].to_numpy(float))
    # Of equal width, a bin can hold one row, or all of a model that is never sure.
    brier = brier_decomposition(outcome, probability, BINS, "mass")
    error = calibration_error(outcome, probability, BINS, "mass")
    curve = reliability_curve(outcome, probability, BINS, "mass")
    return Calibration(standing, brier.brier, brier.reliability, error.ece, error.mce, curve)


def _binary(
    labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """What holds or not, and the probability that it does."""
    if scores.shape[1] == 2:
        return labels, scores[:, 1].clip(0, 1)
    correct, confidence = top_label(labels, scores)
    return correct, confidence.clip(0, 1)


def calibration_grid(run: FinishedRun, found: Mapping[str, list[Calibration]]) -> Grid:
    """Brier score and calibration errors of every cell."""
    columns = [
        *CELL_COLUMNS,
        Column("Brier", numeric=True, tip="mean squared error of the probability; less is better"),
        Column("Reliability", numeric=True, tip="the part of it that calibration could take away"),
        Column("ECE", numeric=True, tip="expected calibration error: mean over bins"),
        Column("MCE", numeric=True, tip="largest error of a bin"),
    ]
    rows = [
        [
            Entry(task),
            *cell_entries(run, cell.standing.encoder, cell.standing.method),
            *map(scored, (cell.brier, cell.reliability, cell.ece, cell.mce)),
        ]
        for task, cells in found.items()
        for cell in cells
    ]
    caption = (
        f"Models of seed {run.seeds[0]} on the test split. With two classes: of the probability of "
        "the second; with more: of the probability of the class that was predicted. Reliability, "
        f"ECE and MCE are over {BINS} bins of equally many rows, those of the curves."
    )
    return for_tasks(run, Grid("calibration", caption, columns, rows))
