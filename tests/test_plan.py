"""The plan: names resolved, files checked, cells listed, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.encoders import cards
from engine.errors import UserError
from engine.plan import Plan, make_plan
from engine.records import Cell
from engine.study import load_study
from engine.yamlio import dump_yaml

PROBE = {
    "method": "probe",
    "parameters": {"pooling": {"choice": ["mean", "max", "summary"]}},
    "default": {"pooling": "mean"},
}
LORA = {
    "method": "lora",
    "parameters": {"pooling": {"constant": "mean"}, "rank": {"int": [2, 8]}},
    "default": {"pooling": "mean", "rank": 4},
}
ROWS = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T,{i % 2}" for i in range(40)]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("sequence,label\n" + "\n".join(ROWS) + "\n")
    return tmp_path


def plan(**changes: Any) -> Plan:
    study = {
        "name": "s",
        "encoders": ["tiny-bert", "kmer"],
        "tasks": [{"path": "mine.csv"}],
        "methods": {"probe": PROBE, "lora": LORA},
        "trials_per_cell": 3,
    }
    Path("s.yaml").write_text(dump_yaml({**study, **changes}))
    return make_plan(load_study(Path("s.yaml")))


def refused(**changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        plan(**changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def space(**parameters: Any) -> dict[str, Any]:
    """A probe space of choices, each with its first value as the default."""
    return {
        "method": "probe",
        "parameters": {name: {"choice": choices} for name, choices in parameters.items()},
        "default": {name: choices[0] for name, choices in parameters.items()},
    }


def test_a_choice_that_the_method_does_not_know_is_told() -> None:
    parameters = PROBE["parameters"] | {"classifier": {"choice": ["logistic_regression", "svm"]}}
    default = {"pooling": "mean", "classifier": "svm"}
    probe = PROBE | {"parameters": parameters, "default": default}
    message = r"parameters.classifier: 'svm' is unknown; valid: logistic_regression"
    with pytest.raises(UserError, match=message):
        plan(methods={"probe": probe})


def test_every_combination_is_a_cell_or_is_skipped_with_a_reason():
    made = plan(encoders=["tiny-bert", "kmer", "onehot"])
    cells = {p.cell for p in made.cells}
    skipped = {s.cell: s.reason for s in made.skipped}
    every = {
        Cell(encoder, "mine", method)
        for encoder in ("tiny-bert", "kmer", "onehot")
        for method in ("probe", "lora")
    }
    assert cells | skipped.keys() == every
    assert not cells & skipped.keys()
    assert skipped == {
        Cell("kmer", "mine", "lora"): "kmer has no network that lora could adapt",
        Cell("onehot", "mine", "lora"): "onehot has no network that lora could adapt",
    }


def test_trials_and_forwards_are_counted():
    made = plan(trials_per_cell=3)
    assert made.trials == 3 * 3  # tiny-bert x (probe, lora) and kmer x probe
    # 40 rows through each of the two encoders that are probed, test rows included.
    assert made.forwards() == 2 * 40
    # tiny-bert: 40 rows x 3 poolings x 128 float32; kmer: 40 rows x 1364 float32.
    assert made.disk_bytes() == 40 * 4 * (3 * 128 + cards()["kmer"].hidden_size)


def test_an_encoder_that_is_only_adapted_is_not_embedded():
    made = plan(encoders=["tiny-bert"], methods={"lora": LORA})
    assert made.poolings("tiny-bert", "mine") == ()
    assert (made.forwards(), made.disk_bytes()) == (0, 0)


def test_poolings_are_narrowed_to_what_each_encoder_has():
    made = plan(methods={"probe": PROBE})
    spaces = {p.cell.encoder: p.space for p in made.cells}
    assert spaces["tiny-bert"].parameters[0].choices == ("mean", "max", "summary")
    assert spaces["kmer"].parameters[0].choices == ("features",)
    assert spaces["kmer"].default_point() == {"pooling": "features"}
    assert made.poolings("tiny-bert", "mine") == ("max", "mean", "summary")
    assert made.poolings("kmer", "mine") == ("features",)


def test_poolings_of_several_methods_come_from_one_pass():
    methods = {"a": space(pooling=["mean"]), "b": space(pooling=["max"])}
    assert plan(methods=methods).poolings("tiny-bert", "mine") == ("max", "mean")


@pytest.mark.parametrize(
    ("task", "study", "expected"),
    [
        ({"name": "splice_junctions", "metric": "f1"}, "mcc", "f1"),
        ({"name": "splice_junctions"}, "mcc", "mcc"),
        ({"name": "splice_junctions"}, None, "auroc"),  # of its card
        ({"path": "mine.csv"}, None, "auroc"),
        ({"path": "mine.csv", "metric": "auprc"}, None, "auprc"),
    ],
)
def test_the_metric_is_that_of_the_task_entry_else_study_else_card_else_auroc(
    task, study, expected
):
    made = plan(tasks=[task], metric=study, encoders=["kmer"], methods={"probe": PROBE})
    assert [p.metric for p in made.cells] == [expected]


def test_the_card_of_a_task_has_its_say_where_the_study_names_no_metric(monkeypatch):
    from dataclasses import replace

    from engine.tasks import base

    card = replace(base.task_cards()["promoters_ecoli"], metric="mcc")
    monkeypatch.setattr(base, "task_cards", lambda: {"promoters_ecoli": card})
    made = plan(tasks=["promoters_ecoli"], encoders=["kmer"], methods={"probe": PROBE})
    assert [p.metric for p in made.cells] == ["mcc"]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"encoders": ["tiny-brt"]}, ["s.yaml: encoders: ", "'tiny-brt'", "'tiny-bert'?"]),
        (
            {"encoders": [{"name": "ours", "family": "kmr"}]},
            ["s.yaml: encoders: ", "'kmr'", "'kmer'?"],
        ),
        (
            {"tasks": ["splice_junction"]},
            ["s.yaml: tasks: ", "'splice_junction'", "'splice_junctions'?"],
        ),
        (
            {"methods": {"probe": {**PROBE, "method": "prob"}}},
            ["s.yaml: methods.probe: ", "'prob'", "'probe'?"],
        ),
        ({"metric": "aurok"}, ["s.yaml: metric: ", "'aurok'", "'auroc'?"]),
        (
            {"tasks": [{"path": "mine.csv", "metric": "mmc"}]},
            ["s.yaml: tasks.mine.metric: ", "'mmc'", "'mcc'?"],
        ),
        (
            {"methods": {"probe": space(pooling=["mean"], clasifier=["x"])}},
            ["methods.probe: parameters.clasifier: ", "'probe' has no such", "'classifier'?"],
        ),
        (
            {"methods": {"probe": space(pooling=["mean"], rank=[2])}},
            ["parameters.rank: ", "'probe' has no such hyperparameter"],
        ),
        (
            {"methods": {"probe": space(class_weight=["none"])}},
            ["methods.probe: parameters: declare 'pooling'", "{constant: mean}"],
        ),
        (
            {"methods": {"probe": space(pooling=["mean", "maen"])}},
            ["parameters.pooling: 'maen' is no pooling", "'mean'?"],
        ),
        (
            {
                "methods": {
                    "probe": {
                        "method": "probe",
                        "parameters": {"pooling": {"int": [1, 3]}},
                        "default": {"pooling": 1},
                    }
                }
            },
            ["parameters.pooling: ", "valid: features, max, mean, summary"],
        ),
        (
            {"encoders": [{"name": "kmer", "weights": "random"}]},
            ["s.yaml: encoders.kmer@random.weights: ", "kmer has no weights", "leave the key out"],
        ),
        (
            {"encoders": [{"name": "onehot", "weights": "/tmp"}]},
            ["s.yaml: encoders.onehot.weights: ", "onehot has no weights"],
        ),
        (
            {"encoders": [{"name": "tiny-bert", "weights": "randm"}]},
            ["s.yaml: encoders.tiny-bert.weights: ", "no such folder: ", "randm", "'random'"],
        ),
        (
            {"encoders": ["kmer"], "methods": {"lora": LORA}},
            ["s.yaml: no cell can run: kmer has no network that lora could adapt"],
        ),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_name(changes: dict[str, Any], parts: list[str]):
    message = refused(**changes)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["no such file", "valid: mine.csv"]),
        ("", ["is empty"]),
        ("seq,label\nACGT,0\n", ["no column 'sequence'", "'seq'"]),
        ("sequence,class\nACGT,0\n", ["no column 'label'", "'class'"]),
        ("sequence,label\nACGT,0\nACXT,1\nAC-T,1\n", ["in 2 rows", "first is row 2", "'X'"]),
        ("sequence,label\nACGT,0\nACGA,0\n", ["all 2 labels are '0'"]),
    ],
)
def test_a_fault_in_the_data_is_told_before_any_work(
    elsewhere: Path, content: str | None, parts: list[str]
):
    if content is not None:
        Path("bad.csv").write_text(content)
    before = sorted(p.name for p in elsewhere.iterdir())
    message = refused(tasks=[{"path": "mine.csv"}, {"path": "bad.csv"}])
    for part in ("bad.csv: ", *parts):
        assert part in message
    assert sorted(p.name for p in elsewhere.iterdir()) == sorted([*before, "s.yaml"])


def test_names_are_checked_before_files_are_read(monkeypatch: pytest.MonkeyPatch):
    def read(*_: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr("engine.tasks.files.read_bytes", read)
    assert "'splice_junction' is unknown" in refused(
        tasks=[{"path": "mine.csv"}, "splice_junction"]
    )
    assert "'mmc' is unknown" in refused(metric="mmc")


def test_the_demo_study_plans_every_cell(in_repository: Path):
    made = make_plan(load_study(in_repository / "studies" / "demo.yaml"))
    # Five encoders and two tasks; two have no network, and random weights are left out of LoRA.
    assert len(made.cells) == 2 * (5 + 2)
    assert len(made.skipped) == 2 * 3
    assert {s.cell.encoder for s in made.skipped} == {"kmer", "onehot", "tiny-bert@random"}


def test_cells_that_the_study_leaves_out_are_listed_with_the_pattern():
    made = plan(skip=["tiny-bert/*/lora"])
    assert "tiny-bert/mine/lora" not in [p.cell.id for p in made.cells]
    (reason,) = [s.reason for s in made.skipped if s.cell.id == "tiny-bert/mine/lora"]
    assert reason == "the study leaves out tiny-bert/*/lora"


def test_a_pattern_that_leaves_out_nothing_is_told():
    with pytest.raises(UserError, match=r"skip: 'tiny-brt/\*' matches no cell; write encoder/task"):
        plan(skip=["tiny-brt/*"])
