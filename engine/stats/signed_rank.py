"""Wilcoxon's signed-rank test of two models over tasks, exact with ties, for every pair of models.

The test of a pair depends on this pair alone. Nemenyi's test does not: its answer changes with who
else is compared (Benavoli, Corani and Mangili, Journal of Machine Learning Research 17:1, 2016).
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.stats.adjust import Method, adjust
from engine.stats.checks import FloatArray, task_scores

EXACT_UP_TO = 200  # tasks; the normal approximation is good long before


class WilcoxonPair(NamedTuple):
    """Two models over T tasks.

    Attributes
    ----------
    a, b : int
        Columns of the models.
    wins, ties, losses : int
        Tasks on which a is better, equal, worse.
    delta : float
        Median of the differences a - b.
    statistic : float
        Sum of the ranks of the differences above 0.
    n : int
        Tasks without a tie: the test rests on these.
    exact : bool
        Whether p is exact.
    p, p_adjusted : float
        Two-sided, alone and corrected over all pairs.
    """

    a: int
    b: int
    wins: int
    ties: int
    losses: int
    delta: float
    statistic: float
    n: int
    exact: bool
    p: float
    p_adjusted: float


def wilcoxon_pairs(scores: npt.ArrayLike, correction: Method = "holm") -> list[WilcoxonPair]:
    """Test every pair of models over tasks.

    Parameters
    ----------
    scores : array_like, shape (T, M)
        Tasks by models; higher is better. Tasks that are not independent (ten histone marks) count
        as one: see `group_means`.
    correction : {"holm", "bh", "by", "none"}
        Over all pairs.

    Returns
    -------
    list of WilcoxonPair
        In the order (0, 1), (0, 2) ... Five tasks cannot give p < 0.0625, four p < 0.125.

    Raises
    ------
    ValueError
        Fewer than two tasks or models, scores that are not finite, or an unknown correction.

    Notes
    -----
    Wilcoxon, Biometrics Bulletin 1:80, 1945. Tasks with equal scores are left out, equal distances
    share their mean rank, and p is taken from the distribution over all signs of these ranks, so
    that it is exact with ties too.
    """
    table = task_scores(scores)
    pairs = list(combinations(range(table.shape[1]), 2))
    differences = [np.round(table[:, a] - table[:, b], 12) for a, b in pairs]
    tests = [_signed_rank(difference) for difference in differences]
    adjusted = adjust([p for _, _, p in tests], correction)
    results = []
    for (a, b), difference, (statistic, n, p), p_adjusted in zip(
        pairs, differences, tests, adjusted, strict=True
    ):
        results.append(
            WilcoxonPair(
                a=a,
                b=b,
                wins=int((difference > 0).sum()),
                ties=int((difference == 0).sum()),
                losses=int((difference < 0).sum()),
                delta=float(np.median(difference)),
                statistic=statistic,
                n=n,
                exact=n <= EXACT_UP_TO,
                p=p,
                p_adjusted=float(p_adjusted),
            )
        )
    return results


def _signed_rank(difference: FloatArray) -> tuple[float, int, float]:
    """Sum of positive ranks, number of differences that are not 0, two-sided p."""
    nonzero = difference[difference != 0]
    n = len(nonzero)
    ranks = stats.rankdata(np.abs(nonzero))
    statistic = float(ranks[nonzero > 0].sum())
    if n == 0:
        return 0.0, 0, 1.0
    if n > EXACT_UP_TO:
        return statistic, n, float(stats.wilcoxon(nonzero, method="asymptotic").pvalue)
    # Twice a mean rank is whole. The distribution of the sum grows by one rank at a time.
    doubled = np.rint(2 * ranks).astype(np.int64)
    chance = np.zeros(int(doubled.sum()) + 1)
    chance[0] = 1.0
    for rank in doubled:
        moved = np.roll(chance, rank)  # what is rolled over the end is 0
        chance = (chance + moved) / 2
    seen = round(2 * statistic)
    return statistic, n, min(1.0, 2 * float(min(chance[: seen + 1].sum(), chance[seen:].sum())))
