"""What embeddings tell of the classes without a classifier.

Clusters that agree with the classes, classes that lie apart, neighbours that are alike; and how the
vectors use their space.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, IntArray, class_labels, finite_scores, whole_numbers


class EmbeddingQuality(NamedTuple):
    """Quality of embeddings with respect to K classes.

    Attributes
    ----------
    kmeans_ari, kmeans_ami : float
        Agreement of K clusters of k-means with the classes: adjusted Rand index and adjusted mutual
        information; 0 by chance, 1 at best.
    agglomerative_ari, agglomerative_ami : float
        The same with Ward's agglomerative clusters.
    silhouette : float
        Of the classes themselves, in [-1, 1]: above 0 they lie apart.
    alignment : float
        Mean squared distance of two rows of a class on the unit sphere; less is better.
    uniformity : float
        Log of the mean Gaussian potential of two rows on the unit sphere; less is more even.
    knn_purity : float
        Share of a row's nearest neighbours that have its class.
    n_rows : int
        Rows that were used.
    """

    kmeans_ari: float
    kmeans_ami: float
    agglomerative_ari: float
    agglomerative_ami: float
    silhouette: float
    alignment: float
    uniformity: float
    knn_purity: float
    n_rows: int


def embedding_quality(
    vectors: npt.ArrayLike,
    labels: npt.ArrayLike,
    k: int = 10,
    seed: int = 0,
    max_rows: int = 2000,
) -> EmbeddingQuality:
    """Measure how well embeddings tell classes apart, without a classifier.

    Parameters
    ----------
    vectors : array_like, shape (N, H)
        Embeddings, as a probe would get them. Not scaled here.
    labels : array_like, shape (N,)
        Class numbers; at least two rows of each class.
    k : int, default 10
        Neighbours of the purity; fewer where there are fewer rows.
    seed : int, default 0
        Of k-means and of the rows drawn.
    max_rows : int, default 2000
        With more rows, so many are drawn, each class in proportion: time and memory grow with the
        square.

    Returns
    -------
    EmbeddingQuality

    Raises
    ------
    ValueError
        Vectors that are not finite, not (N, H) or all zeros in a row; fewer than two classes, or
        fewer than two rows of a class; ``k`` below 1, or ``max_rows`` below twice the classes.
    """
    from sklearn.cluster import AgglomerativeClustering, KMeans
    from sklearn.metrics import adjusted_mutual_info_score as ami
    from sklearn.metrics import adjusted_rand_score as ari
    from sklearn.metrics import silhouette_score

    classes = class_labels(labels)
    matrix = finite_scores(vectors, len(classes), ndim=2)
    n_classes = len(np.unique(classes))
    if max_rows < 2 * n_classes:
        raise ValueError(f"max_rows must be at least two per class, but is {max_rows}")
    rows = draw_rows(classes, max_rows, seed)
    matrix, classes = matrix[rows], classes[rows]
    by_means = KMeans(n_classes, n_init=10, random_state=seed).fit_predict(matrix)
    by_ward = AgglomerativeClustering(n_classes).fit_predict(matrix)
    return EmbeddingQuality(
        kmeans_ari=float(ari(classes, by_means)),
        kmeans_ami=float(ami(classes, by_means)),
        agglomerative_ari=float(ari(classes, by_ward)),
        agglomerative_ami=float(ami(classes, by_ward)),
        silhouette=float(silhouette_score(matrix, classes)),
        alignment=alignment(matrix, classes),
        uniformity=uniformity(matrix),
        knn_purity=knn_purity(matrix, classes, k),
        n_rows=len(rows),
    )


def alignment(vectors: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean squared distance of two rows of one class, on the unit sphere.

    Parameters
    ----------
    vectors : array_like, shape (N, H)
        Scaled to length 1 here.
    labels : array_like, shape (N,)
        Class numbers; at least two rows of each class.

    Returns
    -------
    float
        In [0, 4); less is better.

    Raises
    ------
    ValueError
        As `embedding_quality`.

    Notes
    -----
    Wang and Isola, ICML 2020, equation 2 with alpha = 2, a positive pair being any two rows of a
    class. For n unit vectors with sum s the mean over pairs is 2 - 2 (|s|^2 - n) / (n (n - 1)).
    """
    classes = class_labels(labels)
    unit = _unit(vectors, len(classes))
    total, pairs = 0.0, 0
    for label in np.unique(classes):
        members = unit[classes == label]
        n = len(members)
        total += 2 * n * (n - 1) - 2 * (float((members.sum(axis=0) ** 2).sum()) - n)
        pairs += n * (n - 1)
    return max(0.0, total / pairs)


def uniformity(vectors: npt.ArrayLike) -> float:
    """Log of the mean of exp(-2 d^2) over all pairs of rows, on the unit sphere.

    Parameters
    ----------
    vectors : array_like, shape (N, H)
        At least two rows; scaled to length 1 here.

    Returns
    -------
    float
        At most 0, which is all rows in one place; less is more even.

    Raises
    ------
    ValueError
        Vectors that are not finite, not (N, H), fewer than two, or all zeros in a row.

    Notes
    -----
    Wang and Isola, ICML 2020, equation 3 with t = 2. Time and memory grow with the square of N.
    """
    unit = _unit(vectors, len(np.atleast_1d(np.asarray(vectors))))
    if len(unit) < 2:
        raise ValueError(f"uniformity needs at least two rows, not {len(unit)}")
    # On the sphere d^2 = 2 - 2 cos; one product of matrices takes a third of the time of distances.
    cosines = (unit @ unit.T)[np.triu_indices(len(unit), k=1)]
    return min(0.0, float(np.log(np.exp(4 * cosines - 4).mean())))


def knn_purity(vectors: npt.ArrayLike, labels: npt.ArrayLike, k: int = 10) -> float:
    """Share of a row's nearest neighbours (Euclidean, itself left out) that have its class.

    Parameters
    ----------
    vectors : array_like, shape (N, H)
        Not scaled.
    labels : array_like, shape (N,)
        Class numbers; at least two rows of each class.
    k : int, default 10
        Neighbours; N - 1 where there are fewer.

    Returns
    -------
    float
        1 at best; by chance the chance that two rows have one class.

    Raises
    ------
    ValueError
        As `embedding_quality`.
    """
    from sklearn.neighbors import NearestNeighbors

    classes = class_labels(labels)
    matrix = finite_scores(vectors, len(classes), ndim=2)
    if k < 1:
        raise ValueError(f"k must be at least 1, but is {k}")
    finder = NearestNeighbors(n_neighbors=min(k, len(classes) - 1)).fit(matrix)
    neighbours = finder.kneighbors(return_distance=False)
    return float((classes[neighbours] == classes[:, np.newaxis]).mean())


def chance_purity(labels: npt.ArrayLike) -> float:
    """Chance that two rows have one class: the purity of neighbours that are drawn at random."""
    n = np.unique(class_labels(labels), return_counts=True)[1].astype(float)
    return float((n * (n - 1)).sum() / (n.sum() * (n.sum() - 1)))


def _unit(vectors: npt.ArrayLike, n_rows: int) -> FloatArray:
    matrix = finite_scores(vectors, n_rows, ndim=2)
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    if (length == 0).any():
        raise ValueError(f"vectors must have a direction, but row {int(np.argmin(length))} is 0")
    unit: FloatArray = matrix / length
    return unit


def draw_rows(labels: npt.ArrayLike, max_rows: int, seed: int = 0) -> IntArray:
    """Rows drawn at random, each class in proportion.

    Parameters
    ----------
    labels : array_like, shape (N,)
        Class numbers.
    max_rows : int
    seed : int

    Returns
    -------
    ndarray, shape (min(N, max_rows),), int64
        In ascending order; of every class two or more, as far as it has them.

    Raises
    ------
    ValueError
        Labels that are no whole numbers.
    """
    classes = whole_numbers(labels)
    shuffled = np.random.default_rng(seed).permutation(len(classes))
    place = np.empty(len(classes))  # of a row within its class, in (0, 1]; the first two come first
    for label in np.unique(classes):
        members = shuffled[classes[shuffled] == label]
        place[members] = np.arange(1, len(members) + 1) / len(members)
        place[members[:2]] = 0
    return np.sort(np.argsort(place, kind="stable")[:max_rows])
