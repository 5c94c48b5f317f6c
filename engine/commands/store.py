"""The command `store`: what lies in a store, and how to make room."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError
from engine.basics.wording import plural
from engine.commands.listing import Listing
from engine.store import Store
from engine.store.checksum import megabytes
from engine.store.inventory import Item, Kind, inventory

DAY = 86_400.0
#: Nobody writes one entry for longer: an older temporary file is a killed writer's.
STALE = DAY
UNITS = {"h": DAY / 24, "d": DAY, "w": 7 * DAY}


def open_store(root: str) -> Store:
    """Open a store that exists; UserError where there is no such folder."""
    store = Store(root)
    if isinstance(store.root, Path) and not store.root.is_dir():
        raise UserError(f"{root}: no store here; name its folder or URI with --root")
    return store


def entries_table(store: Store) -> Listing:
    """Entries and drafts, the largest first."""
    now = time.time()
    items = [item for item in inventory(store.place) if item.kind in ("entry", "draft")]
    items.sort(key=lambda item: (-item.size, item.name))
    return Listing([_row(store, item, now) for item in items])


def totals(store: Store) -> str:
    """One line: how much there is, and how much of it `prune` removes."""
    items = inventory(store.place)
    counts = {kind: [i for i in items if i.kind == kind] for kind in ("entry", "draft", "damaged")}
    entries = f"{len(counts['entry']):,} {'entry' if len(counts['entry']) == 1 else 'entries'}"
    line = f"{entries}, {_size(counts['entry'])}"
    if counts["draft"]:
        line += f"; {plural(len(counts['draft']), 'draft')}, {_size(counts['draft'])}"
    if counts["damaged"]:
        line += f"; {len(counts['damaged'])} set aside as damaged, {_size(counts['damaged'])}"
    return line


def prune(
    store: Store,
    older_than: float | None = None,
    study: Path | None = None,
    dry_run: bool = False,
) -> list[Item]:
    """Remove what was set aside or left behind and, where asked, entries and drafts; say which.

    Without `older_than` and `study` no sound entry goes. With both, entries that meet both go.

    Parameters
    ----------
    older_than : float, optional
        Seconds since an entry was written.
    study : Path, optional
        Output folder of a run: entries that it used go, those that a run beside it (another
        folder of the same parent) used stay.

    Raises
    ------
    UserError
        Where `study` does not tell what it used.
    """
    now = time.time()
    items = inventory(store.place)
    keys = None if study is None else keys_of_study(study)
    asked = older_than is not None or keys is not None

    def goes(item: Item) -> bool:
        age = now - item.modified
        if item.kind in ("entry", "draft"):
            old = older_than is None or age > older_than
            return asked and old and (keys is None or item.key in keys)
        return item.kind == "damaged" or (item.kind == "temporary" and age > STALE)

    going = [item for item in items if goes(item)]
    left = {item.key for item in set(items).difference(going) if item.kind == "entry"}
    # Notes last: whether one points to nothing depends on what goes.
    going += [item for item in items if item.kind == "note" and _dangles(store, item, left)]
    for item in going if not dry_run else ():
        store.place.remove(item.name)
    return going + _prune_cache(store, now, older_than if study is None else None, dry_run)


def keys_of_study(study: Path) -> set[str]:
    """Keys of entries that a run used and no run beside it; UserError where it does not say."""
    own = _embedding_keys(study)
    if own is None:
        raise UserError(
            f"{study}: manifest.json does not tell which embeddings the run used (it did not "
            "finish, or is of an earlier version); prune by age, with --older-than"
        )
    beside = [p.parent for p in study.resolve().parent.glob("*/manifest.json")]
    others = (_embedding_keys(p) for p in beside if p != study.resolve())
    return own.difference(*(keys for keys in others if keys))


def store_of_study(study: Path) -> str:
    """Root of the store that a run used; UserError where its manifest does not say."""
    root = _manifest(study).get("store")
    if not isinstance(root, str):
        raise UserError(f"{study}: manifest.json does not name a store; give --root")
    return root


def seconds_of(age: str) -> float:
    """Seconds of an age: ``12h``, ``30d``, ``2w``; UserError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw])", age.strip())
    if not match:
        raise UserError(f"--older-than {age}: must be a number and h, d or w, as in 12h, 30d, 2w")
    return float(match[1]) * UNITS[match[2]]


def _row(store: Store, item: Item, now: float) -> dict[str, Any]:
    entry = _description(store, item) if item.kind == "entry" else {}
    meta, arrays = entry.get("meta", {}), entry.get("arrays", {})
    encoder = meta.get("encoder", "")
    shapes = [array["shape"] for array in arrays.values() if array["shape"]]
    return {
        "encoder": encoder.get("name", "") if isinstance(encoder, dict) else str(encoder),
        "task": str(meta.get("task") or meta.get("cell") or ""),
        "split": str(meta.get("split", "")) if item.kind == "entry" else "(draft)",
        "arrays": ", ".join(entry.get("sha256", {})),
        "rows": max((shape[0] for shape in shapes), default=""),
        "megabytes": round(item.size / 1e6, 2),
        "age_days": round((now - item.modified) / DAY, 1),
        "key": item.key,
    }


def _description(store: Store, item: Item) -> dict[str, Any]:
    try:
        entry = json.loads(store.place.read(f"{item.name}/entry.json"))
    except (FileNotFoundError, ValueError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _dangles(store: Store, note: Item, keys: set[str]) -> bool:
    """Whether a note names embeddings that are not there."""
    content = store.read_note(note.key)
    named = (content or {}).get("embeddings", {})
    return not keys.issuperset(str(key) for key in named.values())


def _prune_cache(store: Store, now: float, older_than: float | None, dry_run: bool) -> list[Item]:
    """Remove old files of an object store's local cache."""
    removed = []
    for path, file in store.place.private():
        temporary = not file.name.startswith("objects/") or path.name.startswith(".")
        limit = STALE if temporary else older_than
        if limit is not None and now - file.modified > limit:
            kind: Kind = "temporary" if temporary else "cached"
            removed.append(Item(kind, str(path), file.size, file.modified))
            if not dry_run:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # not empty, or gone
                    path.parent.rmdir()
    return removed


def _embedding_keys(study: Path) -> set[str] | None:
    found = _manifest(study).get("embeddings")
    if not isinstance(found, dict):
        return None
    return {key for splits in found.values() for key in splits.values()}


def _manifest(study: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((study / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _size(items: Iterable[Item]) -> str:
    return megabytes(sum(item.size for item in items))
