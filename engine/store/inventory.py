"""What lies in a store: entries, drafts, notes, and what killed or damaged ones left behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.store.draft import FOLDER as DRAFTS
from engine.store.entry import DESCRIPTION
from engine.store.place import Place

Kind = Literal["entry", "draft", "note", "damaged", "temporary", "cached"]

_KEY = r"(?:\w+-)?[0-9a-f]{64}"
_OWN = r"\d+-[0-9a-f]{8}"
#: What a file belongs to. Strict, since pruning removes by these: whatever else lies there stays.
PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("entry", rf"(\w\w/{_KEY})/[^/.][^/]*"),
    ("draft", rf"({DRAFTS}/{_KEY})/[^/.][^/]*"),
    ("note", rf"(notes/{_KEY}\.json)"),
    ("damaged", r"(\w\w/\.damaged[.-][^/]+)(?:/[^/]*)?"),
    ("temporary", rf"((?:\w\w|{DRAFTS})/\.(?:{_KEY}|removed)\.{_OWN})(?:/[^/]*)?"),
    ("temporary", rf"((?:notes|{DRAFTS}/{_KEY})/\.[^/]+\.{_OWN}\.(?:json|npz))"),
)


@dataclass(frozen=True)
class Item:
    """A thing in a store, or in its local cache.

    Attributes
    ----------
    name : str
        Its file or folder, relative to the root; a path in the cache.
    size : int
        Bytes.
    modified : float
        When its newest file was written, seconds since 1970.
    """

    kind: Kind
    name: str
    size: int
    modified: float

    @property
    def key(self) -> str:
        """Of an entry, a draft or a note."""
        return self.name.rsplit("/", 1)[-1].removesuffix(".json")


def inventory(place: Place) -> list[Item]:
    """Everything in a store, by name; files that are none of ours are left out."""
    kinds: dict[str, Kind] = {}
    sizes: dict[str, int] = {}
    newest: dict[str, float] = {}
    described: set[str] = set()
    for file in place.walk():
        found = _classify(file.name)
        if found is None:
            continue
        kind, name = found
        kinds[name] = kind
        sizes[name] = sizes.get(name, 0) + file.size
        newest[name] = max(newest.get(name, 0.0), file.modified)
        if file.name == f"{name}/{DESCRIPTION}":
            described.add(name)
    for name, kind in kinds.items():
        if kind == "entry" and name not in described:
            kinds[name] = "temporary"  # what a killed upload left
    return [Item(kinds[name], name, sizes[name], newest[name]) for name in sorted(kinds)]


def _classify(file: str) -> tuple[Kind, str] | None:
    for kind, pattern in PATTERNS:
        match = re.fullmatch(pattern, file)
        if match:
            return kind, match[1]
    return None
