"""The section on cost."""

from collections.abc import Iterator

from engine.report.facts.cost import cost_grid
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.figures.panels import COSTS, score_against_cost
from engine.report.forms.blocks import Section
from engine.report.sections.base import Subject


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Score against each cost, and the table."""
    run, board = found.run, found.board
    drawn = {cost: score_against_cost(run, board, cost) for cost in COSTS}
    pictures = [album.add(plot, f"cost-{cost}") for cost, plot in drawn.items() if plot]
    yield Section("cost", "Cost", [*pictures, cost_grid(run, board, found.searches)])


SUBJECT = Subject("cost", 60, sections)
