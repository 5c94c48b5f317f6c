"""The section on models over all tasks."""

from collections.abc import Iterator

from engine.report.facts.across import models_grid, pairs_grid, sentence
from engine.report.facts.findings import Findings
from engine.report.facts.standings import rank_table
from engine.report.figures.critical_difference import critical_difference
from engine.report.figures.drawing import Album, Picture
from engine.report.figures.heatmaps import MOST_WRITTEN, mean_ranks, task_ranks, win_matrix
from engine.report.forms.blocks import Block, Paragraph, Row, Section
from engine.report.sections.base import Subject


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Ranks over tasks; where tasks and models are enough, tests too."""
    pictures = _pictures(found, album)
    if not pictures:
        return
    blocks: list[Block] = [Row(pictures)]
    if found.over:
        blocks.insert(0, Paragraph(sentence(found.run, found.over), "said"))
        blocks += [models_grid(found.run, found.over), pairs_grid(found.run, found.over)]
    yield Section("ranks", "Across tasks", blocks)


SUBJECT = Subject("across", 20, sections)


def _pictures(found: Findings, album: Album) -> list[Picture]:
    run, over = found.run, found.over
    ranks = rank_table(found.board).dropna(axis="columns", how="all")
    if ranks.shape[1] < 2:
        return []
    pictures = [
        album.add(mean_ranks(run, ranks), "mean-ranks"),
        album.add(task_ranks(ranks), "task-ranks"),
    ]
    if over:
        pictures.insert(0, album.add(critical_difference(run, over), "critical-difference"))
        if len(over.models) <= MOST_WRITTEN:
            pictures.append(album.add(win_matrix(over, run.margin), "wins"))
    return pictures
