"""Tables of a run: what an earlier version of the study left does not stay."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from engine.embedding.quality import Measured, QualityRequest
from engine.records import TaskSpec
from engine.stages.results import first_started, write_embeddings


def test_embeddings_are_written_and_go_with_the_study_that_measured_them(tmp_path: Path) -> None:
    run = SimpleNamespace(file=lambda name: tmp_path / name)
    request = QualityRequest("e", "t", TaskSpec("t"), "f", "k", "r")
    row = {"pooling": "mean", "layer": -1, "knn_purity": 0.75, "note": ""}
    points = {"labels": np.array([0, 1]), "mean@-1": np.array([[1.0, 2.0], [3.0, 4.0]])}
    write_embeddings(run, [Measured(request, [row], points)])
    numbers = pd.read_csv(tmp_path / "embeddings.csv")
    assert numbers.loc[0, ["encoder", "task", "pooling", "knn_purity"]].tolist() == [
        *("e", "t", "mean", 0.75)
    ]
    drawn = pd.read_parquet(tmp_path / "embedding_map.parquet")
    assert drawn[["label", "x", "y"]].to_numpy().tolist() == [[0, 1, 2], [1, 3, 4]]
    write_embeddings(run, [])
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_did_not_start_the_study(tmp_path: Path) -> None:
    run = SimpleNamespace(file=lambda name: tmp_path / name, started="today")
    assert first_started(run) == "today"
    (tmp_path / "manifest.json").write_text('{"created": "yesterday"}')
    assert first_started(run) == "yesterday"
