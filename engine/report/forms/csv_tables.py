"""The tables of the report as CSV files, with all digits."""

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from engine.basics.files import file_names, write_text
from engine.basics.wording import MISSING
from engine.report.forms.blocks import Folded
from engine.report.forms.grids import NUMBER, Entry, Grid
from engine.report.forms.page import Page


def write_tables(page: Page, folder: Path) -> Iterator[Path]:
    """Write every table of a page as ``NAME.csv``.

    Yields
    ------
    Path
        Of each file. A number has the digits that the page leaves out, a percentage is a share of
        1; what is missing is empty.
    """
    blocks = [block for section in page.sections for block in section.blocks]
    grids = [block.grid if isinstance(block, Folded) else block for block in blocks]
    tables = {grid.name: grid for grid in grids if isinstance(grid, Grid)}
    names = file_names(tables)
    for name, grid in tables.items():
        path = folder / f"{names[name]}.csv"
        titles = [column.title for column in grid.columns]
        rows = [[_value(entry) for entry in row] for row in grid.rows]
        write_text(path, pd.DataFrame(rows, columns=titles, dtype=object).to_csv(index=False))
        yield path


def _value(entry: Entry) -> str | float:
    if entry.text == MISSING:
        return ""
    # A share and a count are numbers; an interval, a time or a size has words of its own.
    shown = NUMBER.fullmatch(entry.text.removesuffix(" %").replace(",", ""))
    if shown and entry.order is not None and math.isfinite(entry.order):
        return entry.order
    return entry.text
