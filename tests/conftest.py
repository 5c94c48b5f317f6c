"""What every test may use."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `device` runs on the CPU and, where there is one, on the GPU."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices())


@pytest.fixture
def in_repository(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository as working directory, since studies name search spaces relative to it."""
    monkeypatch.chdir(REPOSITORY)
    return REPOSITORY


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
