"""A folder of its own for every command, with a good study and a good data file."""

import io
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console, RenderableType

from engine.basics.yaml_files import dump_yaml
from tests.conftest import Done, Run

ROWS = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(40)]
#: Three classes, in every split.
THREE = [(s, i % 3, ("train", "validation", "test")[i // 3 % 3]) for i, s in enumerate(ROWS)]


@pytest.fixture
def run(command: ModuleType, run_here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder that holds a good study and a good data file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(command.out_console, "width", 300)
    data("mine.csv", [(s, i % 2) for i, s in enumerate(ROWS)])
    study("mine.yaml")
    return run_here


def data(name: str, rows: list[tuple[object, ...]], header: str = "sequence,label") -> None:
    lines = [",".join(map(str, row)) for row in rows]
    Path(name).write_text("\n".join([header, *lines]) + "\n")


def study(name: str, **changes: Any) -> None:
    keys = {
        "name": "mine",
        "encoders": ["kmer"],
        "tasks": [{"path": "mine.csv"}],
        "methods": {"probe": "search_spaces/probe.yaml"},
        "trials_per_cell": 2,
    }
    Path(name).write_text(dump_yaml({**keys, **changes}))


def bad_data(rows: list[tuple[object, ...]], header: str = "sequence,label") -> None:
    data("bad.csv", rows, header)
    study("s.yaml", tasks=[{"path": "bad.csv"}])


def assert_told(done: Done, parts: list[str]) -> None:
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err


def shown(table: RenderableType, width: int = 300) -> str:
    """What a terminal of that width shows."""
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()
