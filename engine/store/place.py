"""Where a store keeps its files: what a local folder and an object store have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class File:
    """A file of a store: its name, bytes, and when it was written, in seconds since 1970."""

    name: str
    size: int
    modified: float


class Place(Protocol):
    """Files by name; names are relative to the root, parts separated by ``/``."""

    @property
    def shown(self) -> str:
        """The root for people, without secrets."""

    @property
    def disk(self) -> Path:
        """A local folder that large arrays pass through."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def read(self, name: str) -> bytes:
        """Read a small file; FileNotFoundError where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file; no reader sees half of it."""

    def fetch(self, name: str, sha256: str) -> Path:
        """Local path of a file's content, to be mapped.

        FileNotFoundError where there is none, ValueError where it does not have its checksum.
        """

    def array_file(self, name: str, sha256: str) -> str:
        """File name of an array of an entry."""

    def scratch(self, name: str) -> Path:
        """Make a local folder to fill; `publish` makes it the folder `name`."""

    def publish(self, scratch: Path, name: str, hashes: Mapping[str, str]) -> None:
        """Make a filled folder visible, all or nothing; the first of two stays.

        It holds ``ARRAY.npy`` for each array of `hashes` (name -> SHA-256), and ``entry.json``.
        """

    def move(self, name: str, new: str) -> None:
        """Rename a folder, if it is there."""

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there."""

    def walk(self, name: str = "") -> Iterator[File]:
        """Every file under a folder, temporary ones too."""

    def private(self) -> Iterator[tuple[Path, File]]:
        """Temporary and cached files that this place keeps outside its root."""
