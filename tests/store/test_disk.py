"""A full disk is one clear line and leaves nothing broken; a killed writer harms nobody."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.basics.files import content_key
from engine.store import Store
from engine.store.checksum import HashingWriter

KEY = content_key("an entry")
SMALL = np.ones((50, 100), np.float32)
LARGE = np.ones((5000, 100), np.float32)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount`")
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_an_entry_on_a_full_disk_is_one_line_and_leaves_nothing(small_disk: Path):
    store = Store(small_disk / "store")
    with pytest.raises(UserError) as told:
        store.save(KEY, {"mean": SMALL, "max": LARGE}, {})
    assert str(small_disk) in str(told.value)
    assert "needs 2.0 MB, 1.0 MB is free" in str(told.value)
    assert "\n" not in str(told.value)
    assert files(small_disk) == []
    store.save(KEY, {"mean": SMALL}, {})  # what has room is written
    assert store.load(KEY) is not None


def test_a_draft_on_a_full_disk_keeps_the_parts_that_had_room(small_disk: Path):
    draft = Store(small_disk / "store").draft(KEY)
    draft.add(0, np.arange(50), {"mean": SMALL})
    with pytest.raises(UserError, match="part 1 of draft"):
        draft.add(1, np.arange(5000), {"mean": LARGE})
    assert draft.done() == {0}
    assert len(files(small_disk)) == 1


def test_finishing_on_a_full_disk_is_an_error_not_a_bus_error_and_keeps_the_draft(small_disk: Path):
    store = Store(small_disk / "store")
    rows = np.ones((1500, 100), np.float32)  # 0.6 MB: the parts fit, the entry beside them does not
    store.draft(KEY).add(0, np.arange(1500), {"mean": rows})
    with pytest.raises(UserError, match="no space left"):
        store.draft(KEY).finish(1500, {})
    assert not store.has(KEY)
    assert store.draft(KEY).done() == {0}
    assert len(files(small_disk)) == 1


def test_a_note_on_a_full_disk_is_one_line(small_disk: Path):
    store = Store(small_disk / "store")
    with pytest.raises(UserError, match="note"):
        store.write_note(KEY, {"long": "x" * 2_000_000})
    assert files(small_disk) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_disk_that_fills_at_any_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, code: int
):
    writes = 0
    real = HashingWriter.write

    def filling(self: HashingWriter, content: bytes) -> int:
        nonlocal writes
        writes += 1
        if writes == at:
            raise OSError(code, os.strerror(code))
        return real(self, content)

    monkeypatch.setattr(HashingWriter, "write", filling)
    with pytest.raises(UserError, match="no space left"):
        Store(tmp_path).save(KEY, {"mean": SMALL, "max": SMALL}, {})
    assert files(tmp_path) == []


def test_another_error_of_the_disk_is_not_taken_for_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(self: HashingWriter, content: bytes) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(HashingWriter, "write", broken)
    with pytest.raises(OSError, match="broken"):
        Store(tmp_path).save(KEY, {"mean": SMALL}, {})
    assert files(tmp_path) == []


def test_a_writer_killed_in_the_middle_leaves_no_entry_and_the_next_one_writes_it(tmp_path: Path):
    script = """
        import signal, sys
        import numpy as np
        from engine.store import Store

        class Arrays(dict):
            def items(self):
                yield "mean", np.ones((50, 100), np.float32)
                print("half", flush=True)
                signal.pause()

        Store(sys.argv[1]).save(sys.argv[2], Arrays(), {})
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert [name.rsplit("/", 1)[-1] for name in files(tmp_path)] == ["mean.npy"]  # temporary
    store = Store(tmp_path)
    assert store.load(KEY) is None
    store.save(KEY, {"mean": SMALL, "max": SMALL}, {})
    assert (store.load(KEY) or {}).keys() == {"mean", "max"}
