"""Calibration from the run's predictions, against scikit-learn and by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from engine.report import write_report
from engine.report.facts.calibration import calibrations
from engine.report.facts.standings import leaderboard
from engine.report.finished_run import read_run

Maker = Callable[..., Path]
CELLS = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
LABELS = np.tile([0, 1], 100)
CERTAIN = np.where(LABELS == 1, 0.9, 0.1)


def predictions(cell: str, positive: np.ndarray, seed: int = 0) -> pd.DataFrame:
    columns = {"score_0": 1 - positive, "score_1": positive, "label": LABELS}
    return pd.DataFrame({"cell": cell, "variant": "tuned", "seed": seed, **columns})


@pytest.fixture
def out(make_run: Maker) -> Path:
    folder = make_run(cells=CELLS, tasks=("t",), per_cell=2)
    rough = np.random.default_rng(0).random(200)
    parts = [
        predictions("a/t/probe", CERTAIN),
        predictions("a/t/probe", np.full(200, 0.5), seed=1),
        predictions("b/t/probe", rough).assign(score_2=np.nan),
    ]
    pd.concat(parts).to_parquet(folder / "predictions.parquet")
    return folder


def test_two_classes_are_rated_by_the_probability_of_the_second(out: Path) -> None:
    run = read_run(out)
    first, second = calibrations(run, leaderboard(run))["t"]
    # The first seed's model: always 0.1 from the truth, though a 0.9 always holds.
    assert (first.standing.encoder, first.brier) == ("a", pytest.approx(0.01))
    assert first.ece == pytest.approx(0.1)
    rough = np.random.default_rng(0).random(200)
    assert second.brier == pytest.approx(brier_score_loss(LABELS, rough))


def test_more_classes_are_rated_by_the_class_that_was_predicted(make_run: Maker) -> None:
    folder = make_run(cells={("a", "probe"): (0.9,)}, tasks=("t",), per_cell=2)
    scores = np.tile([[0.6, 0.3, 0.1]], (4, 1))
    rows = pd.DataFrame(scores, columns=["score_0", "score_1", "score_2"])
    rows = rows.assign(cell="a/t/probe", variant="tuned", seed=0, label=[0, 0, 1, 2])
    rows.to_parquet(folder / "predictions.parquet")
    run = read_run(folder)
    (found,) = calibrations(run, leaderboard(run))["t"]
    assert found.brier == pytest.approx((2 * 0.4**2 + 2 * 0.6**2) / 4)
    assert found.ece == pytest.approx(0.1)


def test_the_page_shows_it_where_there_are_predictions(out: Path) -> None:
    paths = write_report(out)
    assert "reliability.svg" in {path.name for path in paths.figures}
    assert 'id="calibration"' in paths.html.read_text()
    assert "## Calibration" in paths.markdown.read_text()


def test_a_run_without_predictions_has_none(make_run: Maker) -> None:
    run = read_run(make_run(cells=CELLS, tasks=("t",), per_cell=2))
    assert calibrations(run, leaderboard(run)) == {}


def test_a_model_that_is_never_sure_is_not_taken_for_calibrated(make_run: Maker) -> None:
    folder = make_run(cells={("a", "probe"): (0.9,)}, tasks=("t",), per_cell=2)
    # Always right and never sure: one bin of equal width would hold all of it, with no error.
    timid = np.where(LABELS == 1, 0.51, 0.49)
    predictions("a/t/probe", timid).to_parquet(folder / "predictions.parquet")
    run = read_run(folder)
    (found,) = calibrations(run, leaderboard(run))["t"]
    assert found.ece == pytest.approx(0.49)
    assert found.mce == pytest.approx(0.49)
    assert found.reliability == pytest.approx(0.49**2)
