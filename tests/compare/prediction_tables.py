"""Prediction files of three models, and what `compare` says of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from engine.basics.errors import UserError
from engine.compare.files import Comparison, compare_files

ROWS = 60
LABEL = np.arange(ROWS) % 2
RNG = np.random.default_rng(0)
#: Three models from good to useless, with ties.
A, B, C = (np.round(LABEL * strength + RNG.normal(size=ROWS), 1) for strength in (2.0, 1.0, 0.0))
IDS = [f"s{i}" for i in range(ROWS)]


def csv(file: str, **columns: object) -> Path:
    pd.DataFrame(columns).to_csv(file, index=False)
    return Path(file)


def refused(*files: Path, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        compare_files(files, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def shown(result: Comparison) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(result.rich())
    return console.export_text()


def predictions() -> Path:
    """What a run leaves: two tasks (of two and three classes), two seeds, an untuned fit."""
    rng = np.random.default_rng(3)
    parts = []
    for task, classes in (("suite/t2", 2), ("t3", 3)):
        labels = np.arange(ROWS) % classes
        for encoder in ("x", "y"):
            for variant, seed in (("tuned", 5), ("tuned", 1), ("default", 5)):
                scores = rng.dirichlet(np.ones(classes), ROWS)
                frame = pd.DataFrame(scores, columns=[f"score_{k}" for k in range(classes)])
                frame = frame.assign(
                    cell=f"{encoder}/{task}/probe", variant=variant, seed=seed, id=IDS, label=labels
                )
                parts.append(frame)
    path = Path("predictions.parquet")
    pd.concat(parts, ignore_index=True).to_parquet(path)
    return path
