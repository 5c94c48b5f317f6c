"""An exported model made in this process, of a method that is small enough to be checked by hand.

The method `stub` scores a sequence by the share of each base: class k by the share of letter k. It
is fitted to nothing and saves one number, which a loaded model must use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.basics.yaml_files import dump_yaml
from engine.compare.cells import TaskFits, score_table
from engine.embedding.stored import Prepared
from engine.methods import Fitted, Method, methods
from engine.methods.hyperparameters import Hyperparameter, named
from engine.plan.cells import make_plan
from engine.plan.study import load_study
from engine.records import TrialRecord, TrialResult, TrialSpec
from engine.select.predict import Best, load_best
from engine.select.winners import Winner, final_fits, fit_once, requests_of
from engine.stages.export import write_best
from engine.stages.run import Run
from engine.tasks import cached_task

Scores = np.ndarray
SPACE = {
    "method": "stub",
    "parameters": {"pooling": {"constant": "mean"}, "weight": {"constant": 0.5}},
    "default": {"pooling": "mean", "weight": 0.5},
}


def shares(sequences: Sequence[str], kind: str, width: int, weight: float) -> Scores:
    """Scores by the shares of A, C, G ...; what N and other letters have is nobody's."""
    found = np.array([[s.count(letter) / len(s) for letter in "ACGT"] for s in sequences])
    if kind == "regression":
        return 10 * weight * found[:, :1]
    if kind == "multilabel":
        return np.clip(weight + found[:, :width] - 0.25, 0, 1)
    raw = found[:, :width] + weight
    return raw / raw.sum(axis=1, keepdims=True)


def fit(spec: TrialSpec, *_: object) -> Fitted:
    task = cached_task(spec.task)
    score = partial(
        shares, kind=task.kind.name, width=len(task.classes), weight=float(spec.params["weight"])
    )

    def save(folder: Path) -> None:
        (folder / "stub.json").write_text(json.dumps(score.keywords))

    return Fitted(
        score(task.validation.sequences),
        lambda: score(task.unseal_test().sequences),
        (0.5,),
        1,
        save=save,
    )


def load(folder: Path, spec: TrialSpec) -> Callable[[Sequence[str]], Scores]:
    return partial(shares, **json.loads((folder / "stub.json").read_text()))


STUB = Method(
    name="stub",
    needs="network",
    summary="",
    parameters=named(*(Hyperparameter(name, None, None, "") for name in ("pooling", "weight"))),
    fit=fit,
    load=load,
)

LABELS: dict[str, Callable[[int], str]] = {
    "classification": lambda i: ("low", "mid", "top")[i % 3],
    "multilabel": lambda i: ("a;" if i % 2 else "") + ("b" if i % 3 else "") or ";",
    "regression": lambda i: repr(0.25 * i),
}


@dataclass(frozen=True)
class Exported:
    """What a run left."""

    run: Run
    tasks: list[TaskFits]
    scores: pd.DataFrame
    best: Best


def sequences(count: int = 60) -> list[str]:
    return [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(count)]


def export(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch, method: Method = STUB, **encoder: Any
) -> Exported:
    """Fit and export the winner of a study of one cell, in a folder that becomes the current."""
    monkeypatch.chdir(folder)
    monkeypatch.setitem(methods(), "stub", method)
    rows = [f"{s},{LABELS[kind](i)}" for i, s in enumerate(sequences())]
    Path("mine.csv").write_text("sequence,label\n" + "\n".join(rows) + "\n")
    study = {
        "name": "s",
        "encoders": [{"name": "tiny-bert", "weights": "random", **encoder}],
        "tasks": [{"path": "mine.csv"}],
        "methods": {"stub": SPACE},
        "seeds": [3, 1],
    }
    Path("s.yaml").write_text(dump_yaml(study))
    view: Any = None
    run = Run(make_plan(load_study(Path("s.yaml"))), Path("out"), None, False, view)
    (cell,) = run.plan.cells
    pair = (cell.cell.encoder, cell.cell.task)
    run.keep(pair, Prepared("e", "float32", "", 128, 7, 0, {}, 0))
    record = TrialRecord(cell.cell, "k", 1, "t", SPACE["default"], TrialResult("complete", 0.75))
    winner = Winner(cell, record, None)
    requests = requests_of(
        winner, run.plan.study.seeds, partial(run.spec, cell), str(run.fits),
        str(run.models), str(run.checkpoints),
    )  # fmt: skip
    fits = list(final_fits(requests, lambda asked: ((r, fit_once(r)) for r in asked)))
    labels = run.plan.tasks["mine"].unseal_test().labels
    tasks = [TaskFits("mine", cell.metric, run.plan.tasks["mine"].kind, labels, fits)]
    scores = score_table(tasks)
    write_best(run, winner, scores)
    return Exported(run, tasks, scores, load_best(run.file(f"best/{cell.cell.slug}")))
