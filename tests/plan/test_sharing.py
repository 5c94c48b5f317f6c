"""What the trials of a plan ask for on given nodes, and what people are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.cluster.capacity import Node, Shape
from engine.plan import sharing
from engine.plan.cells import Plan, make_plan
from engine.plan.memory import Estimate
from engine.plan.sharing import share_out
from engine.plan.study import load_study

GB = 1e9
A100 = Node("g", "10.0.0.2 (gpu)", 8, 2, 64 * GB, 40 * GB, "A100")
LAPTOP = Node("l", "127.0.0.1 (laptop)", 8, 0, 16 * GB)


@pytest.fixture
def plan(in_repository: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Probes and LoRA of two encoders, which are said to take 9 and 90 GB."""
    needs = {"tiny-bert": 9.0, "tiny-hyena": 90.0}

    def told(cell, task, *, gpu: bool) -> Estimate:
        return Estimate(needs[cell.cell.encoder] * GB / 1.1, 0.0, 0.0, 0.0, 32, 100, False)

    monkeypatch.setattr("engine.plan.memory.estimate", told)
    monkeypatch.setattr(sharing, "SMALL", 0)
    sets = ["encoders=[tiny-bert, tiny-hyena]", "skip=[]"]
    return make_plan(load_study(Path("studies/demo.yaml"), sets))


def of(plan: Plan, encoder: str, method: str) -> set[str]:
    return {c.cell.id for c in plan.cells if (c.cell.encoder, c.cell.method) == (encoder, method)}


def test_on_gpus_networks_share_by_their_size_and_probes_take_none(plan: Plan) -> None:
    capacity = share_out(plan, (A100, LAPTOP))
    asked = {cell: capacity.shapes[cell] for cell in capacity.shapes}
    assert {asked[c] for c in of(plan, "tiny-bert", "lora")} == {Shape(1, 1 / 4)}
    assert {asked[c] for c in of(plan, "tiny-hyena", "lora")} == {Shape(1, 1.0)}
    assert {asked[c] for c in of(plan, "tiny-bert", "probe")} == {Shape(1)}
    assert capacity.networks == of(plan, "tiny-bert", "lora") | of(plan, "tiny-hyena", "lora")
    assert capacity.slots() == {"network": 8, "embeddings": 16}
    assert capacity.embedder == Shape(1, 1.0)


def test_what_no_gpu_holds_is_a_warning_with_a_remedy(plan: Plan) -> None:
    fits, warning = share_out(plan, (A100, LAPTOP)).notes
    assert fits == "tiny-bert, lora: about 9.0 GB a trial: 4 share a GPU"
    assert warning.startswith(
        "warning: tiny-hyena, lora: about 90.0 GB a trial, more than a GPU with 40 GB free (A100); "
    )
    assert "a smaller encoder" in warning


def test_activations_that_are_too_many_have_another_remedy(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Estimate(1 * GB, 0.0, 90 * GB, 0.0, 32, 100, False)
    monkeypatch.setattr("engine.plan.memory.estimate", lambda *_, gpu: large)
    assert "gradient_checkpointing: true" in share_out(plan, (A100,)).notes[0]
    saved = replace(large, checkpointing=True)
    monkeypatch.setattr("engine.plan.memory.estimate", lambda *_, gpu: saved)
    told = share_out(plan, (A100,)).notes[0]
    assert "gradient_checkpointing" not in told
    assert "a smaller batch_size" in told


def test_a_number_in_the_study_wins(plan: Plan) -> None:
    resources = plan.study.resources.model_copy(update={"gpus_per_trial": 0.5})
    given = replace(plan, study=replace(plan.study, resources=resources))
    capacity = share_out(given, (A100,))
    assert {capacity.shapes[c] for c in capacity.networks} == {Shape(1, 0.5)}
    assert capacity.embedder == Shape(1, 0.5)
    assert capacity.notes == ()


def test_without_gpus_main_memory_limits_networks_and_it_is_told(plan: Plan) -> None:
    capacity = share_out(plan, (LAPTOP,))
    assert {capacity.shapes[c].memory for c in of(plan, "tiny-bert", "lora")} == {16 * GB}
    assert {capacity.shapes[c] for c in of(plan, "tiny-bert", "probe")} == {Shape(1)}
    assert capacity.slots() == {"network": 1, "embeddings": 8}
    assert capacity.notes[0] == (
        "tiny-bert, lora: about 9.0 GB a trial: 1 at once, for main memory holds no more"
    )
    assert capacity.notes[1].startswith("warning: tiny-hyena, lora: about 90.0 GB a trial, more")


def test_where_memory_is_plenty_all_trials_are_alike_and_nothing_is_told(plan: Plan) -> None:
    capacity = share_out(plan, (replace(LAPTOP, memory=1000 * GB),))
    assert set(capacity.shapes.values()) == {Shape(1)}
    assert capacity.notes == ()


def test_what_cannot_be_told_has_a_whole_gpu(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.plan.memory.estimate", lambda *_, gpu: None)
    capacity = share_out(plan, (A100,))
    assert {capacity.shapes[c] for c in capacity.networks} == {Shape(1, 1.0)}
    assert "memory is not known; a whole GPU each" in capacity.notes[0]
    assert share_out(plan, (LAPTOP,)).notes == ()


def test_large_encoders_are_not_embedded_by_every_cpu_at_once(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "FORWARD_BYTES", 4 * GB)
    capacity = share_out(plan, (LAPTOP,))
    assert capacity.at_once(capacity.embedder) == 3


def test_small_networks_are_not_estimated_without_a_gpu(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "SMALL", 10**7)
    monkeypatch.setattr("engine.plan.memory.estimate", None)
    assert set(share_out(plan, (LAPTOP,)).shapes.values()) == {Shape(1)}
