"""The section on embeddings without a classifier."""

from collections.abc import Iterator

from engine.report.facts.embeddings import embeddings_grid
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.figures.embeddings import embedding_map
from engine.report.forms.blocks import Block, Heading, Paragraph, Section
from engine.report.sections.base import Subject


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Maps and numbers; nothing where none were measured."""
    grid = embeddings_grid(found.run)
    if grid is None:
        return
    blocks: list[Block] = [Paragraph("Do the classes lie apart before anything is fitted?", "lead")]
    for task, maps in found.maps.items():
        drawing = embedding_map(found.run, maps)
        blocks += [Heading(task), album.add(drawing, "embeddings", task)]
    title = "Embeddings without a classifier"
    yield Section("embeddings", title, [*blocks, grid], link="Embeddings")


SUBJECT = Subject("embeddings", 80, sections)
