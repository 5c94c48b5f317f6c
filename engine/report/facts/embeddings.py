"""Embeddings without a classifier: how far the classes lie apart, and maps to look at."""

from dataclasses import dataclass
from itertools import product

import pandas as pd

from engine.basics.wording import MISSING, count, score
from engine.report.finished_run import FinishedRun
from engine.report.forms.grids import Column, Entry, Grid, for_tasks, scored
from engine.report.forms.theme import hue

#: Points of a page, about 60 bytes each; where a map would have fewer than so many, none is drawn.
MOST_POINTS, FEWEST_POINTS = 12_000, 40

LAST = -1  # a study that looks at no other layer needs no column for it
NUMBERS = {
    "knn_purity": ("Neighbours", "share of the ten nearest neighbours that have a row's class"),
    "chance_purity": ("By chance", "that share if neighbours were drawn at random"),
    "kmeans_ari": ("k\u2011means ARI", "adjusted Rand index of clusters and classes; 0 by chance"),
    "kmeans_ami": ("k\u2011means AMI", "adjusted mutual information of clusters and classes"),
    "agglomerative_ari": ("Ward ARI", "the same of Ward's agglomerative clusters"),
    "agglomerative_ami": ("Ward AMI", "the same of Ward's agglomerative clusters"),
    "silhouette": ("Silhouette", "of the classes: above 0 they lie apart, 1 at best"),
    "alignment": (
        "Alignment",
        "mean squared distance within a class on the sphere; less is closer",
    ),
    "uniformity": ("Uniformity", "how evenly vectors fill the sphere; less is more even"),
}


@dataclass(frozen=True)
class EmbeddingMap:
    """Two principal components of one encoder's embeddings of a task.

    Attributes
    ----------
    points : DataFrame
        ``x, y, label``: places and class numbers.
    purity, chance : float
        Share of nearest neighbours of a row's class, and what it would be of random ones.
    explained : tuple of float
        Share of the variance that either axis holds.
    """

    task: str
    encoder: str
    pooling: str
    layer: int
    points: pd.DataFrame
    purity: float
    chance: float
    explained: tuple[float, float]


def embedding_maps(run: FinishedRun) -> dict[str, list[EmbeddingMap]]:
    """One map per encoder and task: of the pooling and layer whose neighbours are purest.

    Returns
    -------
    dict of str to list of EmbeddingMap
        By task, encoders in the study's order; empty where the run measured nothing, or where so
        many maps would make a heavy page.
    """
    found = run.embeddings
    if found is None:
        return {}
    numbers, points = found
    known = numbers[numbers["knn_purity"].notna()].sort_values("knn_purity", kind="stable")
    best = {(row["task"], row["encoder"]): row for row in known.to_dict("records")}  # the last
    most = MOST_POINTS // max(1, len(best))
    if most < FEWEST_POINTS:
        return {}
    # Rows that were drawn for a map may all be among those left out: then there is none.
    points_of = dict(tuple(points.groupby(["task", "encoder", "pooling", "layer"])))
    maps: dict[str, list[EmbeddingMap]] = {}
    for task, encoder in product(run.tasks, run.encoders):
        row = best.get((task, encoder))
        drawn = points_of.get((task, encoder, row["pooling"], row["layer"])) if row else None
        if row is None or drawn is None:
            continue
        # Every n-th may be of one class.
        shown = drawn.sample(min(most, len(drawn)), random_state=0).sort_index()
        maps.setdefault(task, []).append(
            EmbeddingMap(
                task=task,
                encoder=encoder,
                pooling=str(row["pooling"]),
                layer=int(row["layer"]),
                points=shown[["x", "y", "label"]],
                purity=float(row["knn_purity"]),
                chance=float(row["chance_purity"]),
                explained=(float(row["explained_x"]), float(row["explained_y"])),
            )
        )
    return maps


def embeddings_grid(run: FinishedRun) -> Grid | None:
    """The numbers of every encoder, task, pooling and layer; None where there are none."""
    found = run.embeddings
    if found is None:
        return None
    numbers, _ = found
    columns = [
        Column("Task", filtered=True),
        Column("Encoder", filtered=True),
        Column("Pooling", filtered=True),
        Column("Layer", numeric=True, tip="-1 is the last"),
        *(
            Column(title, numeric=True, tip=tip, spare="AMI" in title)
            for title, tip in NUMBERS.values()
        ),
        Column("Rows", numeric=True, spare=True, tip="drawn of the train split"),
        Column("Note"),
    ]
    place = {task: at for at, task in enumerate(run.tasks)}
    ordered = numbers.assign(place=numbers["task"].map(place)).sort_values(
        ["place", "knn_purity"], ascending=[True, False], kind="stable"
    )
    rows = [
        [
            Entry(row["task"]),
            Entry(row["encoder"], hue=hue(row["encoder"], run.encoders).name),
            Entry(row["pooling"]),
            Entry(str(int(row["layer"])), row["layer"]),
            *(scored(row[name]) for name in NUMBERS),
            Entry(count(row["n_rows"]), row["n_rows"]),
            Entry(row["note"] or MISSING),
        ]
        for row in ordered.to_dict("records")
        if row["encoder"] in run.encoders and row["task"] in place
    ]
    most = count(numbers["n_rows"].max())
    grid = Grid(
        "embeddings",
        f"Frozen embeddings of up to {most} rows of the train split, as a probe gets them before "
        "any scaling. Clusters are as many as classes. These numbers ask whether classes lie apart "
        "in the space as it is; a classifier needs only one direction that separates them, so an "
        "encoder can score well and cluster badly, as letters of short sequences do. No test is "
        "made of them. ARI, AMI, silhouette, neighbours: more is better.",
        columns,
        rows,
    )
    if (numbers["layer"] == LAST).all():
        grid = grid.without("Layer")
    if not numbers["note"].astype(bool).any():
        grid = grid.without("Note")
    return for_tasks(run, grid)


def told(one: EmbeddingMap) -> str:
    """What is shown of a map: the pooling, the layer if not the last, the purity beside chance."""
    layer = "" if one.layer == LAST else f", layer {one.layer}"
    return f"{one.pooling}{layer}; neighbours {score(one.purity)} ({score(one.chance)})"
