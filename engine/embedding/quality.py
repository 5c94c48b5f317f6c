"""What stored embeddings tell of a task's classes without a classifier, and a map to look at.

Measured on the train split, of which a frozen encoder has seen no label; kept in the store beside
the embeddings, so that a second run measures nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.basics.errors import UserError
from engine.basics.files import content_key
from engine.records import TaskSpec
from engine.stats.clusters import EmbeddingQuality, chance_purity, draw_rows, embedding_quality
from engine.store import Store
from engine.tasks import cached_task

#: Changes whenever equal embeddings could give other numbers.
QUALITY_FORMAT = 2

#: Rows that are measured; time grows with their square (about 1 s at 1,000 rows of width 768).
MAX_ROWS = 1000

#: Rows on the map.
MAX_POINTS = 300


@dataclass(frozen=True)
class QualityRequest:
    """The embeddings of one encoder of one task's train split: their key, and the store's root."""

    encoder: str
    task: str
    spec: TaskSpec
    task_fingerprint: str
    embeddings: str
    root: str

    @property
    def key(self) -> str:
        """Identity of what is measured."""
        return content_key(
            "quality", QUALITY_FORMAT, MAX_ROWS, MAX_POINTS, self.embeddings, self.task_fingerprint
        )


@dataclass(frozen=True)
class Measured:
    """What came of a request.

    Attributes
    ----------
    rows : list of dict
        One per pooling and layer: ``pooling, layer``, the fields of `EmbeddingQuality`,
        ``chance_purity``, ``explained_x, explained_y`` (shares of the variance on the map's axes)
        and a ``note``; numbers are none where the rows allow none, and the note says why.
    points : mapping
        ``labels``, shape (P,), and per pooling and layer the map, shape (P, 2), under its name in
        the store; NaN where a row was left out.
    """

    request: QualityRequest
    rows: list[dict[str, Any]]
    points: dict[str, npt.NDArray[Any]]


def measure_all(
    requests: Sequence[QualityRequest],
    run: Callable[[Sequence[QualityRequest]], Iterator[tuple[QualityRequest, Measured]]],
) -> Iterator[Measured]:
    """Results of all requests; `run` measures those that the store lacks."""
    missing = []
    for request in requests:
        if found := recall_quality(request):
            yield found
        else:
            missing.append(request)
    yield from (measured for _, measured in run(missing))


def recall_quality(request: QualityRequest) -> Measured | None:
    """What an earlier run measured of the same embeddings, or none."""
    store = Store(request.root)
    note, points = store.read_note(request.key), store.load(request.key)
    return None if note is None or points is None else Measured(request, note["rows"], points)


def measure(request: QualityRequest) -> Measured:
    """Measure every pooling and layer; runs in a worker. UserError where they are not there."""
    store = Store(request.root)
    arrays = store.load(request.embeddings)
    if arrays is None:
        raise UserError(
            f"the embeddings of {request.task} by {request.encoder} are gone from the store "
            "(removed or damaged); run the same command again"
        )
    labels = np.asarray(cached_task(request.spec).train.labels)
    picked, told = _pick(labels)
    # Drawn, not every n-th: in a file whose classes take turns those would be of one class.
    shown = draw_rows(labels[picked], MAX_POINTS)
    rows: list[dict[str, Any]] = []
    points: dict[str, npt.NDArray[Any]] = {"labels": labels[picked[shown]]}
    for name in sorted(arrays):
        pooling, _, layer = name.rpartition("@")
        vectors = np.asarray(arrays[name][picked], dtype=np.float64)
        # A sequence without any known letter has no direction; half precision can overflow.
        there = np.asarray(np.isfinite(vectors).all(axis=1) & vectors.any(axis=1))
        numbers, why = _numbers(vectors, labels[picked], there)
        drawn, explained = _map(vectors, there)
        points[name] = drawn[shown].astype(np.float32)
        rows.append(
            {"pooling": pooling, "layer": int(layer)}
            | numbers
            | dict(zip(("explained_x", "explained_y"), explained, strict=True))
            | {"note": "; ".join(text for text in (told, why) if text)}
        )
    store.save(request.key, points, {"encoder": request.encoder, "task": request.task})
    store.write_note(request.key, {"rows": rows})
    return Measured(request, rows, points)


def tables(found: Sequence[Measured]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All results as two tables: of the numbers, and of the maps.

    The first has a row per encoder, task, pooling and layer; the second a row per point:
    ``encoder, task, pooling, layer, label, x, y``.
    """
    numbers, maps = [], []
    for one in found:
        who = {"encoder": one.request.encoder, "task": one.request.task}
        numbers += [who | row for row in one.rows]
        for row in one.rows:
            which = {"pooling": row["pooling"], "layer": row["layer"]}
            x, y = one.points[f"{row['pooling']}@{row['layer']}"].T
            places = pd.DataFrame({"label": one.points["labels"], "x": x, "y": y}).dropna()
            maps.append(places.assign(**who, **which))
    order = ["encoder", "task", "pooling", "layer", "label", "x", "y"]
    return pd.DataFrame(numbers), pd.concat(maps, ignore_index=True)[order]


def _pick(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], str]:
    """Rows to measure, and what is said of those that cannot be."""
    classes, counts = np.unique(labels, return_counts=True)
    lone = classes[counts < 2]
    usable = np.flatnonzero(~np.isin(labels, lone))
    told = f"classes of one row left out: {len(lone)}" if len(lone) else ""
    return usable[draw_rows(labels[usable], MAX_ROWS)], told


def _numbers(
    vectors: npt.NDArray[np.float64], labels: npt.NDArray[Any], there: npt.NDArray[np.bool_]
) -> tuple[dict[str, float | None], str]:
    """The numbers of the rows of one array that are there, or why there are none."""
    from sklearn.exceptions import ConvergenceWarning

    told = "" if there.all() else f"vectors of zeros or not finite left out: {(~there).sum()}"
    try:
        with warnings.catch_warnings():
            # Fewer distinct vectors than classes: fewer clusters are found, which is what counts.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = embedding_quality(vectors[there], labels[there], max_rows=MAX_ROWS)
        numbers = found._asdict() | {"chance_purity": chance_purity(labels[there])}
    except ValueError as error:
        fields = (*EmbeddingQuality._fields, "chance_purity")
        return dict.fromkeys(fields), "; ".join(text for text in (told, str(error)) if text)
    return numbers, told


def _map(
    vectors: npt.NDArray[np.float64], there: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """The two principal components that hold most of the variance, and their shares of it.

    All in one place where nothing varies; NaN for rows that are not there.
    """
    from sklearn.decomposition import PCA

    drawn, shares = np.full((len(vectors), 2), np.nan), np.zeros(2)
    known = vectors[there]
    drawn[there] = 0
    if len(known) and np.ptp(known, axis=0).any():
        axes = min(2, *known.shape)
        fitted = PCA(axes, random_state=0)
        drawn[there, :axes] = fitted.fit_transform(known)
        shares[:axes] = fitted.explained_variance_ratio_
    return drawn, (float(shares[0]), float(shares[1]))
