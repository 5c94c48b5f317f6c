"""The sections of the report: one file per subject, in the order of the page.

A file offers ``sections(found, album)``, which yields what the run has data for. To add a subject,
write its file and name it here.
"""

from collections.abc import Callable, Iterator

from engine.report.facts.findings import Findings
from engine.report.figures.album import Album
from engine.report.forms.blocks import Section
from engine.report.sections import (
    across,
    calibration,
    claims,
    cost,
    embeddings,
    leaderboard,
    lost,
    methods,
    provenance,
    published,
    tasks,
    tuning,
)

SECTIONS: tuple[Callable[[Findings, Album], Iterator[Section]], ...] = (
    leaderboard.sections,
    across.sections,
    tasks.sections,
    tuning.sections,
    lost.sections,
    cost.sections,
    calibration.sections,
    embeddings.sections,
    published.sections,
    claims.sections,
    methods.sections,
    provenance.sections,
)
