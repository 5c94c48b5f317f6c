"""Content-addressed arrays: an entry is whole or absent, and checked on read.

An entry is a folder ``ROOT/ab/abcdef.../`` with one ``.npy`` file per array and ``entry.json`` with
their SHA-256. In a local folder it is written under a temporary name and renamed; in an object
store ``entry.json`` is written last. Either way a reader sees all of it or nothing, and two writers
of one key do no harm. Files are not forced to the disk: after a power cut the checksums find what
is torn, and it is made again.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.store.checksum import room_for, write_array
from engine.store.draft import Draft
from engine.store.entry import (
    DESCRIPTION,
    Written,
    array_path,
    described,
    entry_folder,
    filling,
    publish,
)
from engine.store.local import LocalPlace
from engine.store.objects import ObjectPlace
from engine.store.place import Place

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """Entries, drafts and notes under a folder, or a URI (see `engine.store.objects`)."""

    root: Path | str

    def __post_init__(self) -> None:
        if isinstance(self.root, str) and "://" not in self.root:
            object.__setattr__(self, "root", Path(self.root))

    @property
    def place(self) -> Place:
        """Where the files are."""
        return LocalPlace(self.root) if isinstance(self.root, Path) else ObjectPlace(self.root)

    def path(self, key: str) -> Path:
        """Folder of an entry of a local store."""
        if not isinstance(self.root, Path):
            raise ValueError(f"{self.place.shown} is not a local folder")
        return self.root / entry_folder(key)

    def has(self, key: str) -> bool:
        """Whether an entry was written; `load` says whether it is sound."""
        return described(self.place, key)

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

        Raises
        ------
        UserError
            Where the disk is full; nothing is left of the entry.
        ValueError
            For an array of objects, or a name that is no plain file name.
        """
        needed = sum(array.nbytes for array in arrays.values())
        with filling(self.place, key, needed) as folder:
            written = {
                name: Written(
                    write_array(array_path(folder, name), array), str(array.dtype), array.shape
                )
                for name, array in arrays.items()
            }
            publish(self.place, key, folder, written, meta)

    def load(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        """Read an entry, memory-mapped.

        Returns
        -------
        dict or None
            Name -> read-only array; none where there is no entry, or where it was damaged: then it
            is set aside under ``.damaged-...`` and logged, and can be written anew.

        Raises
        ------
        UserError
            Where the store may not be read, or an object store is not reached.
        """
        place, folder = self.place, entry_folder(key)
        try:
            description = place.read(f"{folder}/{DESCRIPTION}")
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise UserError(f"{place.shown}: entry {key} may not be read ({error})") from error
        try:
            entry = json.loads(description)
            if entry["key"] != key:
                raise ValueError(f"{DESCRIPTION} is of another key")
            return {
                name: np.load(
                    place.fetch(f"{folder}/{place.array_file(name, sha256)}", sha256),
                    mmap_mode="r",
                    allow_pickle=False,
                )
                for name, sha256 in entry["sha256"].items()
            }
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
            aside = f"{key[:2]}/.damaged-{key[:12]}-{secrets.token_hex(4)}"
            place.move(folder, aside)
            log.warning(
                "store entry %s is damaged (%s); set aside as %s/%s", key, error, place.shown, aside
            )
            return None
        except OSError as error:
            # A passing want of memory or files is no damage.
            raise UserError(f"{place.shown}: entry {key} cannot be read ({error})") from error

    def discard(self, key: str) -> None:
        """Remove an entry, if there is one."""
        self.place.remove(entry_folder(key))

    def draft(self, key: str) -> Draft:
        """Open the draft of an entry, or go on with it."""
        return Draft(self.place, key)

    def read_note(self, key: str) -> dict[str, Any] | None:
        """Small JSON value under a key, or none where there is none that can be read."""
        try:
            note: dict[str, Any] = json.loads(self.place.read(f"notes/{key}.json"))
        except (FileNotFoundError, ValueError):
            return None
        return note

    def write_note(self, key: str, note: Mapping[str, Any]) -> None:
        """Keep a small JSON value under a key."""
        content = json.dumps(dict(note), indent=1).encode()
        with room_for(f"note {key[:12]}", len(content), self.place.disk):
            self.place.write(f"notes/{key}.json", content)
