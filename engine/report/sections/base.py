"""What a file of this folder declares, and how the page finds what stands on it."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.basics.plugins import with_plugins
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.forms.blocks import Section

PACKAGE = "engine.report.sections"


@dataclass(frozen=True)
class Subject:
    """What the report has sections on.

    Attributes
    ----------
    place : float
        On the page subjects stand in this order; those of the engine are ten apart.
    sections : callable
        ``sections(found, album)`` yields what the run has data for; figures go to the album.
    """

    name: str
    place: float
    sections: Callable[[Findings, Album], Iterator[Section]]


_registered: dict[str, Subject] = {}


def register(subject: Subject) -> None:
    """Add a subject to the reports that this process writes from now on.

    Raises
    ------
    ValueError
        If another has its name.
    """
    if subject.name in {known.name for known in subjects()}:
        raise ValueError(f"two subjects of the report are called {subject.name!r}")
    _registered[subject.name] = subject


def subjects() -> list[Subject]:
    """Subjects of the files of this folder, of plug-ins, and registered here, in their order."""
    files = pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
    modules = [importlib.import_module(f"{PACKAGE}.{file.name}") for file in files]
    own = {m.SUBJECT.name: m.SUBJECT for m in modules if hasattr(m, "SUBJECT")}
    found = with_plugins("sections", Subject, own | _registered)
    return sorted(found.values(), key=lambda subject: (subject.place, subject.name))
