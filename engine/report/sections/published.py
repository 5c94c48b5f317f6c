"""The section on scores that others published of the same encoder on the same task."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.basics.wording import count, listing
from engine.report.facts.findings import Findings
from engine.report.facts.standings import Leaderboard, Standing
from engine.report.figures.drawing import Album
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Section
from engine.report.forms.grids import (
    CELL_COLUMNS,
    Column,
    Entry,
    Grid,
    cell_entries,
    scored,
    signed,
)
from engine.report.sections.base import Subject
from engine.tasks.published import PublishedScore, published_as, published_scores

#: What the two versions of the study differ by for one model and task.
TOLERANCE = 0.015


@dataclass(frozen=True)
class Match:
    """One published score of an encoder on a task, and a cell of ours.

    Attributes
    ----------
    differs : str
        Why the two are not the same protocol; empty where they are.
    """

    standing: Standing
    published: PublishedScore
    differs: str

    @property
    def delta(self) -> float:
        """Ours less theirs."""
        return self.standing.mean - self.published.value

    @property
    def verdict(self) -> str:
        """Whether it was found again."""
        if self.differs:
            return "another protocol"
        return "within tolerance" if abs(self.delta) <= TOLERANCE else "outside tolerance"


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Their scores beside ours; nothing where nobody published any."""
    known = matches(found.run, found.board)
    if known:
        grid = published_grid(found.run, known)
        yield Section("published", "Beside published scores", [grid], link="Published scores")


SUBJECT = Subject("published", 90, sections)


def matches(run: FinishedRun, board: Leaderboard) -> list[Match]:
    """Every published score of an encoder on a task of the run, beside each of our cells."""
    found = []
    for task, standings in board.items():
        facts = run.task(task)
        stem = Path(str(facts.get("file") or "")).name.split(".")[0]
        # What the study says that it was published as, else its own name or its file's.
        name = facts.get("published") or published_as(task.rsplit("/", 1)[-1], stem)
        known = [theirs for theirs in published_scores() if theirs.task == name]
        for standing in standings:
            if standing.status != "no score":
                found += [
                    Match(standing, theirs, "; ".join(_differences(run, standing, theirs)))
                    for theirs in known
                    if (theirs.encoder, theirs.metric) == (standing.encoder, standing.metric)
                ]
    return found


def _differences(run: FinishedRun, standing: Standing, theirs: PublishedScore) -> Iterator[str]:
    """What is not as in the publication: weights, classifier, pooling, test split."""
    weights = run.encoder(standing.encoder).get("weights", "hub")
    if weights != "hub":
        yield f"weights: {weights}"
    params = run.best.get(standing.cell, {})
    classifier = str(params.get("classifier") or standing.method)
    if classifier not in ("random_forest", "rf"):
        yield f"{classifier} in place of a random forest"
    own = str(params.get("pooling") or "unknown")
    if own != theirs.pooling:
        yield f"pooling {own} in place of {theirs.pooling}"
    if standing.n_test != theirs.n_test:
        yield f"{count(standing.n_test)} test sequences in place of {count(theirs.n_test)}"


def published_grid(run: FinishedRun, found: list[Match]) -> Grid:
    """Published scores beside ours."""
    columns = [
        *CELL_COLUMNS,
        Column("Ours", numeric=True),
        Column("Published", numeric=True),
        Column("Difference", numeric=True),
        Column("Pooling", spare=True),
        Column("Verdict", filtered=True),
        Column("What differs"),
        Column("DOI", spare=True),
    ]
    tones = {"within tolerance": "good", "outside tolerance": "warn"}
    rows = [
        [
            Entry(match.standing.task, tip=match.published.task),
            *cell_entries(run, match.standing.encoder, match.standing.method),
            scored(match.standing.mean),
            scored(match.published.value),
            signed(match.delta),
            Entry(match.published.pooling),
            Entry(match.verdict, pill=tones.get(match.verdict, "soft")),
            Entry(match.differs),
            Entry(match.published.doi),
        ]
        for match in found
    ]
    same = [match for match in found if not match.differs]
    within = sum(match.verdict == "within tolerance" for match in same)
    told = (
        f"{within} of {len(same)} scores by the same protocol are found again."
        if same
        else "No score is by the same protocol."
    )
    sources = listing(sorted({match.published.doi for match in found}))
    caption = (
        f"{told} Within tolerance: closer than {TOLERANCE}, by which the two published versions "
        f"differ for the same model. Published: a random forest on frozen embeddings, test split "
        f"({sources})."
    )
    return Grid("published", caption, columns, rows)
