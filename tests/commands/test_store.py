"""`store ls` tells what there is; `store prune` removes what was asked for and nothing else."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from engine.basics.errors import UserError
from engine.basics.files import content_key
from engine.commands import main
from engine.commands.store import (
    entries_table,
    keys_of_study,
    open_store,
    prune,
    seconds_of,
    totals,
)
from engine.store import Store

DAY = 86_400
OLD, NEW, DRAFT = (content_key(name) for name in ("old", "new", "draft"))
MEAN = np.zeros((40, 8), np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An old entry, a new one, and a draft."""
    store = Store(tmp_path / "runs" / "store")
    meta = {"encoder": {"name": "tiny-bert"}, "task": "splice", "split": "train"}
    store.save(OLD, {"mean": MEAN, "max": MEAN}, meta)
    store.save(NEW, {"mean": MEAN[:10]}, {"encoder": "kmer", "task": "splice", "split": "test"})
    store.draft(DRAFT).add(0, np.arange(10), {"mean": MEAN[:10]})
    age(store.path(OLD), 40)
    return store


def age(path: Path, days: float) -> None:
    """Make a file, or all of a folder, that old."""
    then = time.time() - days * DAY
    for inner in [*path.rglob("*"), path]:
        os.utime(inner, (then, then))


def files(store: Store) -> set[str]:
    root = Path(store.root)
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def run_of(tmp_path: Path, name: str, *keys: str) -> Path:
    """Output folder of a run that used these embeddings."""
    out = tmp_path / "runs" / name
    out.mkdir(parents=True)
    manifest = {
        "store": str(tmp_path / "runs" / "store"),
        "embeddings": {"tiny-bert/splice": {f"split{i}": key for i, key in enumerate(keys)}},
    }
    (out / "manifest.json").write_text(json.dumps(manifest))
    return out


def command(monkeypatch: pytest.MonkeyPatch, capsys, *arguments: str) -> str:
    monkeypatch.setattr(main, "out_console", Console(width=300))
    monkeypatch.setattr(sys, "argv", ["run_search.py", "store", *arguments])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert not end.value.code
    return capsys.readouterr().out


def test_entries_are_listed_largest_first_with_what_they_hold(store: Store):
    old, draft, new = entries_table(store).rows
    assert (old["encoder"], old["task"], old["split"]) == ("tiny-bert", "splice", "train")
    assert (old["arrays"], old["rows"], old["age_days"]) == ("mean, max", 40, 40.0)
    assert old["key"] == OLD
    assert (new["encoder"], new["rows"], new["age_days"]) == ("kmer", 10, 0.0)
    assert draft["split"] == "(draft)"
    size = sum(p.stat().st_size for p in store.path(OLD).iterdir())
    assert old["megabytes"] == round(size / 1e6, 2)
    assert totals(store).startswith("2 entries, 0.0 MB; 1 draft")


def test_without_being_asked_no_sound_entry_is_pruned(store: Store):
    before = files(store)
    assert prune(store) == []
    assert files(store) == before


def test_pruning_by_age_removes_what_is_older_only(store: Store):
    assert [r.name for r in prune(store, 30 * DAY)] == [f"{OLD[:2]}/{OLD}"]
    assert not store.has(OLD)
    assert store.load(NEW) is not None
    assert store.draft(DRAFT).done() == {0}


def test_an_old_draft_goes_by_age(store: Store):
    age(Path(store.root) / "drafts", 40)
    assert {r.kind for r in prune(store, 30 * DAY)} == {"entry", "draft"}
    assert store.draft(DRAFT).done() == frozenset()


def test_a_dry_run_tells_the_same_and_removes_nothing(store: Store):
    before = files(store)
    told = prune(store, 30 * DAY, dry_run=True)
    assert files(store) == before
    assert prune(store, 30 * DAY) == told


def test_notes_that_point_to_nothing_go_and_others_stay(store: Store):
    store.write_note(content_key("a"), {"embeddings": {"train": OLD, "test": NEW}})
    store.write_note(content_key("b"), {"embeddings": {"test": NEW}})
    store.write_note(content_key("c"), {"embeddings": {}})
    store.write_note(content_key("d"), {"validation": 0.5})
    assert prune(store) == []
    assert [r.kind for r in prune(store, 30 * DAY)] == ["entry", "note"]
    assert store.read_note(content_key("a")) is None
    assert all(store.read_note(content_key(name)) for name in "bcd")


def test_what_was_set_aside_as_damaged_goes(store: Store):
    (store.path(NEW) / "mean.npy").write_bytes(b"x")
    assert store.load(NEW) is None
    assert "1 set aside as damaged" in totals(store)
    assert [r.kind for r in prune(store)] == ["damaged"]
    assert not list(Path(store.root).rglob(".*"))


def test_temporaries_go_when_they_are_older_than_a_day(store: Store):
    root = Path(store.root)
    half = store.path(NEW).with_name(f".{NEW}.999-0123abcd")
    empty = store.path(NEW).with_name(f".{OLD}.999-0123abcd")
    going = store.path(NEW).with_name(".removed.999-0123abcd")
    note = root / "notes" / f".{NEW}.999-0123abcd.json"
    part = root / "drafts" / DRAFT / f".000001-{'0' * 64}.999-0123abcd.npz"
    for folder in (half, empty, going, note.parent):
        folder.mkdir(parents=True)
    for file in (half / "mean.npy", going / "mean.npy", note, part):
        file.write_bytes(b"half")
    assert prune(store) == []
    for path in (half, empty, going, note, part):
        age(path, 2)
    assert [r.kind for r in prune(store)] == ["temporary"] * 5
    assert not list(root.rglob(".*"))
    assert store.draft(DRAFT).done() == {0}


def test_files_that_are_not_the_stores_stay(store: Store):
    root = Path(store.root)
    for name in ("ab/mine/thesis.txt", "notes/shopping.json", ".git/config", "x/.hidden/y", "z"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("mine")
    age(root, 400)
    prune(store, 0.0)
    assert files(store) == {
        "ab/mine/thesis.txt",
        "notes/shopping.json",
        ".git/config",
        "x/.hidden/y",
        "z",
    }


def test_pruning_a_study_keeps_what_a_run_beside_it_used(store: Store, tmp_path: Path):
    mine = run_of(tmp_path, "mine", OLD, NEW)
    run_of(tmp_path, "other", NEW)
    assert keys_of_study(mine) == {OLD}
    assert [r.name for r in prune(store, study=mine)] == [f"{OLD[:2]}/{OLD}"]
    assert store.has(NEW)


def test_age_and_study_must_both_hold(store: Store, tmp_path: Path):
    mine = run_of(tmp_path, "mine", OLD, NEW)
    prune(store, 30 * DAY, mine)
    assert (store.has(OLD), store.has(NEW)) == (False, True)


@pytest.mark.parametrize("manifest", [None, "{half", "[]", '{"store": "x"}'])
def test_a_run_that_does_not_tell_what_it_used_is_refused(tmp_path: Path, store, manifest):
    (tmp_path / "run").mkdir()
    if manifest is not None:
        (tmp_path / "run" / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match="--older-than"):
        prune(store, study=tmp_path / "run")
    assert store.has(OLD)


def test_ages_are_read():
    assert (seconds_of("12h"), seconds_of("30d"), seconds_of("2w")) == (
        12 * 3600,
        30 * DAY,
        14 * DAY,
    )
    for wrong in ("", "30", "d", "-1d", "1y"):
        with pytest.raises(UserError, match="--older-than"):
            seconds_of(wrong)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="no store here"):
        open_store(str(tmp_path / "none"))


def test_the_command_lists_for_people_and_for_programs(store, monkeypatch, capsys):
    root = str(store.root)
    text = command(monkeypatch, capsys, "ls", "--root", root)
    assert "tiny-bert" in text
    assert "2 entries" in text
    rows = json.loads(command(monkeypatch, capsys, "ls", "--root", root, "--json"))
    assert {row["key"] for row in rows} == {OLD, NEW, DRAFT}


def test_the_command_prunes_the_store_of_the_study(store, tmp_path, monkeypatch, capsys):
    out = str(run_of(tmp_path, "mine", OLD))
    assert "would remove 1" in command(monkeypatch, capsys, "prune", "--study", out, "--dry-run")
    assert store.has(OLD)
    assert "removed 1" in command(monkeypatch, capsys, "prune", "--study", out)
    assert not store.has(OLD)


def test_the_command_prunes_by_age(store, monkeypatch, capsys):
    root = str(store.root)
    assert OLD in command(monkeypatch, capsys, "prune", "--root", root, "--older-than", "30d")
    assert (store.has(OLD), store.has(NEW)) == (False, True)
