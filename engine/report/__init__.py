"""The report of a finished study: report.html, report.md, tables/ and figures/."""

from dataclasses import dataclass
from pathlib import Path

from engine.basics.files import write_text
from engine.report.finished_run import read_run
from engine.report.forms.csv_tables import write_tables
from engine.report.forms.html import render_html
from engine.report.forms.markdown import render_markdown
from engine.report.forms.page import compose


@dataclass(frozen=True)
class ReportPaths:
    """Where a report lies.

    Attributes
    ----------
    tables : tuple of Path
        A CSV file per table.
    figures : tuple of Path
        An SVG and a PNG file per figure.
    """

    html: Path
    markdown: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]


def write_report(out: Path) -> ReportPaths:
    """Write the report of the study whose files lie in a folder.

    Parameters
    ----------
    out : Path
        Folder of a finished run; gets report.html, report.md, tables/ and figures/.

    Raises
    ------
    UserError
        If the folder lacks a file of a finished run or holds one that cannot be read.
    """
    run = read_run(out)
    page = compose(run, out / "figures")
    html, markdown = out / "report.html", out / "report.md"
    write_text(html, render_html(page))
    write_text(markdown, render_markdown(page))
    figures = tuple(path for picture in page.pictures for path in picture.files)
    tables = tuple(write_tables(page, out / "tables"))
    return ReportPaths(html, markdown, tables, figures)
