"""Arrays written and read with their SHA-256, and a full disk told as what it is."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.basics.files import file_hash
from engine.basics.invocation import program

FULL = (errno.ENOSPC, errno.EDQUOT)

#: (expected hash, device, inode, size, modification time) of files that this process has checked.
_checked: set[tuple[str, int, int, int, int]] = set()


class HashingWriter:
    """An unbuffered file that hashes what is written to it, so that it need not be read again."""

    def __init__(self, file: RawIOBase) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Write all of it (the file itself may write a part, where the disk is nearly full)."""
        self._hash.update(content)
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(content)

    def hexdigest(self) -> str:
        """SHA-256 of all that was written."""
        return self._hash.hexdigest()


def write_array(path: Path, array: npt.NDArray[Any]) -> str:
    """Write a ``.npy`` file and return its SHA-256; ValueError for an array of objects.

    Unlike `numpy.save` it keeps the system's error number, by which a full disk is known.
    """
    with path.open("wb", buffering=0) as file:
        hashing = HashingWriter(file)
        np.lib.format.write_array(hashing, array, allow_pickle=False)
    return hashing.hexdigest()


def empty_array(path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
    """Make a ``.npy`` file to be filled by memory map, its space on the disk reserved.

    A map into a file with holes kills the process (SIGBUS) when the disk is full; reserved space
    fails here, with an error.
    """
    np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
    with path.open("rb+") as file:
        size = os.fstat(file.fileno()).st_size
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)


def check(path: Path, expected: str) -> None:
    """Raise ValueError where a file does not have its checksum.

    A file is hashed once per process (hashing costs 0.7 s a gigabyte, and each probe trial reads
    its arrays), and again when its inode, size or modification time changes. So a change by
    writing is found at the next read; decay of the medium is found by the next process.
    """
    stat = path.stat()
    state = (expected, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if state in _checked:
        return
    if file_hash(path) != expected:
        raise ValueError(f"{path.name} does not have its checksum")
    _checked.add(state)


@contextmanager
def room_for(what: str, needed: int, folder: Path) -> Iterator[None]:
    """Tell in one line, as a UserError, that the body found no space on the disk of a folder.

    Parameters
    ----------
    what : str
        What is written.
    needed : int
        Its bytes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        raise UserError(
            f"{folder}: no space left: {what} needs {megabytes(needed)}, {megabytes(free)} is "
            f"free; make room (`{program()} store prune`) or put the store elsewhere "
            "(key `store` of the study)"
        ) from error


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:,.1f} MB"
