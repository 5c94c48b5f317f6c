"""On disk: what is searched, and finished trials, one JSON file each, written when it is known."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.basics.files import content_key, write_text
from engine.plan.cells import CellPlan
from engine.records import TRIAL_FORMAT, TrialRecord

if TYPE_CHECKING:
    from engine.search.searcher import Drawing

SEARCH = "search.json"

log = logging.getLogger(__name__)


def cell_key(
    plan: CellPlan,
    encoder_fingerprint: str,
    task_fingerprint: str,
    sampler: str,
    seed: int,
    drawing: Drawing,
) -> str:
    """Identity of a cell's search: records of another (changed data, space ...) are not reused."""
    return content_key(
        TRIAL_FORMAT,
        list(plan.cell),
        encoder_fingerprint,
        task_fingerprint,
        plan.space.to_dict(),
        plan.metric,
        sampler,
        seed,
        drawing.batch,
        list(drawing.objectives),
        [dict(point) for point in drawing.warm_points],
    )


@dataclass(frozen=True)
class Ledger:
    """The folder of trial records of a run."""

    folder: Path

    def write(self, record: TrialRecord) -> None:
        """Keep a record."""
        name = f"{record.cell.slug}--{record.cell_key[:12]}--{record.number:05d}.json"
        write_text(self.folder / name, record.to_json())

    def read(self, keys: Iterable[str]) -> dict[str, list[TrialRecord]]:
        """Records by cell key, in order of number; records of other searches stay on disk."""
        found: dict[str, list[TrialRecord]] = {key: [] for key in keys}
        for record in self.all():
            if record.cell_key in found:
                found[record.cell_key].append(record)
        return found

    def all(self) -> Iterator[TrialRecord]:
        """Every record of the folder, in order of cell and number."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                yield TrialRecord.from_json(path.read_text(encoding="utf-8"))
            except (ValueError, KeyError, TypeError) as error:
                log.warning("%s is not a trial record (%s); left aside", path, error)


class Searched(NamedTuple):
    """What is searched in a cell.

    Attributes
    ----------
    key : str
        See `cell_key`.
    trials : int
        Budget.
    """

    key: str
    trials: int
    metric: str


def write_search(out: Path, cells: Mapping[str, Searched]) -> None:
    """Note in the folder of a run what its cells search, for who looks on."""
    rows = {cell: searched._asdict() for cell, searched in cells.items()}
    write_text(out / SEARCH, json.dumps(rows, indent=1))


def read_search(out: Path) -> dict[str, Searched] | None:
    """What `write_search` noted; none where no search has begun."""
    try:
        rows = json.loads((out / SEARCH).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return {cell: Searched(**row) for cell, row in rows.items()}
