"""Durable files: written to a temporary name, then renamed, so that no reader sees half a file."""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from engine.basics.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, whose folder is made; on success it takes its name.

    The suffix is kept, since writers choose formats by it.

    Raises
    ------
    UserError
        If the path is a folder, or one above it is a file.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    check_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(hidden_name(path.stem) + path.suffix)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(path: Path) -> None:
    """UserError where a folder cannot be, since it or one above it is a file."""
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"{path}: is a file, or lies in one; name a folder")


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` to fill; on success it takes the name of `path`.

    Between the removal of an old folder and the renaming there is a moment without either; no
    reader sees half of one.
    """
    temporary = path.with_name(hidden_name(path.name))
    temporary.mkdir(parents=True)
    old = temporary.with_name(temporary.name + ".old")
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        for folder in (temporary, old):
            shutil.rmtree(folder, ignore_errors=True)


def hidden_name(stem: str) -> str:
    """A hidden name that nobody else has."""
    return f".{stem}.{os.getpid()}-{secrets.token_hex(4)}"


def write_text(path: Path, text: str) -> None:
    """Write a text file durably: once it has its name, a loss of power does not take it back."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made; the others wait. It ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def file_names(texts: Iterable[str]) -> dict[str, str]:
    """A file name for each text: as like it as safe letters allow, no two the same."""
    names: dict[str, str] = {}
    taken: set[str] = set()  # some file systems take "a" and "A" for one name
    for text in dict.fromkeys(texts):
        stem = name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "unnamed"
        numbers = count(2)
        while name.casefold() in taken:
            name = f"{stem}-{next(numbers)}"
        taken.add(name.casefold())
        names[text] = name
    return names


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces; dataclasses are not accepted."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_key(*parts: Any) -> str:
    """SHA-256 (hex, 64 letters) of JSON-able parts: equal parts, equal key."""
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
