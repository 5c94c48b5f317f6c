"""The store: whole entries or none, damage found, concurrent writers harmless, no pickle."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from engine.basics.errors import UserError
from engine.basics.files import content_key, file_hash
from engine.store import Store

KEY = content_key("an entry")
ARRAYS = {
    "mean": np.arange(12, dtype=np.float32).reshape(4, 3),
    "max": np.full((4, 3), -np.inf, dtype=np.float64),
    "none": np.zeros((0, 3), dtype=np.float32),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def hidden(store: Store) -> list[str]:
    """Names of what is neither an entry nor a note."""
    return [p.name for p in store.root.rglob(".*")]


def test_arrays_come_back_as_they_were_and_read_only(store: Store):
    store.save(KEY, ARRAYS, {"encoder": "tiny-bert"})
    loaded = store.load(KEY)
    assert loaded is not None
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
    with pytest.raises(ValueError, match="read-only"):
        loaded["mean"][0, 0] = 1
    assert not hidden(store)


@settings(max_examples=30)
@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)))
def test_any_plain_array_comes_back_bit_by_bit(tmp_path_factory, array: np.ndarray):
    store = Store(tmp_path_factory.mktemp("store"))
    store.save(KEY, {"a": array}, {})
    loaded = (store.load(KEY) or {})["a"]
    assert (loaded.dtype, loaded.shape) == (array.dtype, array.shape)
    assert loaded.tobytes() == array.tobytes()


def test_what_was_never_written_is_absent(store: Store):
    assert not store.has(KEY)
    assert store.load(KEY) is None
    assert store.read_note(KEY) is None


def test_the_description_lies_beside_the_arrays(store: Store):
    store.save(KEY, ARRAYS, {"encoder": "tiny-bert"})
    entry = json.loads((store.path(KEY) / "entry.json").read_text())
    assert entry["meta"] == {"encoder": "tiny-bert"}


def test_objects_are_refused_and_leave_nothing(store: Store):
    with pytest.raises(ValueError, match="Object"):
        store.save(KEY, {"a": np.array([{"x": 1}], dtype=object)}, {})
    assert not store.has(KEY)
    assert not hidden(store)


def test_a_pickle_in_place_of_an_array_is_not_read(store: Store):
    store.save(KEY, {"mean": ARRAYS["mean"]}, {})
    path = store.path(KEY) / "mean.npy"
    np.save(path, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    entry = json.loads((path.parent / "entry.json").read_text())
    entry["sha256"]["mean"] = file_hash(path)  # even where the checksum is right
    (path.parent / "entry.json").write_text(json.dumps(entry))
    assert store.load(KEY) is None


def test_a_reader_never_sees_half_an_entry(store: Store, monkeypatch: pytest.MonkeyPatch):
    def crash(*_: object) -> None:
        assert not store.has(KEY)
        assert hidden(store)  # the temporary folder
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.store.store.publish", crash)
    with pytest.raises(KeyboardInterrupt):
        store.save(KEY, ARRAYS, {})
    assert store.load(KEY) is None
    assert not hidden(store)


def test_what_a_killed_writer_left_behind_does_no_harm(store: Store):
    left = store.path(KEY).with_name(f".{KEY}.999-dead")
    left.mkdir(parents=True)
    (left / "mean.npy").write_bytes(b"half")
    assert not store.has(KEY)
    assert store.load(KEY) is None
    store.save(KEY, ARRAYS, {})
    assert store.load(KEY) is not None


def test_the_first_of_two_writers_is_kept(store: Store):
    store.save(KEY, {"a": np.zeros(3)}, {"writer": 1})
    store.save(KEY, {"a": np.zeros(3)}, {"writer": 2})
    assert json.loads((store.path(KEY) / "entry.json").read_text())["meta"] == {"writer": 1}
    assert not hidden(store)


def test_eight_threads_that_write_one_key_all_read_it_whole(store: Store):
    def write_and_read(writer: int) -> bool:
        store.save(KEY, ARRAYS, {"writer": writer})
        loaded = store.load(KEY)
        return loaded is not None and all(np.array_equal(loaded[n], a) for n, a in ARRAYS.items())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, range(32)))
    assert not hidden(store)


def test_eight_processes_that_write_one_key_leave_one_whole_entry(store: Store):
    # Fresh interpreters: a fork of one that holds threads may hang.
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        writers = [pool.submit(store.save, KEY, ARRAYS, {}) for _ in range(16)]
    assert [writer.exception() for writer in writers] == [None] * 16
    loaded = store.load(KEY)
    assert loaded is not None
    assert all(np.array_equal(loaded[name], array) for name, array in ARRAYS.items())
    assert not hidden(store)


@pytest.mark.parametrize("name", ["mean.npy", "max.npy"])
@pytest.mark.parametrize("at", [0, 70, -1])
def test_a_flipped_byte_is_found_and_the_entry_set_aside(store, name: str, at: int, caplog):
    store.save(KEY, ARRAYS, {})
    path = store.path(KEY) / name
    content = bytearray(path.read_bytes())
    content[at] ^= 0x01
    path.write_bytes(content)
    assert store.load(KEY) is None
    assert not store.has(KEY)
    (aside,) = [p for p in store.path(KEY).parent.iterdir() if ".damaged-" in p.name]
    assert (aside / name).read_bytes() == content  # kept, for whoever wants to know why
    assert "is damaged" in caplog.text
    store.save(KEY, ARRAYS, {})
    assert store.load(KEY) is not None


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"key": "x"}',
        b'{"sha256": {"lost": "00"}}',
        json.dumps({"key": KEY, "sha256": {"lost": "00"}}).encode(),
        json.dumps({"key": KEY, "sha256": ["mean"]}).encode(),
        json.dumps({"key": content_key("another"), "sha256": {}}).encode(),
    ],
)
def test_a_damaged_description_is_found(store: Store, entry: bytes):
    store.save(KEY, ARRAYS, {})
    (store.path(KEY) / "entry.json").write_bytes(entry)
    assert store.load(KEY) is None
    assert not store.has(KEY)


@pytest.mark.parametrize("name", ["mean.npy", "none.npy"])
def test_a_truncated_array_is_found_and_can_be_written_anew(store: Store, name: str, caplog):
    store.save(KEY, ARRAYS, {})
    path = store.path(KEY) / name
    os.truncate(path, path.stat().st_size - 1)
    assert store.load(KEY) is None
    assert "is damaged" in caplog.text
    store.save(KEY, ARRAYS, {})
    assert store.load(KEY) is not None


def test_a_lost_array_file_is_found(store: Store, caplog):
    store.save(KEY, ARRAYS, {})
    (store.path(KEY) / "max.npy").unlink()
    assert store.load(KEY) is None
    assert not store.has(KEY)
    assert "max.npy" in caplog.text


def test_an_entry_that_lost_its_description_can_be_written_anew(store: Store):
    store.save(KEY, ARRAYS, {})
    (store.path(KEY) / "entry.json").unlink()
    assert store.load(KEY) is None
    store.save(KEY, ARRAYS, {})
    assert store.load(KEY) is not None


def test_damage_after_a_sound_read_is_found_by_the_same_process(store: Store):
    store.save(KEY, ARRAYS, {})
    assert store.load(KEY) is not None
    path = store.path(KEY) / "mean.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x01
    path.write_bytes(content)
    later = path.stat().st_mtime_ns + 10**9  # the clock of some file systems is coarse
    os.utime(path, ns=(later, later))
    assert store.load(KEY) is None


def test_a_file_is_hashed_once_per_process(store: Store, monkeypatch: pytest.MonkeyPatch):
    store.save(KEY, ARRAYS, {})
    hashed = []

    def counting(path: Path) -> str:
        hashed.append(path.name)
        return file_hash(path)

    monkeypatch.setattr("engine.store.checksum.file_hash", counting)
    for _ in range(20):  # trials of a probe
        assert store.load(KEY) is not None
    assert sorted(hashed) == ["max.npy", "mean.npy", "none.npy"]


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", ""])
def test_an_array_name_that_leads_elsewhere_is_refused(store: Store, name: str):
    with pytest.raises(ValueError, match="plain file name"):
        store.save(KEY, {name: np.zeros(3)}, {})
    assert not store.has(KEY)
    assert not hidden(store)


def test_a_root_can_be_given_as_text(tmp_path: Path):
    Store(str(tmp_path)).save(KEY, ARRAYS, {})
    assert Store(tmp_path).load(KEY) is not None
    assert Store(str(tmp_path)) == Store(tmp_path)


def test_two_readers_of_a_damaged_entry_both_find_none(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    store.save(KEY, ARRAYS, {})
    folder = store.path(KEY)
    (folder / "mean.npy").write_bytes(b"x")

    def other_reader_was_first(path: Path) -> str:
        folder.rename(folder.with_name(".damaged-by-the-other"))
        return "no checksum"

    monkeypatch.setattr("engine.store.checksum.file_hash", other_reader_was_first)
    assert store.load(KEY) is None


def test_a_discarded_entry_is_gone_and_discarding_none_is_no_error(store: Store):
    store.save(KEY, ARRAYS, {})
    store.discard(KEY)
    store.discard(KEY)
    assert not store.has(KEY)


def test_a_note_is_kept_and_replaced(store: Store):
    store.write_note(KEY, {"forwards": 3, "embeddings": {"train": "k"}})
    assert store.read_note(KEY) == {"forwards": 3, "embeddings": {"train": "k"}}
    store.write_note(KEY, {"forwards": 4})
    assert store.read_note(KEY) == {"forwards": 4}
    assert not hidden(store)


@pytest.mark.parametrize("content", [b"", b"{half", b"\xff\xfe"])
def test_a_damaged_note_counts_as_none(store: Store, content: bytes):
    store.write_note(KEY, {})
    (store.root / "notes" / f"{KEY}.json").write_bytes(content)
    assert store.read_note(KEY) is None


@pytest.mark.parametrize("trouble", [PermissionError(13, "denied"), OSError(12, "no memory")])
def test_an_entry_that_cannot_be_read_now_is_told_and_not_taken_for_a_damaged_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, trouble: OSError
):
    store.save(KEY, ARRAYS, {})
    with monkeypatch.context() as patch:

        def refused(*_: object) -> str:
            raise trouble

        patch.setattr("engine.store.checksum.file_hash", refused)
        with pytest.raises(UserError, match="cannot be read"):
            store.load(KEY)
    assert store.load(KEY) is not None
