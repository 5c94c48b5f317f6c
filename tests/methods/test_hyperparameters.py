"""A hyperparameter is said once: what reads it elsewhere reads the declaration."""

import pytest

from engine.methods import methods
from engine.methods.hyperparameters import COUNT, SWITCH, Hyperparameter, Range, as_yaml
from engine.methods.listed import of_probes, of_training
from engine.methods.training import common
from engine.methods.training.finetune import training_from
from tools.hyperparameters_table import PAGE, page

DECLARED = [
    pytest.param(one, id=f"{who}-{one.name}")
    for who, given in {**of_probes(), **of_training()}.items()
    for one in given
]


def test_a_configuration_has_the_default_of_what_it_leaves_out() -> None:
    width = Hyperparameter("width", COUNT, 8, "of the adapter")
    assert width.of({"width": 3, "rank": 5}) == 3
    assert width.of({"rank": 5}) == 8
    depth = Hyperparameter[int | None]("depth", Range(1, also=(None,)), 4, "of a tree")
    assert depth.of({"depth": None}) is None


@pytest.mark.parametrize("one", DECLARED)
def test_a_default_is_one_of_the_values_and_all_is_said(one: Hyperparameter) -> None:
    assert one.about
    if isinstance(one.values, Range):
        assert one.values.holds(one.default) or one.default is None
    elif one.values:
        assert one.default in one.values or one.default is None
    if one.default is None:
        assert one.row()["default"] == "null" or "left out:" in one.about or "requi" in one.about


def test_values_are_told_as_a_search_space_has_them() -> None:
    switch = Hyperparameter("on", SWITCH, False, "whether")
    assert switch.row() == {
        "hyperparameter": "on",
        "default": "false",
        "values": "true, false",
        "about": "whether",
    }
    assert [as_yaml(value) for value in (None, True, 1, 0.1, "mean")] == [
        *("null", "true", "1", "0.1", "mean")
    ]


def test_the_head_learns_as_fast_as_the_network_where_nothing_else_is_said() -> None:
    alike = training_from({"learning_rate": 0.3}, "auroc", 0, "")
    assert (alike.learning_rate, alike.head_learning_rate) == (0.3, 0.3)
    still = training_from({"head_learning_rate": 0.0}, "auroc", 0, "")
    assert still.learning_rate == common.LEARNING_RATE.default
    assert still.head_learning_rate == 0.0


def test_what_decides_the_memory_of_a_training_is_declared_by_those_that_train() -> None:
    deciding = {
        name: {p.role: p.name for p in method.parameters.values() if p.role}
        for name, method in methods().items()
        if method.adaptation
    }
    shared = {"rows": "batch_size", "checkpointing": "gradient_checkpointing"}
    everywhere = {"targets": "targets", **shared}
    ranked = {"size": "rank", **everywhere}
    own = {"lora": ranked, "dora": ranked, "adalora": ranked, "vera": ranked, "ia3": everywhere}
    assert deciding == {name: own.get(name, shared) for name in deciding}


def test_the_document_shows_what_is_declared() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run: python tools/hyperparameters_table.py"
