"""The store over the S3 protocol: a server on loopback, entries whole or absent, drafts kept."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays

from engine.basics.errors import UserError
from engine.basics.files import content_key
from engine.commands.store import entries_table, prune
from engine.store import Store
from engine.store.objects import DAY, ObjectPlace

boto3 = pytest.importorskip("boto3")
server = pytest.importorskip("moto.server")

KEY = content_key("an entry")
ARRAYS = {
    "mean": np.arange(12, dtype=np.float32).reshape(4, 3),
    "max": np.full((4, 3), -np.inf, dtype=np.float16),
    "none": np.zeros((0, 3), dtype=np.float32),
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Address of an S3 server with the bucket ``bucket``."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        address = "http://{}:{}".format(*moto.get_host_and_port())
        client(address).create_bucket(Bucket="bucket")
        yield address
    moto.stop()


def client(address: str):
    return boto3.client("s3", endpoint_url=address, region_name="us-east-1")


@pytest.fixture
def store(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("DNASWEEP_CACHE", str(tmp_path / "cache"))
    query = f"endpoint_override={quote(endpoint, safe='')}&region=us-east-1"
    return Store(f"s3://bucket/{tmp_path.name}/store?{query}")


def another_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """See the same bucket from a machine that has read nothing yet."""
    monkeypatch.setenv("DNASWEEP_CACHE", str(tmp_path / "cache-of-another-node"))


def objects(store: Store) -> list[str]:
    return sorted(file.name for file in store.place.walk())


def in_bucket(store: Store, endpoint: str, name: str) -> dict[str, str]:
    """Bucket and key of an object, for boto3."""
    prefix = str(store.root).removeprefix("s3://bucket/").split("?")[0]
    return {"Bucket": "bucket", "Key": f"{prefix}/{name}"}


def equal(loaded: dict[str, np.ndarray] | None) -> bool:
    return loaded is not None and all(np.array_equal(loaded[n], a) for n, a in ARRAYS.items())


def test_arrays_come_back_as_they_were_mapped_and_read_only(store: Store):
    assert store.load(KEY) is None
    assert not store.has(KEY)
    store.save(KEY, ARRAYS, {"encoder": "tiny-bert"})
    assert store.has(KEY)
    loaded = store.load(KEY)
    assert loaded is not None
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert isinstance(loaded[name], np.memmap)
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
    with pytest.raises(ValueError, match="read-only"):
        loaded["mean"][0, 0] = 1


def test_another_node_reads_what_one_wrote(store: Store, tmp_path: Path, monkeypatch):
    store.save(KEY, ARRAYS, {})
    another_node(tmp_path, monkeypatch)
    assert equal(store.load(KEY))


def test_another_client_of_the_protocol_sees_the_same_bytes(store: Store, endpoint: str, tmp_path):
    store.save(KEY, ARRAYS, {})
    folder = f"{KEY[:2]}/{KEY}"
    (name,) = [n for n in objects(store) if n.startswith(f"{folder}/mean-")]
    body = client(endpoint).get_object(**in_bucket(store, endpoint, name))["Body"].read()
    (tmp_path / "mean.npy").write_bytes(body)
    np.testing.assert_array_equal(np.load(tmp_path / "mean.npy"), ARRAYS["mean"])


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(array=arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)))
def test_any_plain_array_comes_back_bit_by_bit(store: Store, array: np.ndarray):
    key = content_key(str(array.dtype), array.shape, array.tobytes().hex())
    store.save(key, {"a": array}, {})
    loaded = (store.load(key) or {})["a"]
    assert (loaded.dtype, loaded.shape) == (array.dtype, array.shape)
    assert loaded.tobytes() == array.tobytes()


def test_an_entry_is_seen_only_when_all_of_it_is_there(store: Store, monkeypatch):
    seen = []
    real = ObjectPlace._send

    def watching(self: ObjectPlace, source, name: str) -> None:
        seen.append((name.rsplit("/", 1)[-1].split("-")[0], store.has(KEY)))
        real(self, source, name)

    monkeypatch.setattr(ObjectPlace, "_send", watching)
    store.save(KEY, ARRAYS, {})
    assert seen == [("mean", False), ("max", False), ("none", False), ("entry.json", False)]
    assert store.has(KEY)


def test_a_second_read_asks_the_server_for_no_array(store: Store, monkeypatch):
    store.save(KEY, ARRAYS, {})
    assert equal(store.load(KEY))
    asked = []
    monkeypatch.setattr(ObjectPlace, "_size", lambda self, name: asked.append(name))
    assert equal(store.load(KEY))
    assert asked == []


def test_a_damaged_local_copy_is_fetched_anew(store: Store, tmp_path: Path):
    store.save(KEY, ARRAYS, {})
    assert equal(store.load(KEY))
    for copy in (tmp_path / "cache").rglob("*.npy"):
        copy.write_bytes(copy.read_bytes()[:-1])
    assert equal(store.load(KEY))


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "description"])
def test_damage_in_the_bucket_is_found_set_aside_and_can_be_repaired(
    store: Store, endpoint: str, tmp_path: Path, monkeypatch, caplog, damage: str
):
    store.save(KEY, ARRAYS, {})
    another_node(tmp_path, monkeypatch)
    s3 = client(endpoint)
    ending = "/entry.json" if damage == "description" else "/mean-"
    (name,) = [n for n in objects(store) if ending in n]
    where = in_bucket(store, endpoint, name)
    content = bytearray(s3.get_object(**where)["Body"].read())
    if damage == "flip":
        content[-1] ^= 0x01
    elif damage == "truncate":
        del content[-1]
    else:
        content[:] = b"{"
    if damage == "remove":
        s3.delete_object(**where)
    else:
        s3.put_object(**where, Body=bytes(content))
    assert store.load(KEY) is None
    assert "is damaged" in caplog.text
    assert not store.has(KEY)
    assert any("/.damaged-" in name for name in objects(store))
    store.save(KEY, ARRAYS, {})
    assert equal(store.load(KEY))


def test_the_first_of_two_writers_is_kept(store: Store):
    store.save(KEY, {"a": np.zeros(3)}, {"writer": 1})
    store.save(KEY, {"a": np.ones(3)}, {"writer": 2})
    entry = json.loads(store.place.read(f"{KEY[:2]}/{KEY}/entry.json"))
    assert entry["meta"] == {"writer": 1}
    assert (store.load(KEY) or {})["a"].tolist() == [0, 0, 0]


def test_processes_that_write_one_key_leave_one_whole_entry(store: Store):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        writers = [pool.submit(store.save, KEY, ARRAYS, {}) for _ in range(8)]
    assert [writer.exception() for writer in writers] == [None] * 8
    assert equal(store.load(KEY))
    assert len(objects(store)) == 4


def test_nothing_is_left_on_this_machine_of_what_was_staged(store: Store, tmp_path: Path):
    store.save(KEY, ARRAYS, {})
    with pytest.raises(ValueError, match="Object"):
        store.save(content_key("x"), {"a": np.array([{}], dtype=object)}, {})
    assert not list((tmp_path / "cache").glob("store/scratch/*"))


def test_another_node_goes_on_with_a_draft(store: Store, tmp_path: Path, monkeypatch):
    rows = [np.array([2, 0]), np.array([3, 1])]
    mean = ARRAYS["mean"]
    store.draft(KEY).add(0, rows[0], {"mean": mean[rows[0]]})
    another_node(tmp_path, monkeypatch)
    draft = Store(store.root).draft(KEY)
    assert draft.done() == {0}
    draft.add(1, rows[1], {"mean": mean[rows[1]]})
    draft.finish(4, {})
    np.testing.assert_array_equal((store.load(KEY) or {})["mean"], mean)
    assert not [name for name in objects(store) if name.startswith("drafts/")]


def test_a_damaged_part_in_the_bucket_does_not_count(store: Store, endpoint: str):
    for part in range(2):
        store.draft(KEY).add(part, np.array([part]), {"mean": ARRAYS["mean"][[part]]})
    (name,) = [name for name in objects(store) if "/000001-" in name]
    client(endpoint).put_object(**in_bucket(store, endpoint, name), Body=b"torn")
    assert store.draft(KEY).done() == {0}


def test_notes_are_kept_and_replaced_and_discarding_removes_an_entry(store: Store):
    assert store.read_note(KEY) is None
    store.write_note(KEY, {"forwards": 3})
    store.write_note(KEY, {"forwards": 4})
    assert store.read_note(KEY) == {"forwards": 4}
    store.save(KEY, ARRAYS, {})
    store.discard(KEY)
    store.discard(KEY)
    assert not store.has(KEY)
    assert objects(store) == [f"notes/{KEY}.json"]


def test_what_is_too_large_to_be_copied_in_the_store_is_removed(
    store: Store, tmp_path, monkeypatch
):
    store.save(KEY, ARRAYS, {})
    another_node(tmp_path, monkeypatch)
    (name,) = [name for name in objects(store) if "/mean-" in name]
    store.place.write(name, b"x" * 1000)
    monkeypatch.setattr("engine.store.objects.COPY_LIMIT", 900)
    assert store.load(KEY) is None
    assert not any("/mean-" in name for name in objects(store))
    store.save(KEY, ARRAYS, {})
    assert equal(store.load(KEY))


def test_a_bucket_is_listed_and_pruned_as_a_folder_is(store: Store, monkeypatch):
    rows = ARRAYS["mean"]
    store.save(KEY, {"mean": rows}, {"encoder": "kmer", "task": "splice", "split": "test"})
    store.draft(content_key("draft")).add(0, np.arange(4), {"mean": rows})
    store.write_note(content_key("note"), {"embeddings": {"test": KEY}})
    entry, draft = sorted(entries_table(store).rows, key=lambda row: row["split"], reverse=True)
    assert (entry["encoder"], entry["rows"], entry["key"]) == ("kmer", 4, KEY)
    assert draft["split"] == "(draft)"
    assert prune(store) == []
    later = time.time() + 31 * DAY
    monkeypatch.setattr("engine.commands.store.time.time", lambda: later)
    kinds = [removed.kind for removed in prune(store, 30 * DAY)]
    assert sorted(kinds) == ["cached", "draft", "entry", "note"]
    assert objects(store) == []
    assert list(store.place.private()) == []


def test_what_killed_writers_left_here_and_there_is_pruned_after_a_day(store: Store, monkeypatch):
    store.save(KEY, ARRAYS, {})
    store.place.remove(f"{KEY[:2]}/{KEY}/entry.json")  # an upload that did not get so far
    scratch = store.place.scratch(f"{KEY[:2]}/{KEY}")
    (scratch / "mean.npy").write_bytes(b"half")
    assert prune(store) == []
    later = time.time() + 2 * DAY
    monkeypatch.setattr("engine.commands.store.time.time", lambda: later)
    assert [removed.kind for removed in prune(store)] == ["temporary"] * 2
    assert objects(store) == []
    assert not scratch.exists()


def test_a_bucket_that_is_not_there_is_one_line(store: Store):
    missing = Store(str(store.root).replace("s3://bucket/", "s3://missing/"))
    with pytest.raises(UserError, match="check the URI, the credentials and that the bucket"):
        missing.save(KEY, ARRAYS, {})


@pytest.mark.parametrize("uri", ["s3://", "nothing://bucket/x"])
def test_a_uri_that_names_nothing_is_one_line(uri: str):
    with pytest.raises(UserError) as told:
        Store(uri).load(KEY)
    assert str(told.value).startswith(uri)
    assert "\n" not in str(told.value)


def test_a_password_in_a_uri_is_not_told():
    with pytest.raises(UserError) as told:
        Store("nothing://name:secret@bucket/x").load(KEY)
    assert "secret" not in str(told.value)


def test_an_object_store_has_no_local_folder_of_an_entry(store: Store):
    with pytest.raises(ValueError, match="not a local folder"):
        store.path(KEY)
