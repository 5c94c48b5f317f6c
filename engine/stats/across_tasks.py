"""Models over tasks that are not all independent: wins, group means, a bootstrap over groups.

Ten histone marks of one cell line are ten tasks and hardly ten pieces of evidence.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, IntArray, check_level, task_scores
from engine.stats.ranks import ranks_of_tasks


class WinTieLoss(NamedTuple):
    """How often each model beats each other.

    Attributes
    ----------
    wins, ties, losses : ndarray of int64, shape (M, M)
        ``wins[i, j]``: tasks on which i is better than j by more than the margin. A model ties with
        itself.
    """

    wins: IntArray
    ties: IntArray
    losses: IntArray


class TaskBootstrap(NamedTuple):
    """Means over tasks, and how far another draw of task groups would move them.

    Attributes
    ----------
    mean, ci_low, ci_high : ndarray of float64, shape (M,)
        Mean score and its percentile interval.
    mean_ranks, rank_low, rank_high : ndarray of float64, shape (M,)
        Mean rank (1 is best) and its percentile interval.
    share_best : ndarray of float64, shape (M,)
        Share of draws in which the model has the best mean rank; equals share.
    n_groups : int
        Groups drawn from.
    """

    mean: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    mean_ranks: FloatArray
    rank_low: FloatArray
    rank_high: FloatArray
    share_best: FloatArray
    n_groups: int


def win_tie_loss(scores: npt.ArrayLike, margin: float = 0.0) -> WinTieLoss:
    """Count on how many tasks each model beats each other.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        Tasks by models; higher is better.
    margin : float, default 0
        A difference of no more than this is a tie.

    Returns
    -------
    WinTieLoss

    Raises
    ------
    ValueError
        Fewer than two tasks or models, scores that are not finite, or a negative margin.
    """
    table = task_scores(scores)
    if not margin >= 0:
        raise ValueError(f"margin must not be negative, but is {margin}")
    difference = np.round(table[:, :, np.newaxis] - table[:, np.newaxis, :], 12)
    wins = (difference > margin).sum(axis=0)
    return WinTieLoss(wins, len(table) - wins - wins.T, wins.T.copy())


def group_means(
    scores: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[npt.NDArray[np.generic], FloatArray]:
    """Mean scores of each group of tasks, so that tests count groups and not tasks.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        Tasks by models.
    groups : array_like, shape (T,)
        The group of each task; one of its own for a task that stands alone.

    Returns
    -------
    names : ndarray, shape (G,)
        The groups, sorted.
    means : ndarray of float64, shape (G, M)

    Raises
    ------
    ValueError
        As `mean_ranks`; not one group a task.
    """
    table = task_scores(scores)
    names, of_task = _groups(groups, len(table))
    return names, np.stack([table[of_task == group].mean(axis=0) for group in range(len(names))])


def task_bootstrap(
    scores: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> TaskBootstrap:
    """Mean score and mean rank of each model over tasks, with intervals.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        Tasks by models; higher is better.
    groups : array_like, shape (T,), optional
        The group of each task: groups are drawn whole. Without it every task is its own.
    n_resamples, seed : int
        How many draws; the same seed gives the same result.
    level : float, default 0.95
        Confidence of the intervals.

    Returns
    -------
    TaskBootstrap

    Raises
    ------
    ValueError
        As `group_means`; fewer than two groups or resamples; a level outside (0, 1).

    Notes
    -----
    The cluster bootstrap with percentile intervals (Davison and Hinkley, Bootstrap Methods and
    Their Application, 1997, section 3.8). Every task weighs the same in a mean. With fewer than ten
    groups the intervals are too narrow.
    """
    check_level(level)
    table = task_scores(scores)
    names, of_task = _groups(np.arange(len(table)) if groups is None else groups, len(table))
    if len(names) < 2 or n_resamples < 2:
        raise ValueError(f"{len(names)} group(s) and {n_resamples} resamples: give two at least")
    ranks = ranks_of_tasks(table)
    member = np.eye(len(names))[of_task].T  # (G, T)
    rng = np.random.default_rng(seed)
    # How often each group is drawn; its sums, weighted so, are those of the drawn tasks.
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    n_tasks = (drawn @ member.sum(axis=1))[:, np.newaxis]
    means, mean_ranks = drawn @ (member @ table) / n_tasks, drawn @ (member @ ranks) / n_tasks
    best = np.isclose(mean_ranks, mean_ranks.min(axis=1, keepdims=True), rtol=0, atol=1e-9)
    tails = [(1 - level) / 2, (1 + level) / 2]
    ci_low, ci_high = np.quantile(means, tails, axis=0)
    rank_low, rank_high = np.quantile(mean_ranks, tails, axis=0)
    return TaskBootstrap(
        mean=table.mean(axis=0),
        ci_low=ci_low,
        ci_high=ci_high,
        mean_ranks=ranks.mean(axis=0),
        rank_low=rank_low,
        rank_high=rank_high,
        share_best=(best / best.sum(axis=1, keepdims=True)).mean(axis=0),
        n_groups=len(names),
    )


def _groups(groups: npt.ArrayLike, n_tasks: int) -> tuple[npt.NDArray[np.generic], IntArray]:
    values = np.asarray(groups)
    if values.shape != (n_tasks,):
        raise ValueError(f"groups must have shape {(n_tasks,)}, not {values.shape}")
    names, of_task = np.unique(
        values.astype(str) if values.dtype == object else values, return_inverse=True
    )
    return names, of_task.astype(np.int64)
