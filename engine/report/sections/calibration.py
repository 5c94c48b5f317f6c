"""The section on probabilities."""

from collections.abc import Iterator

from engine.report.facts.calibration import calibration_grid
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.figures.panels import reliability
from engine.report.forms.blocks import Paragraph, Section
from engine.report.sections.base import Subject


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Brier score and calibration errors; nothing without predictions of classes."""
    if found.calibrated:
        blocks = (
            Paragraph("Do the probabilities mean what they say?", "lead"),
            album.add(reliability(found.run, found.calibrated), "reliability"),
            calibration_grid(found.run, found.calibrated),
        )
        yield Section("calibration", "Calibration", blocks)


SUBJECT = Subject("calibration", 70, sections)
