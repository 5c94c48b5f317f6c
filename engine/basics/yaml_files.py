"""YAML in and out, and a validation error in one line that a user can act on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from engine.basics.errors import UserError, first_line, nearest


class _Loader(yaml.SafeLoader):
    """The safe loader, made to refuse a key given twice."""


class _Dumper(yaml.SafeDumper):
    """The safe dumper; it quotes text that `_Loader` would take for a number."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    given: set[str] = set()
    for key_node, _ in node.value:
        key = str(key_node.value)
        if key in given:
            raise yaml.constructor.ConstructorError(
                problem=f"key '{key}' is given twice", problem_mark=key_node.start_mark
            )
        given.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
# YAML 1.2 reads 1e-4 as a number; PyYAML follows 1.1, where it is text.
for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
        list("-+.0123456789"),
    )


def parse_yaml(text: str, source: str) -> Any:
    """Parse YAML text; a UserError names the line where it is none."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader: no objects are built
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or first_line(error)
        raise UserError(f"{source}:{line} not valid YAML: {problem}") from None


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML file; `what` is what it is, for messages ("study", "search space").

    Raises
    ------
    UserError
        If the file is missing (names the nearest one in its folder), empty, not YAML or not UTF-8.
    """
    if not path.is_file():
        there = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        hint = f"; {nearest(path.name, there)}" if there else ""
        raise UserError(f"{path}: no such {what} file{hint}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
    data = parse_yaml(text, str(path))
    if data is None:
        raise UserError(f"{path}: the {what} file is empty")
    return data


def dump_yaml(data: Any) -> str:
    """Plain data as YAML, keys in the order given."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def explain(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """Put one fault of a validation into one line: file, key, value, what to do."""
    key, said = find_fault(error, model)
    return f"{source}: {key or 'top level'}: {said}"


def find_fault(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """The fault of a validation that says most: its dotted key, and what is wrong there."""
    faults = error.errors()
    # A misspelt key is also a missing one: the misspelling says more.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    location = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("function"))
    if fault["type"] == "extra_forbidden":
        valid = _keys(model, fault["loc"][:-1])
        return location, f"unknown key; {nearest(str(fault['loc'][-1]), valid)}"
    if fault["type"] == "missing":
        return location, "this key is missing"
    value = repr(fault["input"])
    value = value if len(value) <= 60 else value[:57] + "..."
    message = fault["msg"].removeprefix("Value error, ")
    return location, f"{value}: {message[:1].lower()}{message[1:]}"


def _keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Valid keys of the (nested) model that a location leads to."""
    for part in path:
        if field := model.model_fields.get(str(part)):
            model = [model, *_models_in(field.annotation)][-1]
    return [given.alias or name for name, given in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in getattr(annotation, "__args__", ()) for found in _models_in(part)]
