"""Search spaces: distributions, conditions, the default point, and every mistake as one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.basics.errors import UserError
from engine.basics.yaml_files import dump_yaml, parse_yaml, read_yaml
from engine.plan.space import Parameter, Scalar, Space, parse_space
from tests.conftest import REPOSITORY

SHIPPED = sorted((REPOSITORY / "search_spaces").glob("*.yaml"))


def space(parameters: dict[str, Any], default: dict[str, Any]) -> Space:
    return parse_space({"method": "probe", "parameters": parameters, "default": default}, "s.yaml")


def refused(parameters: dict[str, Any], default: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        space(parameters, default)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("s.yaml: ")
    return message


class Drawn:
    """A suggester that hypothesis drives."""

    def __init__(self, data: st.DataObject):
        self.data = data

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.data.draw(st.floats(low, high), label=name)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self.data.draw(st.integers(low, high), label=name)

    def suggest_categorical(self, name: str, choices: tuple[Scalar, ...]) -> Scalar:
        return self.data.draw(st.sampled_from(choices), label=name)


class Calls:
    """A suggester that notes how it is asked and proposes the lowest value."""

    def __init__(self):
        self.calls: list[tuple[Any, ...]] = []

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.calls.append(("float", name, low, high, log))
        return low

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        self.calls.append(("int", name, low, high, log))
        return low

    def suggest_categorical(self, name: str, choices: tuple[Scalar, ...]) -> Scalar:
        self.calls.append(("categorical", name, choices))
        return choices[0]


EVERY_KIND = {
    "dropout": {"uniform": [0, 0.5]},
    "C": {"loguniform": [1e-4, 100.0]},
    "depth": {"int": [1, 8]},
    "trees": {"int": [10, 1000], "log": True},
    "kind": {"choice": ["a", True, 3, None]},
    "pooling": {"constant": "mean"},
}
EVERY_DEFAULT = {
    "dropout": 0.1,
    "C": 1.0,
    "depth": 2,
    "trees": 100,
    "kind": None,
    "pooling": "mean",
}

#: `b` depends on `a`, and `c` on `b` and `a`; `d` on nothing.
NESTED = {
    "a": {"choice": ["x", "y", "z"]},
    "b": {"int": [1, 3], "when": {"a": ["x", "y"]}},
    "c": {"uniform": [0.0, 1.0], "when": {"b": [2, 3], "a": ["x"]}},
    "d": {"choice": [True, False]},
}
NESTED_DEFAULT = {"a": "x", "b": 2, "c": 0.5, "d": True}


def test_every_distribution_is_asked_for_as_declared():
    suggester = Calls()
    drawn = space(EVERY_KIND, EVERY_DEFAULT).draw(suggester)
    assert suggester.calls == [
        ("float", "dropout", 0.0, 0.5, False),
        ("float", "C", 1e-4, 100.0, True),
        ("int", "depth", 1, 8, False),
        ("int", "trees", 10, 1000, True),
        ("categorical", "kind", ("a", True, 3, None)),
    ]  # a constant is not drawn
    assert list(drawn) == list(EVERY_KIND)
    assert drawn["pooling"] == "mean"


@pytest.mark.parametrize(
    ("parameter", "inside", "outside"),
    [
        (Parameter("p", "uniform", 0, 1), [0, 1, 0.5], [-0.1, 1.1, "0.5", True, None]),
        (Parameter("p", "loguniform", 0.1, 1, log=True), [0.1, 1], [0.09, float("nan")]),
        (Parameter("p", "int", 1, 3), [1, 2, 3], [0, 4, 2.5, 2.0, True, float("inf")]),
        (Parameter("p", "choice", choices=(1, "a", None)), [1, "a", None], [1.0, True, "b"]),
        (Parameter("p", "constant", choices=("mean",)), ["mean"], ["max", None]),
    ],
)
def test_a_distribution_accepts_its_own_values_and_types_only(parameter, inside, outside):
    assert all(parameter.accepts(value) for value in inside)
    assert not any(parameter.accepts(value) for value in outside)


@pytest.mark.parametrize(
    ("given", "active"),
    [
        ({"a": "x", "b": 2}, {"a", "b", "c", "d"}),
        ({"a": "x", "b": 1}, {"a", "b", "d"}),
        ({"a": "y", "b": 2}, {"a", "b", "d"}),
        ({"a": "z"}, {"a", "d"}),  # c depends on b, which is itself inactive
    ],
)
def test_conditions_hold_through_levels(given, active):
    class Chosen(Calls):
        def suggest_int(self, name, low, high, *, log=False):
            return given[name]

        def suggest_categorical(self, name, choices):
            return given.get(name, choices[0])

    assert set(space(NESTED, NESTED_DEFAULT).draw(Chosen())) == active


def test_an_inactive_parameter_does_not_count_as_the_value_none():
    nulls = {
        "a": {"choice": ["x", "y"]},
        "b": {"choice": [None, 1], "when": {"a": ["y"]}},
        "c": {"int": [1, 2], "when": {"b": [None]}},
    }
    tree = space(nulls, {"a": "x", "b": None, "c": 1})
    assert tree.default_point() == {"a": "x"}


@given(st.data())
def test_whatever_is_drawn_is_accepted_and_inactive_parameters_are_absent(data: st.DataObject):
    path = data.draw(st.sampled_from([None, *SHIPPED]))
    tree = shipped(path) if path else space(NESTED, NESTED_DEFAULT)
    drawn = tree.draw(Drawn(data))
    assert list(drawn) == [p.name for p in tree.parameters if p.name in drawn]
    for parameter in tree.parameters:
        conditions = (parameter.when or {}).items()
        holds = all(n in drawn and drawn[n] in values for n, values in conditions)
        assert (parameter.name in drawn) == holds
        if parameter.name in drawn:
            assert parameter.accepts(drawn[parameter.name])


def shipped(path: Path) -> Space:
    return parse_space(read_yaml(path, "search space"), str(path))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_default_is_a_point_of_its_space(path: Path):
    tree = shipped(path)
    point = tree.default_point()
    assert point.items() <= dict(tree.default).items()
    for parameter in tree.parameters:
        assert (parameter.name in point) == parameter.active(point)


def test_the_default_point_holds_active_parameters_only():
    default = {**NESTED_DEFAULT, "a": "z"}
    assert space(NESTED, default).default_point() == {"a": "z", "d": True}


@pytest.mark.parametrize(
    ("parameters", "default"),
    [(EVERY_KIND, EVERY_DEFAULT), (NESTED, NESTED_DEFAULT)],
)
def test_a_space_goes_through_a_file_without_loss(parameters, default):
    tree = space(parameters, default)
    text = dump_yaml(tree.to_dict())
    assert parse_space(parse_yaml(text, "s.yaml"), "s.yaml") == tree


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_space_goes_through_a_file_without_loss(path: Path):
    tree = shipped(path)
    assert parse_space(parse_yaml(dump_yaml(tree.to_dict()), str(path)), str(path)) == tree


def poolings(*choices: str) -> Space:
    return space({"pooling": {"choice": list(choices)}}, {"pooling": choices[0]})


def test_a_choice_is_narrowed_to_what_is_allowed():
    narrowed = poolings("summary", "mean", "max").restricted("pooling", ("mean", "max"))
    (pooling,) = narrowed.parameters
    assert (pooling.kind, pooling.choices) == ("choice", ("mean", "max"))
    assert narrowed.default_point() == {"pooling": "mean"}  # summary is gone


def test_one_allowed_value_becomes_a_constant():
    narrowed = poolings("mean", "max").restricted("pooling", ("max",))
    (pooling,) = narrowed.parameters
    assert (pooling.kind, pooling.choices) == ("constant", ("max",))
    assert narrowed.default_point() == {"pooling": "max"}


def test_where_no_declared_value_is_allowed_the_allowed_ones_stand_in():
    narrowed = poolings("mean", "max").restricted("pooling", ("features",))
    assert narrowed.default_point() == {"pooling": "features"}


def test_a_narrowed_space_keeps_a_default_that_is_still_allowed():
    narrowed = poolings("mean", "max", "summary").restricted("pooling", ("summary", "mean"))
    assert narrowed.default_point() == {"pooling": "mean"}


def test_narrowing_what_a_space_lacks_changes_nothing():
    tree = space(NESTED, NESTED_DEFAULT)
    assert tree.restricted("pooling", ("mean",)) == tree


def test_narrowing_leaves_the_original_alone():
    tree = poolings("mean", "max")
    tree.restricted("pooling", ("max",))
    assert tree.default == {"pooling": "mean"}


INT = {"n": {"int": [1, 5]}}


@pytest.mark.parametrize(
    ("parameters", "default", "parts"),
    [
        ({"a": {"choice": []}}, {}, ["parameters.a.choice", "empty", "at least one value"]),
        ({"a": {"choice": ["x", "x"]}}, {}, ["parameters.a.choice", "listed twice"]),
        (
            {**INT, "a": {"choice": ["x"], "when": {"m": [1]}}},
            {},
            ["parameters.a.when", "'m' does not exist", "valid: a, n"],
        ),
        (
            {"classifier": {"choice": ["x"]}, "a": {"int": [1, 2], "when": {"clasifier": ["x"]}}},
            {},
            ["'clasifier' does not exist", "did you mean 'classifier'?"],
        ),
        (
            {"a": {"choice": ["x"], "when": {"n": [1]}}, **INT},
            {},
            ["parameters.a.when", "declare 'n' above 'a'"],
        ),
        (
            {**INT, "a": {"choice": ["x"], "when": {"n": [6]}}},
            {},
            ["parameters.a.when.n", "6", "not a value that 'n' can take"],
        ),
        (
            {**INT, "a": {"choice": ["x"], "when": {"n": ["1"]}}},
            {},
            ["parameters.a.when.n", "'1'", "not a value that 'n' can take"],
        ),
        ({**INT, "a": {"choice": ["x"], "when": {"n": []}}}, {}, ["a.when.n", "list is empty"]),
        ({"a": {"uniform": [1, 1]}}, {}, ["parameters.a.uniform", "low < high"]),
        ({"a": {"int": [5, 2]}}, {}, ["parameters.a.int", "[5, 2]", "low < high"]),
        ({"a": {"uniform": [0, float("inf")]}}, {}, ["parameters.a.uniform", "finite"]),
        ({"a": {"uniform": [float("nan"), 1]}}, {}, ["parameters.a.uniform", "finite"]),
        ({"a": {"loguniform": [0, 1]}}, {}, ["parameters.a.loguniform", "low > 0"]),
        ({"a": {"int": [0, 8], "log": True}}, {}, ["parameters.a.int", "low > 0"]),
        ({"a": {"uniform": [1, 2], "log": True}}, {}, ["parameters.a.log", "loguniform"]),
        (
            {"a": {"uniform": [0, 1], "int": [1, 2]}},
            {},
            ["parameters.a", "exactly one", "uniform and int"],
        ),
        ({"a": {}}, {}, ["parameters.a", "exactly one", "none"]),
        ({"a": {"log": True}}, {}, ["parameters.a", "exactly one", "none"]),
        ({"a": {"unifrom": [0, 1]}}, {}, ["parameters.a.unifrom", "did you mean 'uniform'?"]),
        ({"a": {"uniform": [0, 1, 2]}}, {}, ["parameters.a.uniform", "[0, 1, 2]"]),
        ({"a": {"uniform": ["low", 2]}}, {}, ["parameters.a.uniform.0", "'low'"]),
        ({"a": {"choice": "mean"}}, {}, ["parameters.a.choice", "'mean'", "list"]),
        (INT, {}, ["default", "'n'", "trial 0"]),
        (INT, {"n": 6}, ["default.n", "6", "outside"]),
        (INT, {"n": 2.0}, ["default.n", "2.0", "outside"]),
        (INT, {"n": 2, "m": 1}, ["default.m", "no such parameter", "valid: n"]),
    ],
)
def test_a_mistake_is_one_line_with_file_key_value_and_remedy(parameters, default, parts):
    message = refused(parameters, default)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"parameters": {}, "default": {}}, ["method", "missing"]),
        ({"method": "probe", "params": {}}, ["params", "did you mean 'parameters'?"]),
        ([], ["top level"]),
        ("probe", ["top level", "'probe'"]),
        ({"method": "probe", "parameters": {"a": 3}, "default": {}}, ["parameters.a", "3"]),
    ],
)
def test_a_file_that_is_no_space_is_told(data, parts):
    with pytest.raises(UserError) as caught:
        parse_space(data, "s.yaml")
    for part in ("s.yaml: ", *parts):
        assert part in str(caught.value)
