"""Scores that others published of the same encoder on the same task, beside ours.

`published.csv` holds test AUROCs of a random forest on embeddings (Feng et al.: preprint of 2024,
52 of whose tasks came again in the article of 2025). Tasks have the preprint's names; rows of the
article whose dataset could not be told from its title are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from engine.report.formats import count, difference, listing, score
from engine.report.grids import Column, Entry, Grid
from engine.report.run import Run
from engine.report.tables import Leaderboard, Standing
from engine.report.theme import hue

TABLE = Path(__file__).parent / "published.csv"
#: What the two versions of the study differ by for one model and task.
TOLERANCE = 0.015
#: Shared files that hold a published task under a name of their own.
ALIASES = {
    "dhs_human": "DNase_I",
    "histone_h3_yeast": "H3",
    "meth_5hmc_human": "5mC",
    "prom_arabidopsis_tata": "Arabidopsis_TATA",
    "prom_core_all_human": "prom_core_all",
    "splice_reconstructed_human": "reconstructed",
    "tf_human_0": "tf_0",
    "tf_mouse_0": "mouse_0",
}


@dataclass(frozen=True)
class Match:
    """One published score of an encoder on a task, and a cell of ours.

    Attributes
    ----------
    standing : Standing
    task, pooling, doi : str
        As published.
    value : float
    differs : str
        Why the two are not the same protocol; empty where they are.
    """

    standing: Standing
    task: str
    pooling: str
    doi: str
    value: float
    differs: str

    @property
    def delta(self) -> float:
        """Ours less theirs."""
        return self.standing.mean - self.value

    @property
    def verdict(self) -> str:
        """Whether it was found again."""
        if self.differs:
            return "another protocol"
        return "within tolerance" if abs(self.delta) <= TOLERANCE else "outside tolerance"


def matches(run: Run, board: Leaderboard) -> list[Match]:
    """Every published score of an encoder on a task of the run, beside each of our cells."""
    known = pd.read_csv(TABLE)
    found = []
    for task, standings in board.items():
        name = _published_name(run, task)
        rows = known[known["task"].str.lower() == name.lower()]
        for standing in standings:
            if standing.status != "no score" and standing.metric == "auroc":
                own = rows[rows["encoder"] == standing.encoder]
                found += [_match(run, standing, row) for row in own.itertuples()]
    return found


def _published_name(run: Run, task: str) -> str:
    """The task's name in the publication: its own, or that of its file."""
    name = task.rsplit("/", 1)[-1]
    stem = Path(str(run.task(task).get("file") or "")).name.split(".")[0]
    return ALIASES.get(name) or ALIASES.get(stem) or name


def _match(run: Run, standing: Standing, row: object) -> Match:
    theirs = {name: getattr(row, name) for name in ("task", "pooling", "doi", "value", "n_test")}
    reasons = list(_differences(run, standing, str(theirs["pooling"]), int(theirs["n_test"])))
    return Match(
        standing,
        str(theirs["task"]),
        str(theirs["pooling"]),
        str(theirs["doi"]),
        float(theirs["value"]),
        "; ".join(reasons),
    )


def _differences(run: Run, standing: Standing, pooling: str, n_test: int) -> Iterator[str]:
    """What is not as in the publication: weights, classifier, pooling, test split."""
    weights = run.encoder(standing.encoder).get("weights", "hub")
    if weights != "hub":
        yield f"weights: {weights}"
    params = run.best.get(standing.cell, {})
    classifier = str(params.get("classifier") or standing.method)
    if classifier not in ("random_forest", "rf"):
        yield f"{classifier} in place of a random forest"
    own = str(params.get("pooling") or "unknown")
    if own != pooling:
        yield f"pooling {own} in place of {pooling}"
    if standing.n_test != n_test:
        yield f"{count(standing.n_test)} test sequences in place of {count(n_test)}"


def published_grid(run: Run, found: list[Match]) -> Grid:
    """Published scores beside ours."""
    columns = [
        Column("Task", filtered=True),
        Column("Encoder", filtered=True),
        Column("Method", filtered=True),
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
            Entry(match.standing.task, tip=match.task),
            Entry(match.standing.encoder, hue=hue(match.standing.encoder, run.encoders).name),
            Entry(match.standing.method),
            Entry(score(match.standing.mean), match.standing.mean),
            Entry(score(match.value), match.value),
            Entry(difference(match.delta), match.delta),
            Entry(match.pooling),
            Entry(match.verdict, pill=tones.get(match.verdict, "soft")),
            Entry(match.differs),
            Entry(match.doi),
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
    sources = listing(sorted({match.doi for match in found}))
    caption = (
        f"{told} Within tolerance: closer than {TOLERANCE}, by which the two published versions "
        f"differ for the same model. Published: a random forest on frozen embeddings, test split "
        f"({sources})."
    )
    return Grid("published", caption, columns, rows)
