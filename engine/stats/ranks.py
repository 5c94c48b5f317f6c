"""Models over tasks by rank: Friedman's test and the critical-difference diagram.

Ranks make tasks comparable whose scores are not. Tasks count as independent: see `group_means` for
those that are not.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.stats.checks import FloatArray, IntArray, check_level, task_scores
from engine.stats.signed_rank import WilcoxonPair, wilcoxon_pairs


class FriedmanResult(NamedTuple):
    """A test of whether M models rank alike over T tasks.

    Attributes
    ----------
    mean_ranks : ndarray of float64, shape (M,)
        1 is best; equal models share their ranks.
    chi2, df, p_chi2 : float
        Friedman's statistic, M - 1, and its p-value, which is too careful.
    f, df1, df2, p : float
        Iman and Davenport's statistic with M - 1 and (M - 1) (T - 1) degrees of freedom, and its
        p-value: the one to read. Where all tasks rank the models alike, f is infinite and p is the
        chance of that, 1 / R ** (T - 1), of R ways to rank the models: M!, fewer with ties.
    """

    mean_ranks: FloatArray
    chi2: float
    df: int
    p_chi2: float
    f: float
    df1: int
    df2: int
    p: float


class CriticalDifference(NamedTuple):
    """What a critical-difference diagram shows.

    Attributes
    ----------
    mean_ranks : ndarray of float64, shape (M,)
        1 is best.
    order : ndarray of int64, shape (M,)
        Models from best to worst.
    cliques : tuple of tuple of int
        Bars of the diagram: models next to each other in the order, no two of which differ
        significantly. Each as long as can be; two members at least.
    pairs : list of WilcoxonPair
        The tests, corrected by Holm.
    """

    mean_ranks: FloatArray
    order: IntArray
    cliques: tuple[tuple[int, ...], ...]
    pairs: list[WilcoxonPair]


def mean_ranks(scores: npt.ArrayLike) -> FloatArray:
    """Mean rank of each model over tasks.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        Tasks by models; higher is better.

    Returns
    -------
    ndarray of float64, shape (M,)
        1 is best; equal scores share their mean rank.

    Raises
    ------
    ValueError
        Fewer than two tasks or models, or scores that are not finite.
    """
    averages: FloatArray = ranks_of_tasks(task_scores(scores)).mean(axis=0)
    return averages


def ranks_of_tasks(table: FloatArray) -> FloatArray:
    """Rank of each model within each task, shape (T, M); 1 is best, ties share."""
    ranks: FloatArray = stats.rankdata(-table, axis=1)
    return ranks


def friedman_test(scores: npt.ArrayLike) -> FriedmanResult:
    """Test whether M models rank alike over T tasks.

    Parameters and errors are those of `mean_ranks`.

    Returns
    -------
    FriedmanResult
        Models that are equal on every task have chi2 = 0 and p = 1.

    Notes
    -----
    Friedman, JASA 32:675, 1937, corrected for ties; Iman and Davenport, Communications in
    Statistics A 9:571, 1980, as Demšar, Journal of Machine Learning Research 7:1, 2006 advises.
    """
    ranks = ranks_of_tasks(task_scores(scores))
    n_tasks, n_models = ranks.shape
    middle = (n_models + 1) / 2
    spread = ((ranks - middle) ** 2).sum()
    df1, df2 = n_models - 1, (n_models - 1) * (n_tasks - 1)
    averages = ranks.mean(axis=0)
    if spread == 0:
        return FriedmanResult(averages, 0.0, df1, 1.0, 0.0, df1, df2, 1.0)
    chi2 = float(df1 * n_tasks**2 * ((averages - middle) ** 2).sum() / spread)
    most = n_tasks * df1
    if chi2 >= most * (1 - 1e-12):
        f, p = math.inf, 1.0 / _orders(ranks[0]) ** (n_tasks - 1)
    else:
        f = (n_tasks - 1) * chi2 / (most - chi2)
        p = float(stats.f.sf(f, df1, df2))
    p_chi2 = float(stats.chi2.sf(chi2, df1))
    return FriedmanResult(averages, chi2, df1, p_chi2, f, df1, df2, p)


def _orders(ranks: FloatArray) -> int:
    """Ways to hand these ranks to models: M! over t! of each t that are tied."""
    _, tied = np.unique(ranks, return_counts=True)
    return math.factorial(len(ranks)) // math.prod(math.factorial(t) for t in tied.tolist())


def critical_difference(scores: npt.ArrayLike, level: float = 0.05) -> CriticalDifference:
    """Order of the models over tasks, and which of them cannot be told apart.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        Tasks by models; higher is better.
    level : float, default 0.05
        Of the corrected tests.

    Returns
    -------
    CriticalDifference

    Raises
    ------
    ValueError
        As `mean_ranks`; a level outside (0, 1).

    Notes
    -----
    Demšar's diagram with Wilcoxon's tests corrected by Holm in place of Nemenyi's, as Benavoli,
    Corani and Mangili (2016) advise. Not to be told apart is not to be equal.
    """
    check_level(level)
    averages = mean_ranks(scores)
    pairs = wilcoxon_pairs(scores, "holm")
    order = np.argsort(averages, kind="stable")
    differs = {frozenset((pair.a, pair.b)): pair.p_adjusted < level for pair in pairs}
    cliques: list[tuple[int, ...]] = []
    reached = 0  # how far the bars so far extend
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and not any(
            differs[frozenset((int(order[end]), int(other)))] for other in order[start:end]
        ):
            end += 1
        if end - start > 1 and end > reached:
            cliques.append(tuple(int(model) for model in order[start:end]))
            reached = end
    return CriticalDifference(averages, order.astype(np.int64), tuple(cliques), pairs)
