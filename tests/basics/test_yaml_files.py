"""YAML in and out, and validation faults as one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.basics.errors import UserError
from engine.basics.yaml_files import dump_yaml, explain, parse_yaml, read_yaml


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    correction: str = "holm"
    margin: float = 0.01


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    compare: Inner = Inner()
    parts: list[Inner] = []
    int_: int = Field(default=1, alias="int")


def told(data: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    return explain(caught.value, Outer, "x.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1E3", 1000.0), ("-2.5e+1", -25.0), (".5e1", 5.0), ("1.0e-3", 1e-3)],
)
def test_an_exponent_without_a_point_is_a_number_as_yaml_1_2_has_it(text: str, value: float):
    assert parse_yaml(f"lr: {text}", "x.yaml") == {"lr": value}


def test_text_with_an_e_stays_text():
    assert parse_yaml("[e4, 1e, commit-1e4x]", "x.yaml") == ["e4", "1e", "commit-1e4x"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2", 2),
        ("a: 1\n\tb: 2", 2),
        ("a: 1\nb: 2\na: 3", 3),
        ("x:\n  y: 1\n  y: 2", 3),
        ("a: !!python/object/apply:os.system [ls]", 1),
        ("? [a, b]\n: 1", 1),
        ("a: *nowhere", 1),
    ],
)
def test_what_is_not_plain_yaml_is_told_with_its_line(text: str, line: int):
    with pytest.raises(UserError) as caught:
        parse_yaml(text, "x.yaml")
    message = str(caught.value)
    assert message.startswith(f"x.yaml: line {line} not valid YAML: ")
    assert "\n" not in message


def test_a_key_given_twice_is_named():
    with pytest.raises(UserError, match="key 'seeds' is given twice"):
        parse_yaml("seeds: [0]\nmetric: mcc\nseeds: [1]", "x.yaml")


def test_a_merged_mapping_may_be_overridden():
    text = "base: &base {a: 1, b: 2}\nmine: {<<: *base, b: 3}\nyours: {<<: *base}"
    data = parse_yaml(text, "x.yaml")
    assert data["mine"] == {"a": 1, "b": 3}
    assert data["yours"] == {"a": 1, "b": 2}


def test_a_missing_file_names_the_nearest(tmp_path: Path):
    (tmp_path / "splice.yaml").touch()
    (tmp_path / "promoters.yaml").touch()
    with pytest.raises(UserError, match=r"splise.yaml: no such study file; .*'splice.yaml'\?"):
        read_yaml(tmp_path / "splise.yaml", "study")


def test_a_missing_folder_is_told_too(tmp_path: Path):
    with pytest.raises(UserError, match=r"no such search space file$"):
        read_yaml(tmp_path / "no" / "a.yaml", "search space")


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_an_empty_file_is_told(tmp_path: Path, text: str):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=r"a\.yaml: the study file is empty$"):
        read_yaml(tmp_path / "a.yaml", "study")


def test_a_file_in_another_encoding_is_told(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes("name: Größe".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8 text"):
        read_yaml(tmp_path / "a.yaml", "study")


def test_control_characters_are_told(tmp_path: Path):
    (tmp_path / "a.yaml").write_bytes(b"name: \x00\x01")
    with pytest.raises(UserError, match="not valid YAML"):
        read_yaml(tmp_path / "a.yaml", "study")


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]))
    | st.from_regex(r"[-+]?[0-9]{1,2}(\.[0-9])?[eE][-+]?[0-9]", fullmatch=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1e."), inner),
    max_leaves=6,
)


@given(plain)
def test_what_is_dumped_reads_back_as_the_same_value_and_type(value: object):
    back = parse_yaml(dump_yaml({"x": value}), "x.yaml")["x"]
    assert repr(back) == repr(value)


def test_keys_keep_their_order():
    assert dump_yaml({"b": 1, "a": 2}) == "b: 1\na: 2\n"


def test_an_unknown_key_names_the_nearest_one():
    assert told({"name": "a", "comparee": {}}) == (
        "x.yaml: comparee: unknown key; did you mean 'compare'?"
    )
    assert told({"name": "a", "compare": {"corection": "bh"}}) == (
        "x.yaml: compare.corection: unknown key; did you mean 'correction'?"
    )
    assert told({"name": "a", "parts": [{"magin": 1}]}) == (
        "x.yaml: parts.0.magin: unknown key; did you mean 'margin'?"
    )


def test_a_key_is_told_by_the_name_that_the_file_uses():
    assert "did you mean 'int'?" in told({"name": "a", "intt": 3})


def test_a_misspelt_key_is_told_as_such_and_not_as_the_missing_one():
    assert told({"nme": "a"}) == "x.yaml: nme: unknown key; did you mean 'name'?"


def test_a_missing_key_and_a_wrong_value_are_told():
    assert told({}) == "x.yaml: name: this key is missing"
    message = told({"name": "a", "compare": {"margin": "wide"}})
    assert message.startswith("x.yaml: compare.margin: 'wide': input should be a valid number")


def test_a_long_value_is_cut_and_stays_on_one_line():
    message = told({"name": "a", "int": "line\n" * 100})
    assert "\n" not in message
    assert "..." in message
    assert len(message) < 200


def test_a_document_that_is_no_mapping_is_told():
    assert told([1, 2]).startswith("x.yaml: top level: [1, 2]: ")
