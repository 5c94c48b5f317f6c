"""Scores that others published, by task and encoder: facts with their source.

`published.csv` holds test AUROCs of a random forest on frozen embeddings (Feng et al.: preprint of
2024, 52 of whose tasks came again in the article of 2025). Tasks have the preprint's names; rows of
the article whose dataset could not be told from its title are left out.
"""

import csv
from functools import cache
from typing import NamedTuple

from engine.basics.package import PACKAGE

TABLE = PACKAGE / "tasks" / "published.csv"

#: Files that hold a published task under a name of their own.
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


class PublishedScore(NamedTuple):
    """One published score.

    Attributes
    ----------
    task, encoder, pooling, metric : str
        The task as published; encoder, pooling and metric in our words.
    n_test : int
        Sequences of its test split.
    """

    task: str
    encoder: str
    pooling: str
    metric: str
    value: float
    n_test: int
    doi: str


@cache
def published_scores() -> tuple[PublishedScore, ...]:
    """Every published score."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(_score(row) for row in csv.DictReader(file))


def _score(row: dict[str, str]) -> PublishedScore:
    return PublishedScore(
        task=row["task"],
        encoder=row["encoder"],
        pooling=row["pooling"],
        metric=row["metric"],
        value=float(row["value"]),
        n_test=int(row["n_test"]),
        doi=row["doi"],
    )


def published_tasks() -> tuple[str, ...]:
    """Names of the published tasks."""
    return tuple(dict.fromkeys(score.task for score in published_scores()))


def published_as(*names: str) -> str | None:
    """The published task that goes by one of some names, in any case; None where none does."""
    known = {task.lower(): task for task in published_tasks()}
    found = (known.get(ALIASES.get(name, name).lower()) for name in names)
    return next((task for task in found if task), None)
