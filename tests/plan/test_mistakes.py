"""A mistake in a study is one line with the nearest valid name, before any work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.basics.errors import UserError
from engine.encoders import find_card
from tests.plan.conftest import LORA, PROBE, plan, space


def refused(**changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        plan(**changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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

    monkeypatch.setattr("engine.tasks.reading.files.read_bytes", read)
    assert "'splice_junction' is unknown" in refused(
        tasks=[{"path": "mine.csv"}, "splice_junction"]
    )
    assert "'mmc' is unknown" in refused(metric="mmc")


def test_a_pattern_that_leaves_out_nothing_is_told():
    with pytest.raises(UserError, match=r"skip: 'tiny-brt/\*' matches no cell; write encoder/task"):
        plan(skip=["tiny-brt/*"])


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
