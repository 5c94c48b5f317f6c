"""What the largest trial of a cell takes is told beforehand, from its space and its task."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.encoders import cards
from engine.methods import methods
from engine.methods.hyperparameters import COUNT, Hyperparameter
from engine.methods.training.method import fine_tuning
from engine.plan.cells import CellPlan, Plan, make_plan
from engine.plan.footprint import footprint
from engine.plan.memory import estimate
from engine.plan.study import load_study

LORA = {
    "method": "lora",
    "parameters": {
        "rank": {"int": [2, 8]},
        "pooling": {"constant": "mean"},
        "batch_size": {"choice": [16, 64]},
        "targets": {"choice": ["default", "all_linear"]},
    },
    "default": {"rank": 4, "pooling": "mean", "batch_size": 16, "targets": "default"},
}


@pytest.fixture
def plan(in_repository: Path) -> Plan:
    sets = ["encoders=[tiny-bert]", "tasks=[splice_junctions]", "skip=[]"]
    return make_plan(
        load_study(Path("studies/demo.yaml"), [*sets, f"methods={json.dumps({'lora': LORA})}"])
    )


def cell(plan: Plan, **parameters: dict[str, object]) -> CellPlan:
    """The cell of a plan with other hyperparameters."""
    (only,) = plan.cells
    kept = [p for p in only.space.parameters if p.name not in parameters]
    space = replace(only.space, parameters=tuple(kept))
    return replace(only, space=space)


def test_the_largest_configuration_of_a_space_counts(plan: Plan) -> None:
    task = plan.tasks["splice_junctions"]
    told = estimate(plan.cells[0], task, gpu=False)
    assert told is not None
    # 60 bases are 10 tokens and what may stand around them.
    assert (told.rows, told.tokens) == (64, 12)
    everywhere = footprint("tiny-bert", "adapters", 8, True, half=False)
    assert everywhere is not None
    assert told.weights == 4 * everywhere.weights
    assert told.state == 16 * everywhere.trained
    smaller = estimate(cell(plan, targets={}), task, gpu=False)
    assert smaller is not None
    assert smaller.total < told.total


def test_an_adapter_that_calls_its_size_otherwise_is_estimated_by_it(plan: Plan) -> None:
    task, (only,) = plan.tasks["splice_junctions"], plan.cells
    width = Hyperparameter("width", COUNT, 8, "of the adapter", role="size")
    places = Hyperparameter("places", ("default", "all_linear"), "default", "", role="targets")
    own = only.method.adaptation
    assert own is not None
    toy = fine_tuning(replace(own, name="toy"), "", (width, places))
    names = {"rank": "width", "targets": "places"}
    parameters = [replace(p, name=names.get(p.name, p.name)) for p in only.space.parameters]
    space = replace(only.space, parameters=tuple(parameters))
    told = estimate(replace(only, method=toy, space=space), task, gpu=False)
    assert told == estimate(only, task, gpu=False)
    # Left out of the space, the default counts; with a condition, it does too.
    without = replace(space, parameters=tuple(p for p in parameters if p.name != "width"))
    assert estimate(replace(only, method=toy, space=without), task, gpu=False) == told
    (sized,) = (p for p in parameters if p.name == "width")
    small = replace(sized, high=4)
    for when, same in ((None, False), ({"pooling": ("max",)}, True)):
        kept = (*without.parameters, replace(small, when=when))
        given = replace(only, method=toy, space=replace(space, parameters=kept))
        assert (estimate(given, task, gpu=False) == told) == same


@pytest.mark.slow
def test_a_gpu_trains_in_half_precision_and_has_its_own_process(plan: Plan) -> None:
    task = plan.tasks["splice_junctions"]
    gpu, cpu = (estimate(plan.cells[0], task, gpu=on) for on in (True, False))
    assert gpu is not None
    assert cpu is not None
    assert gpu.working <= cpu.working
    assert gpu.process != cpu.process


@pytest.mark.slow
def test_full_fine_tuning_counts_every_number(plan: Plan) -> None:
    (only,) = plan.cells
    whole = replace(only, method=methods()["full"])
    told = estimate(whole, plan.tasks["splice_junctions"], gpu=True)
    assert told is not None
    assert told.state == 16 * cards()["tiny-bert"].parameters


def test_sequences_read_in_windows_count_as_so_many_rows(plan: Plan) -> None:
    (only,) = plan.cells
    long = replace(plan.tasks["splice_junctions"], max_bases=20_000)
    cut = estimate(only, long, gpu=False)
    chunked = estimate(
        replace(only, encoder=replace(only.encoder, truncate="chunk")), long, gpu=False
    )
    assert cut is not None
    assert chunked is not None
    assert cut.tokens == chunked.tokens == 2048
    assert chunked.working > 1.9 * cut.working
