"""A store in an object store (S3, Google Cloud Storage), by URI, through ``pyarrow.fs``.

Objects cannot be renamed, but each appears whole. So an entry's arrays are written first, under
names that carry their hash (two writers never mix), and ``entry.json``, which makes the entry
visible, last. Reads go through a local cache of files named by their SHA-256: the folder ``store``
of ``$DNASWEEP_CACHE``, else of ``$XDG_CACHE_HOME/dnasweep``, else of ``~/.cache/dnasweep``. It can
be removed at any time.

A URI is what Arrow takes: ``s3://bucket/prefix?region=us-east-1``, with ``endpoint_override=`` for
a server of one's own, ``gs://bucket/prefix``. Credentials come from where the provider's tools
look for them (environment, profile, instance role).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from engine.basics.errors import UserError, first_line
from engine.basics.files import file_hash, hidden_name, replacing
from engine.store.checksum import check, room_for
from engine.store.place import File

BLOCK = 8 * 2**20
DAY = 86_400.0
#: Largest object that S3 copies in one request.
COPY_LIMIT = 5 * 10**9


@dataclass(frozen=True)
class ObjectPlace:
    """See `engine.store.place.Place`."""

    uri: str

    @property
    def shown(self) -> str:
        """The URI without name and password."""
        return re.sub(r"//[^/@]*@", "//", self.uri)

    @property
    def disk(self) -> Path:
        """The local cache."""
        given = os.environ.get("DNASWEEP_CACHE")
        if given:
            return Path(given, "store")
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "dnasweep/store")

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        return self._size(name) is not None

    def read(self, name: str) -> bytes:
        """Read a small object."""
        with self._reached() as (files, base), files.open_input_stream(f"{base}/{name}") as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        """Write an object; it appears when it is whole."""
        self._send(io.BytesIO(content), name)

    def fetch(self, name: str, sha256: str) -> Path:
        """Local copy of an object, checked."""
        path = self._cached(name, sha256)
        if path.exists():
            with suppress(ValueError, FileNotFoundError):
                if time.time() - path.stat().st_mtime > DAY:
                    os.utime(path)  # pruning goes by last use
                check(path, sha256)
                return path
        size = self._size(name)
        if size is None:
            raise FileNotFoundError(f"{name} is not there")
        with room_for(f"a local copy of {name}", size, self.disk), replacing(path) as temporary:
            with self._reached() as (files, base):
                source = files.open_input_stream(f"{base}/{name}")
            with source, temporary.open("wb") as copy:
                while block := self._read(source):
                    copy.write(block)
            if file_hash(temporary) != sha256:
                raise ValueError(f"{name.rsplit('/', 1)[-1]} does not have its checksum")
        check(path, sha256)
        return path

    def array_file(self, name: str, sha256: str) -> str:
        """File name of an array of an entry, with its hash: writers of one key never mix."""
        return f"{name}-{sha256[:16]}.npy"

    def scratch(self, name: str) -> Path:
        """Make a folder in the local cache."""
        folder = self.disk / "scratch" / hidden_name(name.rsplit("/", 1)[-1])
        folder.mkdir(parents=True)
        return folder

    def publish(self, scratch: Path, name: str, hashes: Mapping[str, str]) -> None:
        """Upload arrays, then ``entry.json``; the arrays' files go into the local cache."""
        for array, sha256 in hashes.items():
            file = f"{name}/{self.array_file(array, sha256)}"
            path = scratch / f"{array}.npy"
            # Of equal size it is of equal hash, since the name carries it.
            if self._size(file) != path.stat().st_size:
                with path.open("rb") as content:
                    self._send(content, file)
            cached = self._cached(file, sha256)
            cached.parent.mkdir(parents=True, exist_ok=True)
            path.replace(cached)
        if not self.exists(f"{name}/entry.json"):
            self.write(f"{name}/entry.json", (scratch / "entry.json").read_bytes())

    def move(self, name: str, new: str) -> None:
        """Move the objects of a folder, ``entry.json`` first: the entry vanishes at once.

        Those that are too large for a copy within the store are removed instead.
        """
        found = sorted(self.walk(name), key=lambda file: not file.name.endswith("/entry.json"))
        for file in found:
            if file.size > COPY_LIMIT:
                self._drop(file.name)
                continue
            with self._reached() as (files, base), suppress(FileNotFoundError):
                moved = f"{new}{file.name.removeprefix(name)}"
                files.move(f"{base}/{file.name}", f"{base}/{moved}")

    def remove(self, name: str) -> None:
        """Remove an object, or those of a folder, ``entry.json`` first."""
        if self.exists(name):
            self._drop(name)
            return
        self._drop(f"{name}/entry.json")
        with self._reached() as (files, base), suppress(FileNotFoundError):
            files.delete_dir(f"{base}/{name}")

    def walk(self, name: str = "") -> Iterator[File]:
        """Every object under a folder."""
        from pyarrow import fs

        with self._reached() as (files, base):
            folder = f"{base}/{name}".rstrip("/")
            selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
            found = files.get_file_info(selector)
        for info in found:
            if info.type == fs.FileType.File:
                modified = (info.mtime_ns or 0) / 1e9
                yield File(info.path.removeprefix(f"{base}/"), info.size, modified)

    def private(self) -> Iterator[tuple[Path, File]]:
        """Scratch folders and cached copies on this machine."""
        for path in [*self.disk.glob("scratch/*/*"), *self.disk.glob("objects/*/*")]:
            with suppress(FileNotFoundError):
                stat = path.stat()
                shown = path.relative_to(self.disk).as_posix()
                yield path, File(shown, stat.st_size, stat.st_mtime)

    def _cached(self, name: str, sha256: str) -> Path:
        return self.disk / "objects" / sha256[:2] / f"{sha256}{Path(name).suffix}"

    def _send(self, source: IO[bytes], name: str) -> None:
        with self._reached(missing_bucket_is_error=True) as (files, base):
            stream = files.open_output_stream(f"{base}/{name}")
            try:
                shutil.copyfileobj(source, stream, BLOCK)
            except OSError:
                # Closing makes an object of what there is; it must not stay.
                with suppress(OSError):
                    stream.close()
                self._drop(name)
                raise
            stream.close()

    def _read(self, source: Any) -> bytes:
        with self._reached():
            return bytes(source.read(BLOCK))

    def _drop(self, name: str) -> None:
        with self._reached() as (files, base), suppress(FileNotFoundError):
            files.delete_file(f"{base}/{name}")

    def _size(self, name: str) -> int | None:
        from pyarrow import fs

        with self._reached() as (files, base):
            info = files.get_file_info(f"{base}/{name}")
        return int(info.size) if info.type == fs.FileType.File else None

    @contextmanager
    def _reached(self, missing_bucket_is_error: bool = False) -> Iterator[tuple[Any, str]]:
        """File system and base path; what goes wrong between here and there is told in one line."""
        from pyarrow import ArrowException

        try:
            yield _connect(self.uri)
        except (OSError, ArrowException) as error:
            if isinstance(error, FileNotFoundError) and not missing_bucket_is_error:
                raise
            raise UserError(
                f"{self.shown}: {first_line(error).replace(self.uri, self.shown)}; "
                "check the URI, the credentials and that the bucket exists"
            ) from error


@lru_cache(maxsize=8)
def _connect(uri: str) -> tuple[Any, str]:
    from pyarrow import fs

    files, base = fs.FileSystem.from_uri(uri)
    if not base.strip("/"):
        raise OSError("names no bucket")
    return files, base.rstrip("/")
