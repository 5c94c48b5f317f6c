"""A working directory of its own for every test, and a small task that is right."""

from collections.abc import Callable
from pathlib import Path

import pytest

BASES = "ACGT"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], str]:
    """Write a file into the working directory and give its name as a user would write it."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return name

    return write


@pytest.fixture
def good_rows() -> list[tuple[str, str]]:
    """40 sequences of two classes; none is part of another or its reverse complement."""
    sequences = [f"AAC{BASES[i % 4]}{BASES[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(40)]
    return [(sequence, str(i % 2)) for i, sequence in enumerate(sequences)]


@pytest.fixture
def good_csv(good_rows: list[tuple[str, str]]) -> str:
    return "sequence,label\n" + "".join(f"{s},{label}\n" for s, label in good_rows)
