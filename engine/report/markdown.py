"""The report as Markdown, for places that show no HTML: a pull request, a notebook, a mail."""

import re
from collections.abc import Iterator, Sequence

from engine.report.figures.drawing import Picture
from engine.report.grids import Grid
from engine.report.page import Page, TaskPage

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")


def escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return SPECIAL.sub(r"\\\1", text.replace("&", "&amp;")).replace("\n", " ")


def render_markdown(page: Page) -> str:
    """Write the page as Markdown in GitHub's dialect.

    Parameters
    ----------
    page : Page

    Returns
    -------
    str
        Figures are links to the PNG files in ``figures/``.
    """
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (f"# {escape(page.name)}", "", f"*{escape(page.question)}*", "")
    if page.description:
        yield from (escape(page.description), "")
    yield from (escape(page.subtitle), "", escape(" · ".join(page.facts)), "")
    yield from ("## The answer", "")
    if page.across:
        yield f"- All tasks: {escape(page.across)}"
    for task in page.tasks:
        best, rest = escape(task.answer.best), escape(task.answer.rest)
        sentence = f"**{best}** {rest}" if best else rest
        yield f"- {escape(task.name)} ({task.answer.verdict.lower()}): {sentence}"
    yield from ("", "## Leaderboard", "", *_table(page.leaderboard))
    if page.ranks:
        yield from ("## Across tasks", "", *_pictures(page.ranks))
        for table in page.across_grids:
            yield from _table(table)
    for task in page.tasks:
        yield from _task(task)
    yield from ("## Tuning", "", *_table(page.tuning), *_table(page.trials))
    yield from _table(page.importance) if page.importance else ()
    if page.pooling:
        yield from (*_pictures(page.pooled), *_table(page.pooling))
    for task in page.tasks:
        yield from _pictures([drawn for drawn in (task.curves, task.learning) if drawn])
    if page.lost or page.skipped or page.failures:
        yield from ("## Skipped and failed", "")
        for grid in (page.lost, page.skipped, page.failures):
            yield from _table(grid) if grid else ()
    yield from ("## Cost", "", *_pictures(page.costs), *_table(page.cost))
    if page.calibration:
        yield from ("## Calibration", "", *_pictures(page.reliability))
        yield from _table(page.calibration)
    if page.embeddings:
        yield from ("## Embeddings without a classifier", "")
        yield from _pictures([task.embeddings for task in page.tasks if task.embeddings])
        yield from _table(page.embeddings)
    if page.published:
        yield from ("## Beside published scores", "", *_table(page.published))
    yield from ("## What the tests say, and what they do not", "")
    yield from (f"- **{escape(heading)}.** {escape(text)}" for heading, text in page.claims)
    yield from ("", "## Methods", "", escape(page.methods), "")
    yield from ("## References", "")
    yield from (f"{place}. {escape(work.text)}" for place, work in enumerate(page.references, 1))
    yield from ("", "## Provenance", "")
    yield from (f"- {escape(heading)}: {escape(text)}" for heading, text in page.provenance)
    yield from (f"- Note: {escape(note)}" for note in page.notes)
    yield ""
    for heading, grid in page.records:
        yield from (f"### {heading}", "", *_table(grid))


def _task(task: TaskPage) -> Iterator[str]:
    yield from (f"## {escape(task.name)}: {escape(task.title)}", "")
    yield from (f"- {heading}: {escape(text)}" for heading, text in task.facts)
    yield from (f"- **Note:** {escape(note)}" for note in task.notes)
    yield from ("", escape(task.about), "")
    yield from _pictures(task.pictures)
    for heading, grid in task.grids:
        yield from (f"### {heading}", "", *_table(grid))


def _pictures(pictures: Sequence[Picture]) -> Iterator[str]:
    for picture in pictures:
        yield from (f"![{escape(picture.title)}](figures/{picture.name}.png)", "")
        yield from (escape(picture.caption), "")


def _table(grid: Grid) -> Iterator[str]:
    yield "| " + " | ".join(escape(column.title) for column in grid.columns) + " |"
    yield "|" + "|".join("---:" if column.numeric else "---" for column in grid.columns) + "|"
    for row in grid.rows:
        yield "| " + " | ".join(escape(entry.text) for entry in row) + " |"
    yield ""
    if grid.caption:
        yield from (escape(grid.caption), "")
