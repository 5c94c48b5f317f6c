"""What is said of a task's data."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from engine.report.facts.notes import task_notes
from engine.report.finished_run import read_run

Maker = Callable[..., Path]


def test_what_a_method_cuts_beside_the_encoder_is_told(make_run: Maker) -> None:
    out = make_run(cells={("a", "prompt"): (0.9,), ("a", "lora"): (0.8,)}, tasks=("t",))
    trials = pd.read_parquet(out / "trials.parquet")
    trials["cost"] = [json.dumps({"cut": 7} if m == "prompt" else {}) for m in trials["method"]]
    trials.to_parquet(out / "trials.parquet")
    assert [note for note in task_notes(read_run(out), "t") if "prompt" in note] == [
        "Up to 7 sequences of train and validation cut by prompt of a, whose virtual tokens take "
        "room."
    ]
