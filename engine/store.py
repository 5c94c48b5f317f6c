"""Content-addressed arrays on a local (or shared) path: written once, checked on read.

An entry is a folder ``ROOT/ab/abcdef.../`` with one ``.npy`` file per array and ``entry.json`` with
their SHA-256. It is written under a temporary name and renamed, so that a reader sees all of it or
nothing, and two writers of one key do no harm.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.files import file_hash, write_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """A folder of entries.

    Attributes
    ----------
    root : Path
    """

    root: Path

    def path(self, key: str) -> Path:
        """Folder of an entry."""
        return self.root / key[:2] / key

    def has(self, key: str) -> bool:
        """Whether an entry was written; `load` says whether it is sound."""
        return (self.path(key) / "entry.json").is_file()

    def save(
        self, key: str, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any]
    ) -> None:
        """Write an entry, or leave the one that stands there.

        Parameters
        ----------
        key : str
            Hash of everything that determines the arrays.
        arrays : mapping
            Name -> array of a plain dtype.
        meta : mapping
            JSON-able description, kept beside the arrays for people.
        """
        target = self.path(key)
        temporary = target.with_name(f".{key}.{os.getpid()}-{secrets.token_hex(4)}")
        temporary.mkdir(parents=True)
        try:
            hashes = {}
            for name, array in arrays.items():
                np.save(temporary / f"{name}.npy", array, allow_pickle=False)
                hashes[name] = file_hash(temporary / f"{name}.npy")
            write_text(
                temporary / "entry.json",
                json.dumps({"key": key, "sha256": hashes, "meta": dict(meta)}, indent=1),
            )
            try:
                temporary.rename(target)
            except OSError:
                # Another writer was first: equal key, equal content.
                if not self.has(key):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def load(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        """Read an entry, memory-mapped.

        Returns
        -------
        dict or None
            Name -> read-only array; none where there is no entry, or where it was damaged: then it
            is set aside under ``.damaged-...`` and logged, and can be written anew.
        """
        folder = self.path(key)
        if not self.has(key):
            return None
        try:
            hashes = json.loads((folder / "entry.json").read_text())["sha256"]
            for name, expected in hashes.items():
                if file_hash(folder / f"{name}.npy") != expected:
                    raise ValueError(f"{name}.npy does not have its checksum")
            return {n: np.load(folder / f"{n}.npy", mmap_mode="r") for n in hashes}
        except (OSError, ValueError, KeyError) as error:
            aside = folder.with_name(f".damaged-{key[:12]}-{secrets.token_hex(4)}")
            with suppress(FileNotFoundError):  # another reader was first
                folder.rename(aside)
            log.warning("store entry %s is damaged (%s); set aside as %s", key, error, aside)
            return None

    def discard(self, key: str) -> None:
        """Remove an entry, if there is one."""
        shutil.rmtree(self.path(key), ignore_errors=True)

    def read_note(self, key: str) -> dict[str, Any] | None:
        """Small JSON value under a key, or none where there is none that can be read."""
        path = self.root / "notes" / f"{key}.json"
        try:
            note: dict[str, Any] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return note

    def write_note(self, key: str, note: Mapping[str, Any]) -> None:
        """Keep a small JSON value under a key."""
        write_text(self.root / "notes" / f"{key}.json", json.dumps(dict(note), indent=1))
