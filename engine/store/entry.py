"""Writing an entry: filled in a scratch folder, described, published whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engine.store.checksum import room_for
from engine.store.place import Place

DESCRIPTION = "entry.json"


class Written(NamedTuple):
    """An array as written, and the SHA-256 of its file."""

    sha256: str
    dtype: str
    shape: tuple[int, ...]


def entry_folder(key: str) -> str:
    """Folder of an entry, relative to the root."""
    return f"{key[:2]}/{key}"


def described(place: Place, key: str) -> bool:
    """Whether an entry was written."""
    return place.exists(f"{entry_folder(key)}/{DESCRIPTION}")


def array_path(folder: Path, name: str) -> Path:
    """Path of an array in a scratch folder; ValueError for what is no plain file name."""
    if not re.fullmatch(r"[^./\\\0][^/\\\0]*", name):
        raise ValueError(f"array name {name!r}: must be a plain file name")
    return folder / f"{name}.npy"


@contextmanager
def filling(place: Place, key: str, needed: int) -> Iterator[Path]:
    """Give a scratch folder for an entry, in the end removed; UserError where the disk is full."""
    with room_for(f"entry {key[:12]}", needed, place.disk):
        folder = place.scratch(entry_folder(key))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish(
    place: Place, key: str, folder: Path, arrays: Mapping[str, Written], meta: Mapping[str, Any]
) -> None:
    """Describe the arrays of a scratch folder, and make them an entry."""
    hashes = {name: written.sha256 for name, written in arrays.items()}
    description = {
        "key": key,
        "sha256": hashes,
        "arrays": {n: {"dtype": w.dtype, "shape": w.shape} for n, w in arrays.items()},
        "meta": dict(meta),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")
    place.publish(folder, entry_folder(key), hashes)
