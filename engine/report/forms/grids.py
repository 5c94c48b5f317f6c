"""The tables of the report as rows of text: made once, written as HTML and as Markdown."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.basics.wording import MISSING, difference, score
from engine.report.finished_run import FinishedRun
from engine.report.forms.theme import hue

LONG = 28  # letters; a longer entry may break over lines
NUMBER = re.compile(r"[+−]?\d+(\.\d+)?(e-\d+)?")  # what the page's script reads as a number


@dataclass(frozen=True)
class Column:
    """A column's heading and how it behaves.

    Attributes
    ----------
    numeric : bool
        Aligned on the right.
    filtered : bool
        The reader can pick one of its values.
    spare : bool
        Left out on narrow screens.
    tip : str
        What the heading means.
    """

    title: str
    numeric: bool = False
    filtered: bool = False
    spare: bool = False
    tip: str = ""

    @property
    def classes(self) -> str:
        """Style classes of the heading and of every entry below it."""
        return " ".join(["number"] * self.numeric + ["spare"] * self.spare)


@dataclass(frozen=True)
class Entry:
    """A table's entry.

    Attributes
    ----------
    order : float or None
        Sorted by instead of the text.
    strong : bool
        Set in bold.
    pill : str
        Set as a verdict of this tone: ``good``, ``accent``, ``warn``, ``soft``.
    hue : str
        Name of the encoder's colour; empty for no swatch.
    """

    text: str
    order: float | None = None
    strong: bool = False
    pill: str = ""
    hue: str = ""
    tip: str = ""

    @property
    def key(self) -> str:
        """What the entry is sorted by where its text does not read as that number."""
        if self.order is None or math.isnan(self.order) or NUMBER.fullmatch(self.text):
            return ""
        return f"{self.order:.6g}"

    def classes(self, column: Column) -> str:
        """Style classes of the entry in its column."""
        own = ["strong"] * self.strong + ["long"] * (len(self.text) > LONG)
        return " ".join([column.classes, *own]).strip()


@dataclass(frozen=True)
class Grid:
    """A table: caption, columns, rows of entries.

    Attributes
    ----------
    name : str
        Unique in the report.
    rows : sequence of sequence of Entry
        As long as `columns` each.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]

    def without(self, title: str) -> "Grid":
        """The same table less one column."""
        kept = [place for place, column in enumerate(self.columns) if column.title != title]
        rows = [[row[place] for place in kept] for row in self.rows]
        return Grid(self.name, self.caption, [self.columns[place] for place in kept], rows)


MODEL_COLUMNS = (Column("Encoder", filtered=True), Column("Method", filtered=True))
CELL_COLUMNS = (Column("Task", filtered=True), *MODEL_COLUMNS)


def records_grid(
    name: str, caption: str, titles: Iterable[str], records: Iterable[Sequence[object]]
) -> Grid | None:
    """A plain table of facts as they stand; None where there are none."""
    rows = [[Entry(MISSING if value in (None, "") else str(value)) for value in r] for r in records]
    return Grid(name, caption, [Column(title) for title in titles], rows) if rows else None


def cell_entries(run: FinishedRun, encoder: str, method: str) -> list[Entry]:
    """An encoder in its colour, and a method."""
    return [Entry(encoder, hue=hue(encoder, run.encoders).name), Entry(method)]


def for_tasks(run: FinishedRun, grid: Grid) -> Grid:
    """A study of one task needs no column to name it."""
    return grid.without("Task") if len(run.tasks) == 1 else grid


def scored(value: float) -> Entry:
    """A score's entry."""
    return Entry(score(value), value)


def signed(value: float) -> Entry:
    """A difference's entry."""
    return Entry(difference(value), value)
