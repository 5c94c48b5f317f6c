"""A store in a local (or shared) folder: files are renamed into place and mapped where they lie."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.basics.files import hidden_name, replacing
from engine.store.checksum import check
from engine.store.place import File

ATTEMPTS = 10


@dataclass(frozen=True)
class LocalPlace:
    """See `engine.store.place.Place`."""

    root: Path

    @property
    def shown(self) -> str:
        """The root for people."""
        return str(self.root)

    @property
    def disk(self) -> Path:
        """The root."""
        return self.root

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self.root / name).is_file()

    def read(self, name: str) -> bytes:
        """Read a small file."""
        return (self.root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a file; no reader sees half of it."""
        for attempt in range(ATTEMPTS):
            try:
                with replacing(self.root / name) as temporary:
                    temporary.write_bytes(content)
                return
            except (FileNotFoundError, FileExistsError):
                # Another process removed the folder just then.
                if attempt == ATTEMPTS - 1:
                    raise

    def fetch(self, name: str, sha256: str) -> Path:
        """Path of a file, checked."""
        path = self.root / name
        check(path, sha256)
        return path

    def array_file(self, name: str, sha256: str) -> str:
        """File name of an array of an entry."""
        return f"{name}.npy"

    def scratch(self, name: str) -> Path:
        """Make a hidden folder beside the one that it is to become."""
        target = self.root / name
        folder = target.with_name(hidden_name(target.name))
        folder.mkdir(parents=True)
        return folder

    def publish(self, scratch: Path, name: str, hashes: Mapping[str, str]) -> None:
        """Rename a filled folder, or leave the one that stands there."""
        target = self.root / name
        try:
            scratch.rename(target)
        except OSError:
            if (target / "entry.json").is_file():
                return  # another writer was first: equal key, equal content
            if not target.exists():
                raise
            # A folder that lost its entry.json is no entry, but stands in the way.
            self.move(name, str(Path(name).with_name(hidden_name("damaged"))))
            scratch.rename(target)

    def move(self, name: str, new: str) -> None:
        """Rename a folder, if it is there."""
        with suppress(FileNotFoundError):
            (self.root / name).rename(self.root / new)

    def remove(self, name: str) -> None:
        """Remove a file, and its folder when that is empty, or a folder, at once for readers."""
        path = self.root / name
        if not path.is_dir():
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty, or gone
                path.parent.rmdir()
            return
        going = path if path.name.startswith(".") else path.with_name(hidden_name("removed"))
        with suppress(FileNotFoundError):
            if going != path:
                path.rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def walk(self, name: str = "") -> Iterator[File]:
        """Every file under a folder, temporary ones too."""
        for folder, folders, files in os.walk(self.root / name):
            # A hidden folder that is empty is what a writer left that was killed at its start.
            hidden = not folders and not files and Path(folder).name.startswith(".")
            for path in [Path(folder)] if hidden else [Path(folder, file) for file in files]:
                with suppress(FileNotFoundError):
                    stat = path.stat()
                    shown = path.relative_to(self.root).as_posix()
                    yield File(shown, stat.st_size, stat.st_mtime)

    def private(self) -> Iterator[tuple[Path, File]]:
        """Nothing: all lies under the root."""
        return iter(())
