"""What every test may use."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

pytest.register_assert_rewrite("engine.testing")

REPOSITORY = Path(__file__).resolve().parent.parent

#: Files that take longest, most of them since they start a Ray. They begin first, lest a worker
#: wait at the end for another that has just begun one.
FIRST = (
    "tests/search/test_faults.py",
    "tests/stages/test_restarts.py",
    "tests/stages/test_study.py",
    "tests/stages/test_cluster.py",
    "tests/stages/test_study_kinds.py",
    "tests/embedding/test_over_cluster.py",
    "tests/plan/test_footprint.py",
    "tests/cluster/test_workers.py",
    "tests/cluster/test_shared_storage.py",
)


def devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `device` runs on the CPU and, where there is one, on the GPU."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others stay in their order."""
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(FIRST)))


@pytest.fixture
def in_repository(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository as working directory, since studies name search spaces relative to it."""
    monkeypatch.chdir(REPOSITORY)
    return REPOSITORY


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def command() -> Iterator[ModuleType]:
    """The command line as a module; where it sends logs is forgotten afterwards."""
    from engine.commands import main

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield main
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


@pytest.fixture
def run_here(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["run_search.py", *arguments])
        capsys.readouterr()
        try:
            command.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which methods work on which encoders, as a run of the slow tests found it."""
    if terminalreporter.config.getoption("markexpr") == "not slow":
        return
    reports = [r for found in terminalreporter.stats.values() for r in found]
    noted = [p for r in reports for p in getattr(r, "user_properties", ()) if p[0] == "support"]
    if noted:
        from tests.methods.support import summary

        terminalreporter.section("fine-tuning methods on encoders, as found")
        terminalreporter.write_line(summary({(row, column): o for _, (row, column, o) in noted}))
