"""The plan: names resolved, files checked, cells listed, before any work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.encoders import cards, find_card
from engine.encoders.hub import HubSource
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


def test_layers_and_poolings_that_probes_read_are_what_is_embedded() -> None:
    probe = space(pooling=["max", "mean+max", "bins"], layer=[-1, 0])
    made = plan(methods={"probe": probe, "lora": LORA})
    assert made.poolings("tiny-bert", "mine") == ("bins", "max", "mean+max")
    assert made.layers("tiny-bert", "mine") == (-1, 0)
    # Features have one representation; methods that run the network read nothing from the store.
    assert made.layers("kmer", "mine") == (-1,)
    assert plan(encoders=["tiny-bert"], methods={"lora": LORA}).poolings("tiny-bert", "mine") == ()
    rows, hidden = 40, 128
    kmer = rows * 1364 * 4
    assert made.disk_bytes() == rows * hidden * (8 + 1 + 2) * 2 * 4 + kmer
    half = plan(methods={"probe": probe}, embedding={"stored_as": "float16"})
    assert half.disk_bytes() == made.disk_bytes() // 2


def test_a_configuration_without_a_layer_reads_the_last_one() -> None:
    deep, plain = space(pooling=["mean"], layer=[-3, -2]), space(pooling=["mean"])
    assert plan(methods={"a": deep}).layers("tiny-bert", "mine") == (-3, -2)
    assert plan(methods={"a": deep, "b": plain}).layers("tiny-bert", "mine") == (-3, -2, -1)


def test_how_sequences_are_read_is_said_once_or_per_encoder() -> None:
    encoders = ["tiny-bert", {"name": "tiny-hyena", "truncate": "error"}]
    made = plan(encoders=encoders, embedding={"truncate": "chunk", "both_strands": True})
    read = [(e.truncate, e.both_strands) for e in made.study.encoders]
    assert read == [("chunk", True), ("error", True)]
    assert "truncate" in refused(embedding={"truncate": "centre"})


def test_a_choice_that_the_method_does_not_know_is_told() -> None:
    parameters = PROBE["parameters"] | {
        "classifier": {"choice": ["logistic_regression", "linear_svn"]}
    }
    default = {"pooling": "mean", "classifier": "linear_svn"}
    probe = PROBE | {"parameters": parameters, "default": default}
    message = r"parameters.classifier: 'linear_svn' is unknown; did you mean 'linear_svm'"
    with pytest.raises(UserError, match=message):
        plan(methods={"probe": probe})


@pytest.mark.parametrize(
    ("method", "name", "entry", "message"),
    [
        ("lora", "patience", {"constant": 0}, "0 is out of range; give a whole number of at least"),
        ("lora", "batch_size", {"int": [0, 64]}, "0 is out of range; give a whole number of at"),
        ("lora", "epochs", {"uniform": [1, 5]}, "uniform draws fractions; give a whole number"),
        (
            "lora",
            "evaluations_per_epoch",
            {"choice": [1, 1.5]},
            "1.5 is out of range",
        ),
        ("lora", "label_smoothing", {"uniform": [0, 1]}, "1.0 is out of range; .* 0 and below 1"),
        (
            "lora",
            "focal_gamma",
            {"constant": -1},
            "-1 is out of range; .* at least 0",
        ),
        ("lora", "rank", {"constant": None}, "None is out of range; give a whole number"),
        ("lora", "dropout", {"choice": [0.0, 1.0]}, "1.0 is out of range"),
        (
            "lora",
            "learning_rate",
            {"uniform": [0, 1]},
            "0.0 is out of range; .* above 0",
        ),
        # YAML 1.1 takes an exponent without a point for text.
        ("lora", "head_learning_rate", {"constant": "1e-3"}, "'1e-3' is out of range"),
        ("probe", "C", {"constant": -1.0}, "-1.0 is out of range; give a number above 0"),
        ("probe", "folds", {"choice": [0, 1]}, "1 is out of range; .* of at least 2 or 0"),
        ("probe", "n_estimators", {"constant": 0}, "0 is out of range"),
        ("probe", "max_depth", {"constant": 0}, "0 is out of range; .* of at least 1 or null"),
    ],
)
def test_a_number_that_no_fit_can_use_is_refused_before_work(
    method: str, name: str, entry: dict[str, Any], message: str
) -> None:
    (value,) = entry.values()
    first = value[-1] if isinstance(value, list) else value
    given = {
        "method": method,
        "parameters": {"pooling": {"constant": "mean"}, name: entry},
        "default": {"pooling": "mean", name: first},
    }
    told = refused(methods={method: given})
    assert re.search(rf"methods.{method}: parameters\.{name}: {message}", told), told


def test_what_turns_something_off_is_no_number_out_of_range() -> None:
    made = plan(methods={"probe": space(pooling=["mean"], folds=[0, 4], max_depth=[20, None])})
    assert len(made.cells) == 2


def test_a_method_that_reads_sequences_by_itself_stands_once_per_task():
    cnn = {"method": "cnn", "parameters": {"channels": {"constant": 8}}, "default": {"channels": 8}}
    made = plan(encoders=["tiny-bert", "kmer", "onehot"], methods={"cnn": cnn})
    assert [p.cell for p in made.cells] == [Cell("onehot", "mine", "cnn")]
    reason = "cnn reads sequences by itself; its cell is onehot's"
    assert {s.cell.encoder: s.reason for s in made.skipped} == dict.fromkeys(
        ("tiny-bert", "kmer"), reason
    )
    with pytest.raises(UserError, match=f"no cell can run: {reason}; add a method or an encoder"):
        plan(encoders=["kmer"], methods={"cnn": cnn})


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
            {"tasks": [{"path": "mine.csv", "published": "DNase"}]},
            ["s.yaml: tasks.mine.published: DNase", "'DNase_I'?"],
        ),
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
            ["parameters.pooling: ", "valid: bins, features, max, mean, mean+max, std, summary"],
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
            {"encoders": [{"name": "other", "family": "transformers"}]},
            ["s.yaml: encoders.other.weights: ", "whatever a folder holds", "give a folder"],
        ),
        (
            {"methods": {"probe": space(pooling=["mean"], layer=["last", -1])}},
            ["parameters.layer: list whole numbers", "choice: [-1, -4]"],
        ),
        (
            {"encoders": [{"name": "tiny-bert", "weights": "randm"}]},
            ["s.yaml: encoders.tiny-bert.weights: ", "no such folder: ", "randm", "'random'"],
        ),
        (
            {"encoders": [{"name": "ours", "family": "dnabert2", "weights": "hub:a"}]},
            ["s.yaml: encoders.ours: weights 'hub:a': ", "write hub:OWNER/NAME"],
        ),
        (
            {"encoders": ["evo2-7b"]},
            ["s.yaml: encoders: encoder 'evo2-7b' needs the package 'evo2'", "pip install evo2"],
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


def test_encoders_whose_weights_are_not_in_the_cache_are_to_be_downloaded(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(elsewhere / "cache"))
    ours = {"name": "ours", "family": "dnabert2", "weights": "hub:a/b"}
    random = {"name": "dnabert2", "weights": "random"}
    made = plan(encoders=["tiny-bert", "kmer", "dnabert2", random, ours])
    card = find_card("dnabert2")
    assert made.sources == {
        "dnabert2": HubSource(card.hub, card.revision),
        "ours": HubSource("a/b", "main"),
    }
    assert made.downloads() == ("dnabert2", "ours")
    snapshot = elsewhere / "cache" / "models--a--b" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    assert made.downloads() == ("dnabert2", "ours")  # no branch leads there yet
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    assert made.downloads() == ("dnabert2",)


def test_with_the_hub_shut_off_absent_weights_are_told_before_any_work(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(elsewhere / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ours = {"name": "ours", "family": "dnabert2", "weights": "hub:a/b@v1"}
    message = refused(encoders=["tiny-bert", "dnabert2", ours])
    card = find_card("dnabert2")
    assert message == (
        "s.yaml: encoders: the weights of dnabert2, ours are not here, and HF_HUB_OFFLINE is set; "
        "unset it, or on a machine with network run "
        f"`hf download {card.hub} --revision {card.revision} && hf download a/b --revision v1`"
    )
    assert plan(encoders=["tiny-bert"]).downloads() == ()


def test_an_encoder_without_gradients_is_probed_and_not_adapted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.plan.check_package", lambda card: None)
    made = plan(encoders=["evo2-7b"])
    assert [p.cell.method for p in made.cells] == ["probe"]
    assert [s.reason for s in made.skipped] == [
        "evo2-7b gives no gradients, so lora cannot adapt it"
    ]
