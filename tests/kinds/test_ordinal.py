"""A kind from outside, in one file (that of docs/plugins.md), goes the whole way from CSV."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from engine.basics.errors import UserError
from engine.basics.yaml_files import dump_yaml
from engine.commands.plan_tables import plan_table
from engine.compare.cells import TaskFits, comparison_table, score_table
from engine.embedding.stored import PrepareRequest, prepare
from engine.kinds import Kind, find_kind
from engine.kinds.base import KINDS
from engine.methods import methods
from engine.methods.probes import probes
from engine.metrics import METRICS, compute, metrics_of
from engine.plan.cells import Plan, make_plan
from engine.plan.study import load_study
from engine.records import TaskSpec, TrialRecord, TrialSpec
from engine.report import write_report
from engine.select.predict import load_best, predict_file
from engine.select.winners import FitRequest, Winner, fit_once
from engine.stages.export import write_best
from engine.stages.results import _predictions
from engine.stages.run import Run
from engine.tasks import load_task
from engine.trial import run_trial
from tests.basics.test_plugins import ORDINAL, installed, run, write_package
from tests.report.conftest import unsaved, write_run

__all__ = ["unsaved"]
ENCODER = {"name": "tiny-bert"}
METHODS = {
    "probe": {"pooling": "mean"},
    "lora": {"pooling": "mean", "epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "rank": 4},
}
STUDY = {
    "name": "s",
    "encoders": [ENCODER],
    "tasks": [{"path": "grades.csv", "kind": "ordinal"}],
    "methods": {
        name: {
            "method": name,
            "parameters": {key: {"constant": value} for key, value in params.items()},
            "default": params,
        }
        for name, params in METHODS.items()
    },
    "trials_per_cell": 1,
    "seeds": [0],
}


def write_grades(path: Path) -> None:
    """Four grades of 160 sequences, by how much of G and C they have."""
    rng = np.random.default_rng(0)
    rows = ["sequence,label"]
    for row in range(160):
        share = 0.2 + 0.2 * (row % 4)
        p = [(1 - share) / 2, share / 2, share / 2, (1 - share) / 2]
        rows.append(f"{''.join(rng.choice(list('ACGT'), size=60, p=p))},{1 + row % 4}")
    path.write_text("\n".join(rows) + "\n")


def forget() -> None:
    """Look for plug-ins anew."""
    for registry in (KINDS, METRICS):
        registry.__dict__.pop("_all", None)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_package(tmp_path_factory.mktemp("package"))
    return installed(folder, "grades", dict.fromkeys(("kinds", "metrics"), ORDINAL))


@pytest.fixture
def ordinal(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """The kind, with a file of it in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_grades(Path("grades.csv"))
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(package))
        forget()
        yield find_kind("ordinal")
    for name in [name for name in sys.modules if name.startswith("dnasweep_example")]:
        del sys.modules[name]
    forget()


def study() -> Plan:
    Path("s.yaml").write_text(dump_yaml(STUDY))
    return make_plan(load_study(Path("s.yaml")))


def test_it_is_loaded_split_and_told_apart_from_classes(ordinal: Kind) -> None:
    task = load_task(TaskSpec("grades", "grades.csv", kind="ordinal"))
    assert (task.kind, task.classes, task.spec.kind) == (ordinal, ("1", "2", "3", "4"), "ordinal")
    assert set(task.counts["train"].values()) == {28}
    classes = load_task(TaskSpec("grades", "grades.csv"))
    assert classes.kind.name == "classification"
    assert classes.fingerprint != task.fingerprint
    assert (classes.unseal_test().labels == task.unseal_test().labels).all()


def test_metrics_are_its_own_and_those_of_the_kind_that_it_is_like(ordinal: Kind) -> None:
    like = metrics_of(find_kind("classification"))
    assert metrics_of(ordinal) == (*like, "rank_error")
    scores = np.array([[0.6, 0.3, 0.1], [0.4, 0.3, 0.3], [0.0, 0.4, 0.6]])
    assert compute("rank_error", [0, 2, 2], scores, ordinal) == pytest.approx(1 / 3)
    assert compute("accuracy", [0, 2, 2], scores, ordinal) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="rank_error is no metric of a classification task"):
        compute("rank_error", [0, 2, 2], scores, find_kind("classification"))


def test_a_study_plans_it_for_every_method_and_every_probe_of_classes(ordinal: Kind) -> None:
    plan = study()
    assert {cell.metric for cell in plan.cells} == {"rank_error"}
    assert [cell.cell.method for cell in plan.cells] == ["probe", "lora"]
    assert {cell.task.kind for cell in plan.cells} == {"ordinal"}
    console = Console(width=200)
    with console.capture() as shown:
        console.print(plan_table(plan, Path("out")))
    assert "4 grades" in shown.get()
    assert all(method.fits(ordinal) for method in methods().values())
    numeric = {name for name, probe in probes().items() if not probe.takes(ordinal)}
    assert numeric == {"ridge"}
    Path("s.yaml").write_text(dump_yaml({**STUDY, "metric": "r2"}))
    with pytest.raises(UserError, match="'r2' does not fit grades, a ordinal task; valid: auroc,"):
        make_plan(load_study(Path("s.yaml")))


def prepared_run() -> Run:
    """A run whose embeddings are made."""
    view: object = None
    made = Run(study(), Path("out"), None, False, view)  # type: ignore[arg-type]
    (task,), cell = made.plan.tasks.values(), made.plan.cells[0]
    splits = ("train", "validation", "test")
    request = PrepareRequest(cell.encoder, task.spec, task.fingerprint, ("mean",), (-1,), splits)
    made.keep((cell.cell.encoder, cell.cell.task), prepare(request, made.store))
    return made


def test_it_is_probed_tuned_compared_exported_and_predicted(ordinal: Kind) -> None:
    made = prepared_run()
    fits, winners = [], []
    for plan in made.plan.cells:
        params = METHODS[plan.cell.method]
        result = run_trial(TrialSpec.from_json(made.spec(plan, params, 0).to_json()))
        assert result.error is None
        assert result.score is not None
        assert result.score < 0.75  # by chance 1.25
        assert set(result.metrics) == set(metrics_of(ordinal))
        winners.append(Winner(plan, TrialRecord(plan.cell, "k", 1, "t", params, result), None))
        spec = made.spec(plan, params, 0)
        fits.append(fit_once(FitRequest(spec, "tuned", str(made.fits), str(made.models))))
    (task,) = made.plan.tasks.values()
    test = task.unseal_test()
    for fit in fits:
        assert fit.scores.shape == (len(test.labels), 4)
        np.testing.assert_allclose(fit.scores.sum(axis=1), 1, atol=1e-6)
    tasks = [TaskFits("grades", "rank_error", ordinal, test.labels, fits, test.groups)]
    scores = score_table(tasks)
    assert scores["rank_error"].equals(scores["value"].rename("rank_error"))
    assert scores["mcc"].notna().all()
    (pair,) = comparison_table(tasks, (0,), "per_task", "holm").to_dict("records")
    assert (pair["test"], pair["note"]) == ("paired bootstrap", "")
    assert np.isfinite(pair["p"])
    table = _predictions(made, tasks)
    assert (table["label"].to_numpy().reshape(len(fits), -1) == test.labels).all()
    for winner, first in zip(winners, fits, strict=True):
        write_best(made, winner, scores)
        best = load_best(made.file(f"best/{winner.plan.cell.slug}"))
        card = (best.folder / "README.md").read_text()
        assert "a probability for each of the grades, in their order out" in card
        assert "Grades: 1, 2, 3, 4." in card
        Path("new.csv").write_text("sequence\n" + "\n".join(test.sequences) + "\n")
        predicted, _ = predict_file(best, "new.csv")
        np.testing.assert_allclose(
            predicted[[f"score_{k}" for k in task.classes]], first.scores, atol=1e-5
        )
        assert predicted["prediction"].tolist() == ordinal.decide(first.scores, task.classes)
    about = json.loads((best.folder / "model" / "model.json").read_text())
    assert (about["kind"], about["outputs"]) == ("ordinal", 3)


@pytest.mark.usefixtures("unsaved")
def test_the_report_words_it(ordinal: Kind) -> None:
    cells = {("kmer", "probe"): (0.9,), ("tiny-bert", "lora"): (0.8,)}
    out = write_run(Path("out"), cells, ("t",), "rank_error")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["tasks"]["t"] |= {"kind": "ordinal", "classes": ["1", "2", "3", "4"]}
    (out / "manifest.json").write_text(json.dumps(manifest))
    text = write_report(out).markdown.read_text()
    assert "Grades, lowest first" in text
    assert "1, 2, 3, 4" in text
    assert "sequence ordinal task" in text
    assert "rank error" in text


@pytest.mark.slow
def test_the_command_runs_a_study_of_it(package: Path, tmp_path: Path) -> None:
    """Workers find the kind as the command did."""
    write_grades(tmp_path / "grades.csv")
    (tmp_path / "s.yaml").write_text(dump_yaml(STUDY))
    out = tmp_path / "out"
    done = run(package, "run_search.py", str(tmp_path / "s.yaml"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    scores = pd.read_csv(out / "scores.csv")
    assert set(scores["method"]) == {"probe", "lora"}
    assert scores["rank_error"].max() < 0.75
    assert "Grades, lowest first" in (out / "report.md").read_text()
