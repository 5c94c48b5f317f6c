"""A small study that can be planned, in a folder of its own."""

from pathlib import Path
from typing import Any

import pytest

from engine.basics.yaml_files import dump_yaml
from engine.plan.cells import Plan, make_plan
from engine.plan.study import load_study

PROBE = {
    "method": "probe",
    "parameters": {"pooling": {"choice": ["mean", "max", "summary"]}},
    "default": {"pooling": "mean"},
}
LORA = {
    "method": "lora",
    "parameters": {"pooling": {"constant": "mean"}, "rank": {"int": [2, 8]}},
    "default": {"pooling": "mean", "rank": 4},
}
ROWS = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T,{i % 2}" for i in range(40)]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("sequence,label\n" + "\n".join(ROWS) + "\n")
    return tmp_path


def plan(**changes: Any) -> Plan:
    study = {
        "name": "s",
        "encoders": ["tiny-bert", "kmer"],
        "tasks": [{"path": "mine.csv"}],
        "methods": {"probe": PROBE, "lora": LORA},
        "trials_per_cell": 3,
    }
    Path("s.yaml").write_text(dump_yaml({**study, **changes}))
    return make_plan(load_study(Path("s.yaml")))


def space(**parameters: Any) -> dict[str, Any]:
    """A probe space of choices, each with its first value as the default."""
    return {
        "method": "probe",
        "parameters": {name: {"choice": choices} for name, choices in parameters.items()},
        "default": {name: choices[0] for name, choices in parameters.items()},
    }
