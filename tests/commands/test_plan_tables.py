"""What a study comes to, as tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.commands.plan_tables import plan_table
from engine.plan.cells import Plan, make_plan
from engine.plan.space import Parameter
from engine.plan.study import load_study
from tests.commands.conftest import shown


@pytest.fixture
def demo(in_repository: Path) -> Plan:
    return make_plan(load_study(Path("studies/demo.yaml"), ["trials_per_cell=3"]))


def test_the_plan_tells_tasks_cells_trials_forwards_disk_and_folder(demo: Plan):
    text = shown(plan_table(demo, Path("runs/demo")))
    assert "14 cells (5 encoders, 2 tasks, 2 methods) x 3 trials = 42 trials" in text
    assert "then 3 seeds each" in text
    # Every encoder reads every row of both tasks: 3,186 in mlbench's DNA, 106 in promotergene.
    assert f"{5 * (3186 + 106):,} sequences to embed" in text
    assert "output in runs/demo" in text
    for name in demo.tasks:
        assert name in text


def test_the_plan_tells_what_is_skipped_and_how_often(demo: Plan):
    text = shown(plan_table(demo, Path("runs/demo")))
    for name in ("kmer", "onehot"):
        assert f"skipped: {name} has no network that lora could adapt (2 cells)" in text


def test_the_plan_tells_the_warnings_of_every_task(demo: Plan):
    task = replace(demo.tasks["promoters_ecoli"], warnings=("class [/a] has no rows in test",))
    text = shown(plan_table(replace(demo, tasks={"promoters_ecoli": task}), Path("out")))
    assert "warning: promoters_ecoli: class [/a] has no rows in test" in text


def test_the_plan_tells_which_methods_would_read_one_strand_though_both_are_asked_for(demo: Plan):
    embedding = demo.study.embedding.model_copy(update={"both_strands": True})
    asked = replace(demo, study=replace(demo.study, embedding=embedding))
    told = "warning: embedding.both_strands is for stored embeddings; lora reads one strand: "
    assert told in shown(plan_table(asked, Path("out")))
    assert told not in shown(plan_table(demo, Path("out")))
    both = Parameter("conjoined", "constant", choices=(True,))
    cells = tuple(
        replace(c, space=replace(c.space, parameters=(*c.space.parameters, both)))
        for c in demo.cells
    )
    assert told not in shown(plan_table(replace(asked, cells=cells), Path("out")))


def test_a_description_is_shown_as_it_was_written(demo: Plan):
    study = replace(demo.study, description="is [/x] better than [bold]?")
    text = shown(plan_table(replace(demo, study=study), Path("out")))
    assert "demo  is [/x] better than [bold]?" in text


def test_the_plan_tells_what_is_to_be_downloaded_and_what_is_not_pinned(
    in_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    ours = {"name": "ours", "family": "dnabert2", "weights": "hub:a/b@v1"}
    sets = [
        f"encoders={json.dumps(['kmer', 'dnabert2', ours])}",
        "methods={probe: search_spaces/probe.yaml}",
        "skip=[]",
    ]
    text = shown(plan_table(make_plan(load_study(Path("studies/demo.yaml"), sets)), Path("out")))
    # 116,477,952 weights of 4 bytes, twice.
    assert "2 encoders to download from the hub, about 0.9 GB: dnabert2, ours" in text
    assert "warning: weights of no pinned commit: ours (a/b at v1); " in text


def test_shipped_weights_are_neither_downloaded_nor_warned_of(demo: Plan):
    text = shown(plan_table(demo, Path("out")))
    assert "download" not in text
    assert "pinned" not in text
