"""The report as Markdown, for places that show no HTML: a pull request, a notebook, a mail."""

import re
from collections.abc import Iterator
from functools import singledispatch

from engine.report.figures.drawing import Picture
from engine.report.forms.blocks import (
    Bibliography,
    Block,
    Caution,
    Claims,
    Facts,
    Folded,
    Heading,
    Paragraph,
    Paste,
    Row,
)
from engine.report.forms.grids import Entry, Grid
from engine.report.forms.page import Page

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")


def escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return SPECIAL.sub(r"\\\1", text.replace("&", "&amp;")).replace("\n", " ")


def render_markdown(page: Page) -> str:
    """Write the page as Markdown in GitHub's dialect.

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
    yield from (escape(" · ".join(page.facts)), "")
    yield from ("## The answer", "")
    if page.across:
        yield f"- All tasks: {escape(page.across)}"
    for task in page.answers:
        best, rest = escape(task.answer.best), escape(task.answer.rest)
        sentence = f"**{best}** {rest}" if best else rest
        yield f"- {escape(task.task)} ({task.answer.verdict.lower()}): {sentence}"
    yield ""
    for section in page.sections:
        yield from (f"## {escape(section.title)}", "")
        for block in section.blocks:
            yield from written(block)
            yield ""


@singledispatch
def written(block: Block) -> Iterator[str]:
    """Lines of one block, without the empty one after it."""
    raise TypeError(f"Markdown has no form for {type(block).__name__}")


@written.register
def _(block: Heading) -> Iterator[str]:
    yield f"### {escape(block.text)}"


@written.register
def _(block: Paragraph | Paste) -> Iterator[str]:
    yield escape(block.text)


@written.register
def _(block: Caution) -> Iterator[str]:
    yield f"- **Note:** {escape(block.text)}"


@written.register
def _(block: Facts) -> Iterator[str]:
    yield from (f"- {escape(heading)}: {escape(text)}" for heading, text in block.pairs)


@written.register
def _(block: Claims) -> Iterator[str]:
    yield from (f"- **{escape(heading)}.** {escape(text)}" for heading, text in block.pairs)


@written.register
def _(block: Bibliography) -> Iterator[str]:
    yield from (f"{place}. {escape(work.text)}" for place, work in enumerate(block.works, 1))


@written.register
def _(block: Picture) -> Iterator[str]:
    yield from (f"![{escape(block.title)}](figures/{block.name}.png)", "", escape(block.caption))


@written.register
def _(block: Row) -> Iterator[str]:
    for place, picture in enumerate(block.pictures):
        yield from ([""] if place else [])
        yield from written(picture)


@written.register
def _(block: Folded) -> Iterator[str]:
    yield from (f"### {escape(block.heading)}", "")
    yield from written(block.grid)


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    return f"**{text}**" if entry.strong and text else text


@written.register
def _(block: Grid) -> Iterator[str]:
    yield "| " + " | ".join(escape(column.title) for column in block.columns) + " |"
    yield "|" + "|".join("---:" if column.numeric else "---" for column in block.columns) + "|"
    for row in block.rows:
        yield "| " + " | ".join(map(_entry, row)) + " |"
    if block.caption:
        yield from ("", escape(block.caption))
