"""Durable files and content keys."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.basics.files import (
    canonical_json,
    content_key,
    file_hash,
    file_names,
    replacing,
    write_text,
)

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_file_stands_under_its_name_only_when_it_is_whole(tmp_path: Path):
    target = tmp_path / "deep" / "table.parquet"
    with replacing(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == target.parent  # a rename is atomic within one file system only
        assert temporary.suffix == ".parquet"  # pandas takes the format from it
    assert target.read_text() == "half"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_the_earlier_file_and_no_rest(tmp_path: Path):
    target = tmp_path / "scores.csv"
    write_text(target, "earlier")

    def write_half() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half of the n")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert target.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_text_is_utf_8_whatever_the_locale(tmp_path: Path):
    write_text(tmp_path / "a.txt", "Größe ≤ 3")
    assert (tmp_path / "a.txt").read_bytes() == "Größe ≤ 3".encode()


def test_file_hash_is_the_published_sha_256_of_abc(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "abc") == expected


def test_content_key_is_the_sha_256_of_the_canonical_text():
    assert content_key("a", 1) == hashlib.sha256(b'["a",1]').hexdigest()


@given(st.dictionaries(st.text(), plain, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict):
    turned = dict(reversed(value.items()))
    assert content_key(turned) == content_key(value)


@given(plain)
def test_canonical_json_reads_back_as_the_same_value(value: object):
    assert json.loads(canonical_json(value)) == value


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_different_parts_have_different_keys(a: list[str], b: list[str]):
    # ("ab", "c") and ("a", "bc") must not be joined to the same text.
    assert (content_key(*a) == content_key(*b)) == (a == b)


def test_what_is_not_plain_is_refused_rather_than_keyed_by_its_address():
    @dataclass
    class Thing:
        x: int

    with pytest.raises(TypeError, match="Thing"):
        content_key(Thing(1))


@given(st.lists(st.text(max_size=6), max_size=8))
def test_names_of_files_are_safe_and_differ(texts):
    names = file_names(texts)
    assert set(names) == set(texts)
    # Some file systems take "a" and "A" for one name.
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) for name in names.values())


def test_a_name_that_is_safe_stays():
    assert file_names(["x/y", "x y", "x-y-2", "4mC_E.coli"]) == {
        "x/y": "x-y",
        "x y": "x-y-2",
        "x-y-2": "x-y-2-2",
        "4mC_E.coli": "4mC_E.coli",
    }


def test_text_is_on_the_disk_before_it_has_its_name_and_then_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def synced(fd: int) -> None:
        is_folder = os.path.samestat(os.fstat(fd), tmp_path.stat())
        done.append("folder" if is_folder else "file")

    replace = os.replace
    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("os.replace", lambda a, b: (done.append("named"), replace(a, b)))
    write_text(tmp_path / "a.json", "{}")
    assert done == ["file", "named", "folder"]
