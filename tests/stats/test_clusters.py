"""Embedding quality, by its definitions and by known arrangements."""

import numpy as np
import pytest

from engine.stats import alignment, draw_rows, embedding_quality, knn_purity, uniformity


def blobs(seed=0, n=90, apart=12.0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return rng.normal(size=(n, 5)) + apart * np.eye(5)[y], y


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_classes_far_apart_are_found():
    found = embedding_quality(*blobs())
    perfect = (found.kmeans_ari, found.kmeans_ami, found.agglomerative_ari, found.agglomerative_ami)
    assert perfect == pytest.approx((1, 1, 1, 1))
    assert found.knn_purity == 1
    assert found.silhouette > 0.7
    assert found.n_rows == 90


def test_classes_without_a_place_are_not():
    x, y = blobs(apart=0.0, n=600)
    found = embedding_quality(x, y)
    chance = (found.kmeans_ari, found.kmeans_ami, found.agglomerative_ari, found.silhouette)
    assert chance == pytest.approx((0, 0, 0, 0), abs=0.03)
    assert found.knn_purity == pytest.approx(1 / 3, abs=0.05)


def test_alignment_and_uniformity_are_their_definitions():
    x, y = blobs(1, 40, 1.0)
    u = unit(x)
    square = ((u[:, np.newaxis] - u) ** 2).sum(axis=2)
    pairs = ~np.eye(40, dtype=bool)
    same = (y[:, np.newaxis] == y) & pairs
    assert alignment(x, y) == pytest.approx(square[same].mean())
    assert uniformity(x) == pytest.approx(np.log(np.exp(-2 * square[pairs]).mean()))


def test_alignment_and_uniformity_at_their_ends():
    same = np.ones((6, 3))
    y = [0, 0, 0, 1, 1, 1]
    assert alignment(same, y) == pytest.approx(0, abs=1e-12)
    assert uniformity(same) == pytest.approx(0, abs=1e-12)
    # Two opposite points a class: half of the distances are 2, none at all within a point.
    opposite = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert alignment(opposite, [0, 0, 1, 1]) == pytest.approx(4)
    # The length of a vector does not matter.
    assert uniformity(7 * opposite) == pytest.approx(uniformity(opposite))


def test_purity_leaves_the_row_itself_out():
    # Copies in pairs of two classes: the nearest other row is of the other class.
    x, y = [[0.0], [0.0], [9.0], [9.0]], [0, 1, 0, 1]
    assert knn_purity(x, y, 1) == 0
    assert knn_purity(x, y, 99) == pytest.approx(1 / 3)


def test_rows_are_drawn_of_each_class_in_proportion_and_at_least_two():
    y = np.random.default_rng(0).permutation([0] * 600 + [1] * 390 + [2] * 9 + [3])
    rows = draw_rows(y, 100)
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(y[rows])
    assert counts[[2, 3]].tolist() == [2, 1], "two of nine, and the one there is"
    assert counts[0] / counts[1] == pytest.approx(600 / 390, abs=0.05)
    assert draw_rows(y, 5000).tolist() == list(range(1000))
    assert draw_rows(y, 100, seed=1).tolist() != rows.tolist()
    assert len(draw_rows([], 5)) == 0
    assert len(draw_rows([7] * 9, 5)) == 5


def test_many_rows_are_drawn_in_proportion_and_the_same_each_time():
    x, y = blobs(2, 300)
    y[:290] = np.minimum(y[:290], 1)
    rare = np.flatnonzero(y == 2)
    found = embedding_quality(x, y, max_rows=50)
    assert found.n_rows == 50
    assert found == embedding_quality(x, y, max_rows=50)
    assert len(rare) >= 2
    assert embedding_quality(x, y, max_rows=6).n_rows == 6


def test_the_order_of_the_rows_does_not_matter():
    x, y = blobs(3, 60, 2.0)
    order = np.random.default_rng(0).permutation(60)
    assert embedding_quality(x[order], y[order]) == pytest.approx(embedding_quality(x, y), abs=1e-6)
