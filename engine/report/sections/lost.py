"""The section on what has no score: cells that were lost or skipped, trials that failed."""

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from engine.basics.wording import plural
from engine.report.facts.findings import Findings
from engine.report.figures.drawing import Album
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Section
from engine.report.forms.grids import Grid, records_grid
from engine.report.sections.base import Subject


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Three tables; nothing where nothing was lost."""
    grids = [make(found.run) for make in (lost_grid, _skipped_grid, _failures_grid)]
    if any(grids):
        yield Section("failures", "Skipped and failed", [grid for grid in grids if grid])


SUBJECT = Subject("lost", 50, sections)


def lost_grid(run: FinishedRun) -> Grid | None:
    """Cells of which no trial completed, each with the reason; None where there are none."""
    records = []
    for cell, trials in run.trials.groupby("cell", sort=False):
        if not (trials["status"] == "complete").any():
            errors = trials["error"] if "error" in trials else pd.Series(dtype=str)
            told = Counter(str(error) for error in errors if isinstance(error, str) and error)
            reason = told.most_common(1)[0][0] if told else "no trial completed"
            records.append((cell, plural(len(trials), "trial"), reason))
    caption = "Cells without any model: no trial completed. The reason is the most frequent error."
    return records_grid("lost", caption, ("Cell", "Trials", "Reason"), records)


def _skipped_grid(run: FinishedRun) -> Grid | None:
    cells: dict[tuple[str, str, str], list[str]] = {}
    for item in run.manifest.get("skipped") or []:
        # A task's own name may hold slashes.
        encoder, _, rest = str(item["cell"]).partition("/")
        method = rest.rpartition("/")[2]
        cells.setdefault((encoder, method, str(item["reason"])), []).append(str(item["cell"]))
    records = []
    for (encoder, method, reason), names in cells.items():
        # One line says it of all tasks.
        everywhere = len(names) == len(run.tasks) > 1
        records += [(n, reason) for n in ([f"{encoder}/*/{method}"] if everywhere else names)]
    return records_grid("skipped", "Cells that were not run.", ("Cell", "Reason"), records)


def _failures_grid(run: FinishedRun) -> Grid | None:
    records = [
        (item["cell"], item["number"], item["error"]) for item in run.manifest.get("failures") or []
    ]
    caption = "Trials that raised an error; the search went on without them."
    return records_grid("failures", caption, ("Cell", "Trial", "Error"), records)
