"""Quality of stored embeddings: measured once, on rows drawn, never at the cost of a study."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from engine.basics.errors import UserError
from engine.embedding.quality import (
    MAX_POINTS,
    MAX_ROWS,
    Measured,
    QualityRequest,
    measure,
    measure_all,
    tables,
)
from engine.records import TaskSpec
from engine.store import Store
from engine.tasks import load_task

RNG = np.random.default_rng(0)


def sequences(number: int) -> list[str]:
    return ["".join(letters) for letters in RNG.choice(list("ACGT"), size=(number, 24))]


def request(folder: Path, labels: Sequence[str], vectors: np.ndarray) -> QualityRequest:
    """Embeddings of a task whose train split has these labels."""
    splits = {"train": labels, "validation": ["a", "b"], "test": ["a", "b"]}
    rows = [
        f"{sequence},{label},{split}"
        for split, of in splits.items()
        for sequence, label in zip(sequences(len(of)), of, strict=True)
    ]
    file = folder / "mine.csv"
    file.write_text("\n".join(["sequence,label,split", *rows]))
    spec = TaskSpec("mine", str(file))
    root = str(folder / "store")
    arrays = {"mean@-1": vectors.astype(np.float32), "max@-1": np.ones_like(vectors)}
    Store(root).save("ab" * 32, arrays, {})
    return QualityRequest("e", "mine", spec, load_task(spec).fingerprint, "ab" * 32, root)


def blobs(number: int, apart: float) -> tuple[list[str], np.ndarray]:
    """Rows of two classes around two places, one after the other."""
    labels = np.repeat([0, 1], number // 2)
    places = np.array([[0.0, 5, 0, 0], [apart, 5, 0, 0]])
    noise = RNG.normal(size=(len(labels), 4))
    return ["ab"[label] for label in labels], places[labels] + noise


def by_array(measured: Measured) -> dict[str, dict[str, object]]:
    return {row["pooling"]: row for row in measured.rows}


def test_classes_that_lie_apart_are_told_from_classes_that_do_not(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    far = by_array(measure(request(tmp_path / "far", *blobs(120, 60.0))))["mean"]
    near = by_array(measure(request(tmp_path / "near", *blobs(120, 0.0))))["mean"]
    assert [far[name] for name in ("kmeans_ari", "agglomerative_ami", "knn_purity")] == [1, 1, 1]
    assert near["kmeans_ari"] == pytest.approx(0, abs=0.1)
    # Two classes of 60: another row is of the same one in 59 of 119 cases.
    assert near["chance_purity"] == pytest.approx(59 / 119)
    assert near["knn_purity"] == pytest.approx(near["chance_purity"], abs=0.1)


def test_the_map_is_that_of_principal_components(tmp_path: Path) -> None:
    labels, vectors = blobs(80, 3.0)
    measured = measure(request(tmp_path, labels, vectors))
    pca = PCA(2).fit(vectors.astype(np.float32))
    places = measured.points["mean@-1"]
    assert np.abs(places) == pytest.approx(np.abs(pca.transform(vectors)), abs=1e-3)
    row = by_array(measured)["mean"]
    assert (row["explained_x"], row["explained_y"]) == pytest.approx(
        pca.explained_variance_ratio_, abs=1e-4
    )
    assert measured.points["labels"].tolist() == [0] * 40 + [1] * 40


def test_vectors_that_are_all_alike_have_numbers_and_no_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = by_array(measure(request(tmp_path, *blobs(40, 3.0))))["max"]
    assert (row["kmeans_ari"], row["explained_x"]) == (0, 0)


def test_rows_that_allow_no_number_are_told_and_fail_nothing(tmp_path: Path) -> None:
    vectors = np.vstack([np.zeros((2, 3)), RNG.normal(size=(5, 3))])
    measured = measure(request(tmp_path, [*"aabbbbc"], vectors))
    row = by_array(measured)["mean"]
    assert row["kmeans_ari"] is None
    assert row["note"] == (
        "classes of one row left out: 1; vectors of zeros or not finite left out: 2; "
        "labels must hold at least two classes, but hold only [1]"
    )
    numbers, _ = tables([measured])
    assert numbers.set_index("pooling").loc["mean", "note"] == row["note"]


def test_vectors_that_overflowed_are_told_and_fail_nothing(tmp_path: Path) -> None:
    labels, vectors = blobs(40, 3.0)
    vectors[7, 1] = np.inf
    measured = measure(request(tmp_path, labels, vectors))
    row = by_array(measured)["mean"]
    assert (row["n_rows"], row["note"]) == (39, "vectors of zeros or not finite left out: 1")
    drawn = measured.points["mean@-1"]
    assert np.isnan(drawn[7]).all()
    assert np.ptp(drawn[8:], axis=0).all()
    _, points = tables([measured])
    assert (points["pooling"] == "mean").sum() == 39


def test_a_row_that_the_numbers_leave_out_is_not_on_the_map(tmp_path: Path) -> None:
    """Zeros, of a sequence without a known letter, would lie far from all others."""
    labels, vectors = blobs(40, 3.0)
    told = by_array(measure(request(tmp_path, labels, vectors)))["mean"]
    (tmp_path / "odd").mkdir()
    odd = np.vstack([vectors, np.zeros(4)])
    measured = measure(request(tmp_path / "odd", [*labels, "b"], odd))
    _, points = tables([measured])
    assert len(points[points["pooling"] == "mean"]) == 40
    assert by_array(measured)["mean"]["explained_x"] == pytest.approx(told["explained_x"])


@pytest.mark.parametrize("number", [2 * MAX_POINTS, MAX_ROWS])
def test_classes_that_take_turns_are_on_the_map_in_proportion(tmp_path: Path, number: int) -> None:
    _, vectors = blobs(number, 3.0)
    measured = measure(request(tmp_path, [*"aaab"] * (number // 4), vectors))
    assert np.bincount(measured.points["labels"]) == pytest.approx(
        [0.75 * MAX_POINTS, 0.25 * MAX_POINTS], abs=1
    )


def test_more_classes_than_can_be_measured_fail_nothing(tmp_path: Path) -> None:
    classes = 3 * MAX_ROWS // 5  # of which no two rows each can be drawn
    labels = RNG.permutation([*"aabb", *(f"c{row % classes}" for row in range(3 * classes))])
    measured = measure(request(tmp_path, labels.tolist(), RNG.normal(size=(len(labels), 4))))
    row = by_array(measured)["mean"]
    assert row["kmeans_ari"] is None
    assert "a variance needs at least two of each class" in row["note"]
    assert len(measured.points["labels"]) == MAX_POINTS


def test_many_rows_are_drawn_from(tmp_path: Path) -> None:
    labels, vectors = blobs(2 * MAX_ROWS + 500, 3.0)
    measured = measure(request(tmp_path, labels, vectors))
    assert by_array(measured)["mean"]["n_rows"] == MAX_ROWS
    _, points = tables([measured])
    shown = points[points["pooling"] == "mean"]
    assert MAX_POINTS / 2 < len(shown) <= MAX_POINTS
    assert shown["label"].mean() == pytest.approx(0.5, abs=0.02)


def test_what_the_store_has_is_not_measured_again(tmp_path: Path) -> None:
    asked = request(tmp_path, *blobs(40, 3.0))
    calls: list[int] = []

    def run(missing: Sequence[QualityRequest]) -> Iterator[tuple[QualityRequest, Measured]]:
        calls.append(len(missing))
        return ((one, measure(one)) for one in missing)

    (first,) = measure_all([asked], run)
    (again,) = measure_all([asked], run)
    assert calls == [1, 0]
    assert again.rows == first.rows
    assert all(np.array_equal(again.points[k], v) for k, v in first.points.items())


def test_embeddings_that_are_gone_are_one_clear_line(tmp_path: Path) -> None:
    asked = request(tmp_path, *blobs(40, 3.0))
    Store(asked.root).discard(asked.embeddings)
    with pytest.raises(UserError, match="the embeddings of mine by e are gone from the store"):
        measure(asked)
