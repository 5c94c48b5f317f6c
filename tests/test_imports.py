"""Imports run one way only (design.md, section 4), and each library has its one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ENGINE = Path(__file__).resolve().parent.parent / "engine"

#: A room (a package, or one of the two files that stand alone) imports only what stands above it.
ORDER = (
    "basics",
    "stats",
    "records",
    "kinds",
    "metrics",
    "store",
    "encoders",
    "tasks",
    "cluster",
    "tracking",
    "embedding",
    "methods",
    "trial",
    "plan",
    "search",
    "select",
    "compare",
    "report",
    "stages",
    "commands",
    "testing",
)


class Import(NamedTuple):
    """One imported module.

    Attributes
    ----------
    name : str
        ``engine.x.y`` down to the file where it is ours, else as written.
    line : int
    lazy : bool
        Whether it stands in a function.
    """

    name: str
    line: int
    lazy: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(ENGINE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ENGINE.rglob("*.py"))}
PACKAGES = {name for name, path in FILES.items() if path.name == "__init__.py"}


def imports(path: Path) -> Iterator[Import]:
    """Imports of a file, those in functions too; those for type checkers only left out."""
    yield from _imports(ast.parse(path.read_text(encoding="utf-8")), lazy=False)


def _imports(node: ast.AST, lazy: bool) -> Iterator[Import]:
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for child in node.orelse:
            yield from _imports(child, lazy)
        return
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, lazy) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide what is imported"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            name = inner if inner in FILES else str(node.module)
            yield Import(name, node.lineno, lazy)
    lazy |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, lazy)


@cache
def imports_of(name: str) -> list[Import]:
    """Imports of a module of ours."""
    return list(imports(FILES[name]))


def place(name: str) -> str:
    """Entry of `ORDER` that a module of ours belongs to."""
    return name.split(".")[1]


def ours(name: str) -> bool:
    return name.startswith("engine.")


def importers(library: str) -> set[str]:
    """Modules of ours that import a library anywhere."""
    return {
        name for name in FILES if any(i.name.split(".")[0] == library for i in imports_of(name))
    }


def reachable(start: str) -> set[str]:
    """Modules of ours that a module leads to, over imports in functions too.

    The encoders and methods are found by their registries, so that a package leads to its files.
    """
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += [i.name for i in imports_of(name) if ours(i.name)]
        if name in PACKAGES and name != "engine":
            waiting += [inner for inner in FILES if inner.startswith(name + ".")]
    return seen


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Names along a cycle of a graph, or none."""
    done: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for other in sorted(graph[name]):
                if found := search(other, [*path, name]):
                    return found
            done.add(name)
        return []

    return next((found for name in graph if (found := search(name, []))), [])


def test_every_file_has_a_place():
    places = {place(name) for name in FILES if name != "engine"}
    assert places == set(ORDER)


@pytest.mark.parametrize("name", [name for name in FILES if name != "engine"])
def test_a_file_imports_only_what_stands_above_it(name: str):
    own = ORDER.index(place(name))
    below = [
        f"line {i.line}: {i.name}"
        for i in imports_of(name)
        if ours(i.name) and place(i.name) != place(name) and ORDER.index(place(i.name)) > own
    ]
    assert below == []


def test_the_package_itself_imports_nothing():
    assert imports_of("engine") == []


@pytest.mark.parametrize("package", sorted(PACKAGES - {"engine"}))
def test_within_a_package_no_files_import_each_other_in_a_circle(package: str):
    """At import time; a registry may load the file that a user named when it is asked to."""
    inner = [name for name in FILES if name == package or name.startswith(package + ".")]
    graph = {
        name: {i.name for i in imports_of(name) if i.name in inner and not i.lazy} for name in inner
    }
    assert cycle(graph) == []


def test_ray_is_imported_only_where_work_is_spread():
    assert importers("ray") <= {"engine.cluster.workers", "engine.embedding.over_cluster"} | {
        name for name in FILES if name.startswith("engine.search.")
    }


def test_optuna_is_imported_only_by_the_search():
    """By the files that propose, mirror and rate trials, and that tell these in Optuna's terms."""
    files = ("proposer", "samplers", "optuna_terms", "mirror", "importance")
    assert importers("optuna") == {f"engine.search.{name}" for name in files}


def test_mlflow_is_imported_only_by_the_tracking():
    assert importers("mlflow") == {"engine.tracking.mlflow_runs"}


@pytest.mark.parametrize("start", ["engine.trial", "engine.methods"])
def test_the_body_of_a_trial_leads_to_none_of_the_three(start: str):
    heavy = importers("ray") | importers("optuna") | importers("mlflow")
    led_to = reachable(start)
    assert "engine.methods.probe" in led_to  # the walk goes through the registry
    assert "engine.encoders.families.tiny" in led_to
    assert led_to & heavy == set()


def test_statistics_know_nothing_of_the_engine():
    for name in FILES:
        if name.startswith("engine.stats"):
            assert {i.name for i in imports_of(name) if ours(i.name)} <= {
                other for other in FILES if other.startswith("engine.stats")
            }


def test_the_reader_of_imports_sees_through_functions_and_past_type_checking(tmp_path: Path):
    file = tmp_path / "a.py"
    file.write_text(
        "import json\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import optuna\n"
        "else:\n    import array\n"
        "def f():\n    from engine.cluster import workers\n"
        "    from engine.basics.errors import nearest\n"
        "try:\n    import ray.tune\nexcept ImportError:\n    pass\n"
    )
    found = {(i.name, i.lazy) for i in imports(file)}
    assert found == {
        ("json", False),
        ("typing", False),
        ("array", False),
        ("engine.cluster.workers", True),
        ("engine.basics.errors", True),
        ("ray.tune", False),
    }


def test_a_circle_is_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
