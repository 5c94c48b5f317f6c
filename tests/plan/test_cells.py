"""Cells, what is embedded for them, and what they come to, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.encoders import cards, find_card
from engine.encoders.hub import HubSource
from engine.plan.cells import make_plan
from engine.plan.study import load_study
from engine.records import Cell
from tests.plan.conftest import LORA, PROBE, plan, space


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
    with pytest.raises(UserError, match="truncate"):
        plan(embedding={"truncate": "centre"})


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

    from engine.tasks import registry

    card = replace(registry.task_cards()["promoters_ecoli"], metric="mcc")
    monkeypatch.setattr(registry, "task_cards", lambda: {"promoters_ecoli": card})
    made = plan(tasks=["promoters_ecoli"], encoders=["kmer"], methods={"probe": PROBE})
    assert [p.metric for p in made.cells] == ["mcc"]


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


def test_an_encoder_without_gradients_is_probed_and_not_adapted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.plan.cells.check_package", lambda card: None)
    made = plan(encoders=["evo2-7b"])
    assert [p.cell.method for p in made.cells] == ["probe"]
    assert [s.reason for s in made.skipped] == [
        "evo2-7b gives no gradients, so lora cannot adapt it"
    ]
