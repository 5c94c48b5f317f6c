"""Multilabel and regression go the whole way: plan, trial, comparison, tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk

from engine.basics.errors import UserError
from engine.basics.yaml_files import dump_yaml
from engine.compare.cells import TaskFits, comparison_table, score_table
from engine.compare.evidence import gather, interval, paired_test
from engine.kinds import find_kind
from engine.methods import Fitted, Method, methods
from engine.metrics import metrics_of
from engine.plan.cells import Plan, make_plan
from engine.plan.study import load_study
from engine.records import Cell, EncoderSpec, TaskSpec, TrialSpec
from engine.select.winners import FinalFit
from engine.stages.results import _predictions
from engine.tasks import cached_task, load_task
from engine.trial import refit, run_trial

PROBE = {
    "method": "probe",
    "parameters": {"pooling": {"constant": "features"}},
    "default": {"pooling": "features"},
}
FILES = {
    "classes.csv": lambda i: str(i % 2),
    "numbers.csv": lambda i: repr(0.25 * i),
    "sets.csv": lambda i: ("a;" if i % 2 else "") + ("b" if i % 3 else "") or ";",
}
KINDS = {"numbers.csv": "regression", "sets.csv": "multilabel"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, label in FILES.items():
        rows = [
            f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T,{label(i)}" for i in range(60)
        ]
        Path(name).write_text("sequence,label\n" + "\n".join(rows) + "\n")


@pytest.fixture
def all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe says that it takes every kind of task."""
    able = replace(methods()["probe"], kinds=("classification", "multilabel", "regression"))
    monkeypatch.setitem(methods(), "probe", able)


def plan(tasks: list[Any], **changes: Any) -> Plan:
    study = {"name": "s", "encoders": ["kmer"], "methods": {"probe": PROBE}, "tasks": tasks}
    Path("s.yaml").write_text(dump_yaml({**study, **changes}))
    return make_plan(load_study(Path("s.yaml")))


@pytest.mark.usefixtures("all_kinds")
def test_every_kind_has_its_default_metric():
    made = plan([{"path": name} for name in FILES])
    assert {p.cell.task: p.metric for p in made.cells} == {
        "classes": "auroc",
        "numbers": "spearman",
        "sets": "auroc",
    }
    assert made.forwards() == 180


@pytest.mark.usefixtures("all_kinds")
def test_a_study_can_declare_the_kind():
    made = plan([{"path": "classes.csv", "kind": "regression"}])
    assert (made.tasks["classes"].kind.name, made.cells[0].metric) == ("regression", "spearman")
    again = load_study_of(made)
    assert again.tasks == made.study.tasks


def load_study_of(made: Plan):
    Path("again.yaml").write_text(dump_yaml(made.study.to_dict()))
    return load_study(Path("again.yaml"))


@pytest.mark.parametrize(
    ("tasks", "study", "message"),
    [
        (
            [{"path": "numbers.csv"}],
            "auroc",
            r"s.yaml: metric: 'auroc' does not fit numbers, a regression task; valid: spearman, "
            r"pearson, r2, mse, rmse; leave it out, or give the task a `metric` of its own",
        ),
        (
            [{"path": "sets.csv", "metric": "mcc"}],
            None,
            r"s.yaml: tasks.sets.metric: 'mcc' does not fit sets, a multilabel task; valid: auroc, "
            r"auprc, f1, f1_micro, hamming$",
        ),
        ([{"path": "classes.csv", "metric": "r2"}], None, "'r2' does not fit classes, a classif"),
        (
            [{"path": "classes.csv", "kind": "regresion"}],
            None,
            "s.yaml: tasks.0.kind: .*'regression'",
        ),
    ],
)
def test_a_wrong_metric_or_kind_is_one_line_before_any_work(tasks, study, message):
    with pytest.raises(UserError, match=message) as error:
        plan(tasks, metric=study)
    assert "\n" not in str(error.value)


def test_a_method_that_does_not_take_a_kind_is_skipped_with_the_reason(monkeypatch):
    only = replace(methods()["probe"], kinds=("classification",))
    monkeypatch.setitem(methods(), "probe", only)
    made = plan([{"path": "classes.csv"}, {"path": "numbers.csv"}])
    assert [p.cell.task for p in made.cells] == ["classes"]
    assert [(s.cell.task, s.reason) for s in made.skipped] == [
        ("numbers", "probe cannot be fitted to a regression task")
    ]
    with pytest.raises(UserError, match="no cell can run: probe cannot be fitted to a regression"):
        plan([{"path": "numbers.csv"}])


def spec(name: str, metric: str) -> TrialSpec:
    task = TaskSpec(Path(name).stem, name)
    return TrialSpec(
        cell=Cell("kmer", task.name, "stub"),
        number=0,
        method="stub",
        params={},
        encoder=EncoderSpec("kmer", "kmer"),
        task=task,
        encoder_fingerprint="e",
        task_fingerprint=load_task(task).fingerprint,
        metric=metric,
        seed=0,
        store="",
    )


def guesses(labels: np.ndarray, draw: int = 0) -> np.ndarray:
    """Scores that know something of labels of any kind but one class a row."""
    noise = np.random.default_rng(draw).random(labels.reshape(len(labels), -1).shape)
    if labels.ndim == 2:
        return 0.3 * labels + 0.7 * noise
    return labels[:, None] + 3 * noise


def fake_fit(spec: TrialSpec, *_: object) -> Fitted:
    task = cached_task(spec.task)
    test = task.unseal_test
    return Fitted(guesses(task.validation.labels), lambda: guesses(test().labels, 1), (0.5,), 3)


@pytest.mark.parametrize("name", KINDS)
def test_a_trial_has_every_metric_of_its_kind(name: str, monkeypatch: pytest.MonkeyPatch):
    stub = Method("stub", "embeddings", "", {}, fake_fit, kinds=(KINDS[name],))
    monkeypatch.setitem(methods(), "stub", stub)
    asked = spec(name, "auroc" if name == "sets.csv" else "r2")
    labels = load_task(asked.task).validation.labels
    result = run_trial(asked)
    assert result.error is None
    assert tuple(result.metrics) == metrics_of(find_kind(KINDS[name]))
    if name == "numbers.csv":
        assert result.score == pytest.approx(sk.r2_score(labels, guesses(labels)[:, 0]))
    else:
        assert result.score == pytest.approx(sk.roc_auc_score(labels, guesses(labels)))
    again = refit(asked)
    assert again.validation == result.score
    test = load_task(asked.task).unseal_test().labels
    assert again.test.shape == (len(test), 2 if name == "sets.csv" else 1)


def fits(task: str, labels: np.ndarray) -> list[FinalFit]:
    """A model that knows something, and one that knows nothing."""
    of = {"a": guesses(labels, 1), "b": np.random.default_rng(3).permutation(guesses(labels, 2))}
    return [FinalFit(Cell(e, task, "p"), "tuned", 0, 0.9, s, 1.0, 3) for e, s in of.items()]


def task_fits(name: str, metric: str) -> TaskFits:
    rng = np.random.default_rng(0)
    labels: Any = {
        "classes": np.repeat([0, 1], 30),
        "numbers": rng.normal(scale=5, size=60),
        "sets": (rng.random((60, 3)) < 0.4).astype(np.int64),
    }[name]
    if name == "classes":
        scores = np.column_stack([1 - rng.random(60) / 2, rng.random(60) / 2])
        scores /= scores.sum(axis=1, keepdims=True)
        made = [FinalFit(Cell("a", name, "p"), "tuned", 0, 0.9, scores, 1.0, 3)]
    else:
        made = fits(name, labels)
    kind = find_kind(KINDS.get(f"{name}.csv", "classification"))
    return TaskFits(name, metric, kind, labels, made)


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 300)


@pytest.mark.usefixtures("few_resamples")
@pytest.mark.parametrize(
    ("name", "metric"), [("numbers", "spearman"), ("numbers", "mse"), ("sets", "auroc")]
)
def test_cells_are_compared_by_paired_bootstrap(name: str, metric: str):
    task = task_fits(name, metric)
    (row,) = comparison_table([task], (0,), "per_task", "holm").to_dict("records")
    assert (row["test"], row["note"]) == ("paired bootstrap", "")
    assert row["verdict"] == "significant"
    assert (row["delta"] > 0) == (metric != "mse")
    assert row["ci_low"] < row["delta"] < row["ci_high"]
    for scored in score_table([task]).to_dict("records"):
        assert scored["ci_low"] < scored["value"] < scored["ci_high"]


@pytest.mark.usefixtures("few_resamples")
def test_a_study_of_several_kinds_has_one_table_with_gaps():
    tasks = [task_fits("classes", "auroc"), task_fits("numbers", "r2"), task_fits("sets", "f1")]
    table = score_table(tasks).set_index(["task", "encoder"])
    for task, kind in (("classes", "classification"), ("numbers", "regression")):
        row = table.loc[(task, "a")]
        assert row[list(metrics_of(find_kind(kind)))].notna().all()
    assert np.isnan(table.loc[("numbers", "a"), "auroc"])
    assert np.isnan(table.loc[("classes", "a"), "r2"])
    assert table.loc[("numbers", "a"), "spearman"] == pytest.approx(
        stats.spearmanr(tasks[1].labels, tasks[1].fits[0].scores[:, 0]).statistic
    )


def test_the_interval_of_a_correlation_is_that_of_fisher(monkeypatch: pytest.MonkeyPatch):
    # Normal data: atanh(r) has the standard error 1 / sqrt(N - 3) (Fisher 1915).
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 1000)
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    scores = 0.7 * y + np.sqrt(1 - 0.7**2) * rng.normal(size=400)
    r = stats.pearsonr(y, scores).statistic
    expected = np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / np.sqrt(397))
    found = interval(
        gather("pearson", find_kind("regression"), y, [scores[:, None]]), scores[:, None]
    )
    assert found == pytest.approx(expected, abs=0.015)


@pytest.mark.usefixtures("few_resamples")
def test_where_rows_allow_no_test_a_note_says_why():
    # One label holds in one row: most resamples lose it, and with it everything to be scored.
    labels = np.zeros((6, 2), dtype=np.int64)
    labels[0, 0] = 1
    a, b = guesses(labels, 1), guesses(labels, 2)
    evidence = gather("auroc", find_kind("multilabel"), labels, [a, b])
    result = paired_test(evidence, a, b)
    assert np.isnan(result["p"])
    assert "must be finite" in str(result["note"])
    assert all(np.isnan(interval(evidence, a)))


@pytest.mark.parametrize("names", [("numbers",), ("sets",), ("classes", "numbers", "sets")])
def test_predictions_have_labels_and_scores_of_every_row(names, tmp_path: Path):
    made = [task_fits(name, "auroc") for name in names]
    ids = SimpleNamespace(ids=[f"s{i}" for i in range(60)])
    opened = {name: SimpleNamespace(unseal_test=lambda: ids) for name in names}
    run: Any = SimpleNamespace(plan=SimpleNamespace(tasks=opened))
    _predictions(run, made).to_parquet(tmp_path / "p.parquet")
    table = pd.read_parquet(tmp_path / "p.parquet")
    for task in made:
        first = table[table["cell"] == task.fits[0].cell.id]
        width = task.fits[0].scores.shape[1]
        scores = first[[f"score_{k}" for k in range(width)]].to_numpy()
        assert (scores == task.fits[0].scores).all()
        if task.labels.ndim == 1:
            assert (first["label"].to_numpy() == task.labels).all()
        else:
            assert (first[["label_0", "label_1", "label_2"]].to_numpy() == task.labels).all()
