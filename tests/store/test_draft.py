"""Drafts: parts survive, damaged ones do not count, memory is bounded, writers do no harm."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.basics.files import content_key
from engine.store import Store

KEY = content_key("an entry")
OTHER = content_key("another entry")
MEAN = np.arange(21, dtype=np.float32).reshape(7, 3)
MAX = MEAN.astype(np.float16) * 2
#: Rows of three parts, as a length-sorted embedding cuts them.
PARTS = [np.array([6, 0, 3]), np.array([1, 5]), np.array([4, 2])]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def add(store: Store, *numbers: int) -> None:
    for number in numbers:
        rows = PARTS[number]
        store.draft(KEY).add(number, rows, {"mean": MEAN[rows], "max": MAX[rows]})


def parts(store: Store) -> list[Path]:
    return sorted((Path(store.root) / "drafts" / KEY).glob("*.npz"))


def finish(store: Store, rounds: int = 1) -> None:
    """Draft and finish in a process of its own."""
    for _ in range(rounds):
        add(store, 0, 1, 2)
        store.draft(KEY).finish(7, {})


def test_parts_that_are_finished_are_the_entry_and_the_draft_is_gone(store: Store):
    add(store, 0, 1, 2)
    store.draft(KEY).finish(7, {"encoder": "tiny-bert"})
    loaded = store.load(KEY)
    assert loaded is not None
    np.testing.assert_array_equal(loaded["mean"], MEAN)
    np.testing.assert_array_equal(loaded["max"], MAX)
    assert (loaded["mean"].dtype, loaded["max"].dtype) == (np.float32, np.float16)
    assert store.draft(KEY).done() == frozenset()
    assert not parts(store)
    assert not list(Path(store.root).rglob(".*"))


def test_a_draft_gives_the_bytes_that_saving_gives(store: Store):
    add(store, 2, 0, 1)
    store.draft(KEY).finish(7, {})
    store.save(OTHER, {"mean": MEAN, "max": MAX}, {})
    for name in ("mean.npy", "max.npy"):
        assert (store.path(KEY) / name).read_bytes() == (store.path(OTHER) / name).read_bytes()


def test_another_process_goes_on_where_one_stopped(store: Store):
    add(store, 0, 2)
    assert store.draft(KEY).done() == {0, 2}
    assert Store(store.root).draft(KEY).done() == {0, 2}
    assert not store.has(KEY)
    assert store.draft(OTHER).done() == frozenset()


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 12), max_size=5),
    dtype=st.sampled_from([np.float16, np.float32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_parts_of_any_cut_in_any_order_give_the_same_entry(tmp_path_factory, cuts, dtype, seed):
    store = Store(tmp_path_factory.mktemp("store"))
    expected = np.random.default_rng(seed).normal(size=(12, 4)).astype(dtype)
    rows = np.random.default_rng(seed).permutation(12)
    numbered = list(enumerate(np.split(rows, sorted(cuts))))
    random.Random(seed).shuffle(numbered)
    for number, some in numbered:
        store.draft(KEY).add(number, some, {"mean": expected[some]})
    store.draft(KEY).finish(12, {})
    loaded = store.load(KEY)
    assert loaded is not None
    assert loaded["mean"].dtype == dtype
    np.testing.assert_array_equal(loaded["mean"], expected)


def test_an_entry_without_rows_can_be_drafted(store: Store):
    store.draft(KEY).add(0, np.zeros(0, np.int64), {"mean": np.zeros((0, 5), np.float32)})
    store.draft(KEY).finish(0, {})
    loaded = store.load(KEY)
    assert loaded is not None
    assert loaded["mean"].shape == (0, 5)


@pytest.mark.parametrize("at", [0, 200, -1])
def test_a_part_with_a_flipped_byte_does_not_count(store: Store, at: int, caplog):
    add(store, 0, 1, 2)
    content = bytearray(parts(store)[1].read_bytes())
    content[at] ^= 0x10
    parts(store)[1].write_bytes(content)
    assert store.draft(KEY).done() == {0, 2}
    assert "part 1" in caplog.text
    with pytest.raises(ValueError, match="2 of 7 rows are missing"):
        store.draft(KEY).finish(7, {})
    add(store, 1)
    assert store.draft(KEY).done() == {0, 1, 2}
    store.draft(KEY).finish(7, {})
    np.testing.assert_array_equal((store.load(KEY) or {})["mean"], MEAN)


def test_a_torn_part_does_not_count(store: Store):
    add(store, 0, 1)
    torn = parts(store)[0]
    torn.write_bytes(torn.read_bytes()[:100])
    assert store.draft(KEY).done() == {1}


def test_files_that_are_no_parts_do_not_count(store: Store):
    add(store, 0)
    folder = parts(store)[0].parent
    (folder / ".000001-half.99-00000000.npz").write_bytes(b"half")
    (folder / "000002.npz").write_bytes(b"no checksum in the name")
    assert store.draft(KEY).done() == {0}


def test_missing_rows_keep_the_draft_and_leave_no_entry(store: Store):
    add(store, 0, 2)
    with pytest.raises(ValueError, match=r"2 of 7 rows are missing, the first is 1"):
        store.draft(KEY).finish(7, {})
    assert not store.has(KEY)
    assert store.draft(KEY).done() == {0, 2}
    assert not list(Path(store.root).rglob(".*"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [([6, 2], "double"), ([2, 2], "double"), ([2, 7], "outside"), ([-1, 2], "outside")],
)
def test_double_rows_and_rows_outside_are_refused(store: Store, rows: list[int], message: str):
    add(store, 0, 1)
    store.draft(KEY).add(2, np.array(rows), {"mean": MEAN[[4, 2]], "max": MAX[[4, 2]]})
    with pytest.raises(ValueError, match=message):
        store.draft(KEY).finish(7, {})
    assert not store.has(KEY)


def test_parts_that_are_not_alike_are_refused(store: Store):
    add(store, 0, 1)
    store.draft(KEY).add(2, PARTS[2], {"mean": MEAN[PARTS[2]], "max": MEAN[PARTS[2]]})
    with pytest.raises(ValueError, match="not like the first"):
        store.draft(KEY).finish(7, {})


def test_a_part_whose_arrays_have_other_rows_is_refused(store: Store):
    with pytest.raises(ValueError, match="3 rows"):
        store.draft(KEY).add(0, PARTS[0], {"mean": MEAN})


def test_a_part_written_twice_counts_once_even_where_the_last_bit_differs(store: Store):
    add(store, 0, 0, 1, 2)
    assert len(parts(store)) == 3  # equal content, equal name
    near = np.nextafter(MEAN[PARTS[0]], np.float32(np.inf))
    store.draft(KEY).add(0, PARTS[0], {"mean": near, "max": MAX[PARTS[0]]})
    assert store.draft(KEY).done() == {0, 1, 2}
    store.draft(KEY).finish(7, {})
    np.testing.assert_allclose((store.load(KEY) or {})["mean"], MEAN, atol=1e-30, rtol=1e-6)


def test_the_first_to_finish_wins(store: Store):
    store.save(KEY, {"mean": MEAN}, {})
    add(store, 0)
    store.draft(KEY).finish(7, {})
    assert (store.load(KEY) or {}).keys() == {"mean"}
    assert not parts(store)


def test_a_discarded_draft_is_gone_and_discarding_none_is_no_error(store: Store):
    add(store, 0)
    store.draft(KEY).discard()
    store.draft(KEY).discard()
    assert store.draft(KEY).done() == frozenset()


def test_processes_that_draft_and_finish_one_key_leave_one_sound_entry(store: Store):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        done = [pool.submit(finish, store, 10) for _ in range(4)]
    assert [future.exception() for future in done] == [None] * 4
    loaded = store.load(KEY)
    assert loaded is not None
    np.testing.assert_array_equal(loaded["mean"], MEAN)
    assert not list(Path(store.root).rglob(".*"))


def test_parts_of_a_killed_process_are_kept(store: Store):
    script = """
        import sys, signal
        import numpy as np
        from engine.store import Store
        draft = Store(sys.argv[1]).draft(sys.argv[2])
        for part in range(2):
            draft.add(part, np.arange(2) + 2 * part, {"mean": np.ones((2, 3), np.float32)})
        print("added", flush=True)
        signal.pause()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(store.root), KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "added\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert store.draft(KEY).done() == {0, 1}


def test_finishing_forty_parts_holds_a_few_in_memory(store: Store):
    rows, width, count = 500, 256, 40
    array = np.zeros((rows, width), np.float32)
    for part in range(count):
        array += 1
        store.draft(KEY).add(part, np.arange(rows) + part * rows, {"mean": array})
    tracemalloc.start()
    store.draft(KEY).finish(rows * count, {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * array.nbytes
    assert (store.load(KEY) or {})["mean"][::rows, 0].tolist() == list(range(1, count + 1))
