"""What a file of this folder declares, and how the page finds what stands on it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from engine.basics.plugins import Registry, declared
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


SUBJECTS = Registry("sections", Subject, partial(declared, PACKAGE, Subject))

#: Add a subject to the reports that this process writes from now on; `UserError` if its name is
#: taken.
register = SUBJECTS.register


def subjects() -> list[Subject]:
    """Subjects of the files of this folder, of plug-ins, and registered ones, in their order."""
    return sorted(SUBJECTS.values(), key=lambda subject: (subject.place, subject.name))
