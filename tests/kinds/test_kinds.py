"""The contract of every kind of task, and that nothing outside its room asks for a kind by name."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine.basics.errors import UserError
from engine.basics.package import PACKAGE
from engine.kinds import find_kind, kinds
from engine.testing.kinds import checks

#: Rooms that may know kinds by their names.
KNOW = ("kinds", "metrics")


@pytest.mark.parametrize("check", [check for name in kinds() for check in checks(name)], ids=str)
def test_contract(check) -> None:
    check()


def test_an_unknown_kind_is_one_line_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"^kind 'regresion' is unknown; did you mean 'regression'"):
        find_kind("regresion")


def test_listing_the_kinds_imports_no_heavy_library() -> None:
    code = (
        "import sys, json; from engine.kinds import kinds; kinds(); "
        "print(json.dumps(sorted({'numpy', 'torch', 'pandas'} & set(sys.modules))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []


def names_said(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names of kinds that stand in code; text that only holds one is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in list(kinds()):
            yield node.lineno, node.value


@pytest.mark.parametrize("room", sorted(p.stem for p in PACKAGE.iterdir() if p.stem not in KNOW))
def test_no_other_room_says_the_name_of_a_kind(room: str) -> None:
    """Not compared, no key of a mapping, not listed: it asks the kind itself."""
    folder = PACKAGE / room
    paths = folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]
    said = [
        f"{path.relative_to(PACKAGE)}, line {line}: {name}"
        for path in paths
        if path.is_file()
        for line, name in names_said(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert said == []


def test_a_name_in_code_is_found() -> None:
    code = "def f(kind):\n    '''Of a regression.'''\n    return {'regression': 1}[kind]"
    assert list(names_said(ast.parse(code))) == [(3, "regression")]
