"""An entry under way: parts that survive a kill, gathered into the entry when all are there."""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.basics.files import file_hash
from engine.store.checksum import empty_array, megabytes, room_for
from engine.store.entry import Written, array_path, described, filling, publish
from engine.store.place import Place

log = logging.getLogger(__name__)

FOLDER = "drafts"
PART = re.compile(r"(\d+)-([0-9a-f]{64})\.npz")
ROWS = "rows"
PREFIX = "array-"


class Part(NamedTuple):
    """A part that lies there; the name of its file carries its SHA-256."""

    number: int
    name: str
    sha256: str


@dataclass(frozen=True)
class Draft:
    """Parts of an entry, each one file ``drafts/KEY/NUMBER-SHA256.npz`` under the store's root.

    Processes that work on one draft do no harm: a part that two of them write counts once, and the
    first to finish writes the entry.
    """

    place: Place
    key: str

    @property
    def folder(self) -> str:
        """Where the parts lie, relative to the root."""
        return f"{FOLDER}/{self.key}"

    def done(self) -> frozenset[int]:
        """Numbers of the parts that are there and sound; a damaged one is logged."""
        return frozenset(part.number for part, _ in self._sound())

    def add(
        self, part: int, rows: npt.NDArray[np.int64], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        """Keep a part.

        Parameters
        ----------
        part : int
            Its number, 0 or more.
        rows : ndarray, shape (B,), int64
            Rows of the entry that it holds.
        arrays : mapping
            Name -> ndarray, shape (B, ...): equal names, dtypes and trailing shapes in all parts.

        Raises
        ------
        UserError
            Where the disk is full.
        ValueError
            Where an array is not of B rows.
        """
        if any(len(array) != len(rows) for array in arrays.values()):
            raise ValueError(f"part {part}: every array must have {len(rows)} rows")
        buffer = io.BytesIO()
        named: dict[str, Any] = {PREFIX + name: array for name, array in arrays.items()}
        np.savez(buffer, allow_pickle=False, **{ROWS: np.asarray(rows, np.int64), **named})
        content = buffer.getvalue()
        name = f"{part:06d}-{hashlib.sha256(content).hexdigest()}.npz"
        what = f"part {part} of draft {self.key[:12]}"
        with room_for(what, len(content), self.place.disk):
            self.place.write(f"{self.folder}/{name}", content)

    def finish(self, count: int, meta: Mapping[str, Any]) -> None:
        """Gather the parts into the entry and remove the draft.

        Memory holds one part at a time. Where the entry is there already, it stays.

        Parameters
        ----------
        count : int
            Rows of the entry.
        meta : mapping
            JSON-able description.

        Raises
        ------
        UserError
            Where the disk is full; the draft stays.
        ValueError
            Where a row of 0..count-1 is missing or double, or parts are not alike; the draft stays,
            and `done` tells which parts are sound.
        """
        if not described(self.place, self.key):
            try:
                self._gather(count, meta)
            except ValueError:
                # Another process finished, and removed the parts, just now.
                if not described(self.place, self.key):
                    raise
        self.discard()

    def discard(self) -> None:
        """Remove the parts, if there are any."""
        # One by one: what another process is writing at this moment stays its own.
        for part in self._parts():
            self.place.remove(f"{self.folder}/{part.name}")

    def _gather(self, count: int, meta: Mapping[str, Any]) -> None:
        seen = np.zeros(count, dtype=bool)
        like: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        size = sum(file.size for file in self.place.walk(self.folder))
        with filling(self.place, self.key, size) as folder:
            for part, content in self._sound():
                rows, arrays = _read(content)
                _mark(seen, rows, part.number)
                these = {n: (a.dtype, (count, *a.shape[1:])) for n, a in arrays.items()}
                if not like:
                    like = these
                    for name, (dtype, shape) in like.items():
                        empty_array(array_path(folder, name), dtype, shape)
                if these != like:
                    raise ValueError(f"part {part.number} is not like the first: {part.name}")
                for name, array in arrays.items():
                    # Mapped anew for each part: pages of a map count as this process's memory.
                    target = np.load(array_path(folder, name), mmap_mode="r+")
                    target[rows] = array
                    del target
            if not seen.all():
                missing = np.flatnonzero(~seen)
                raise ValueError(
                    f"draft {self.key[:12]}: {len(missing)} of {count} rows are missing, "
                    f"the first is {missing[0]}"
                )
            if not like:
                raise ValueError(f"draft {self.key[:12]} has no parts")
            written = {
                name: Written(file_hash(array_path(folder, name)), str(dtype), shape)
                for name, (dtype, shape) in like.items()
            }
            publish(self.place, self.key, folder, written, meta)
        log.info("entry %s gathered from its parts, %s", self.key, megabytes(size))

    def _sound(self) -> Iterator[tuple[Part, bytes]]:
        """One sound part of each number, in their order, with its content."""
        last = -1
        for part in self._parts():
            if part.number == last:
                continue
            try:
                content = self.place.read(f"{self.folder}/{part.name}")
            except FileNotFoundError:
                continue
            if hashlib.sha256(content).hexdigest() != part.sha256:
                log.warning("part %d of draft %s is damaged: not counted", part.number, self.key)
                continue
            last = part.number
            yield part, content

    def _parts(self) -> list[Part]:
        names = (file.name.rsplit("/", 1)[-1] for file in self.place.walk(self.folder))
        found = (PART.fullmatch(name) for name in names)
        return sorted(Part(int(part[1]), part[0], part[2]) for part in found if part)


def _read(content: bytes) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[Any]]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as part:
        names = [name for name in part.files if name.startswith(PREFIX)]
        return part[ROWS], {name.removeprefix(PREFIX): part[name] for name in names}


def _mark(seen: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64], number: int) -> None:
    if len(rows) and (rows.min() < 0 or rows.max() >= len(seen)):
        raise ValueError(f"part {number} has rows outside 0..{len(seen) - 1}")
    if seen[rows].any() or len(np.unique(rows)) != len(rows):
        raise ValueError(f"part {number} has rows that are double")
    seen[rows] = True
