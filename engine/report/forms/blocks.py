"""What a section of the report is made of; either of its forms knows how to write each kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.report.facts.works import Reference
from engine.report.figures.drawing import Picture
from engine.report.forms.grids import Grid


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A sentence or more.

    Attributes
    ----------
    role : {"lead", "about", "said", "quiet"}
        What the section asks; what is said of the data; a finding; a hint.
    """

    text: str
    role: Literal["lead", "about", "said", "quiet"]


@dataclass(frozen=True)
class Caution:
    """What a reader must know before believing a score."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Short facts, each with its heading."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Claims:
    """Sentences, each with its heading."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Paste:
    """A text to take into a paper."""

    text: str


@dataclass(frozen=True)
class Row:
    """Pictures that stand side by side where there is room."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Folded:
    """A table of detail under a heading that opens it."""

    heading: str
    grid: Grid


@dataclass(frozen=True)
class Bibliography:
    """Works to cite."""

    works: Sequence[Reference]


Block = (
    Heading | Paragraph | Caution | Facts | Claims | Paste | Picture | Row | Grid | Folded
    | Bibliography
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One subject of the report.

    Attributes
    ----------
    anchor : str
        Its id within the page.
    link : str
        What the contents call it; its title where empty.
    group : str
        Sections of one group stand below each other in the contents, under this name.
    """

    anchor: str
    title: str
    blocks: Sequence[Block]
    link: str = ""
    group: str = ""

    @property
    def pictures(self) -> Iterator[Picture]:
        """Its figures, in order."""
        for block in self.blocks:
            if isinstance(block, Picture):
                yield block
            elif isinstance(block, Row):
                yield from block.pictures
