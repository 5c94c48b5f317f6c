"""Fitted models whose scores know the label more or less."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from engine.records import Cell
from engine.select.winners import FinalFit

Scores = npt.NDArray[np.float64]
BINARY = np.repeat([0, 1], [30, 30])
THREE = np.repeat([0, 1, 2], [20, 20, 20])


def scores(labels: npt.NDArray[np.int64], strength: float, draw: int) -> Scores:
    """Class probabilities that know the label the better, the greater the strength."""
    rng = np.random.default_rng(draw)
    logits = rng.normal(size=(len(labels), labels.max() + 1))
    logits[np.arange(len(labels)), labels] += strength
    likelihood = np.exp(logits)
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def fit(
    encoder: str, values: Scores, seed: int = 0, task: str = "t", variant: str = "tuned"
) -> FinalFit:
    return FinalFit(Cell(encoder, task, "probe"), variant, seed, 0.9, values, 1.5, 10)


def welch_df(labels: npt.NDArray[np.int64], groups: Sequence[str], *models: Scores) -> float:
    """Welch's degrees of freedom of how groups take part in an AUC, or in a difference of two.

    By definition, in O(m n): each row's share of the pairs that are in order, summed over a group.
    """
    orders = [
        (s[labels == 1, 1][:, None] > s[labels == 0, 1]) * 1.0
        + (s[labels == 1, 1][:, None] == s[labels == 0, 1]) / 2
        for s in models
    ]
    pairs = orders[0] - orders[1] if len(orders) > 1 else orders[0]
    names, sums = np.asarray(groups), []
    for label, share in ((1, pairs.mean(axis=1)), (0, pairs.mean(axis=0))):
        of_row, own = (share - share.mean()) / len(share), names[labels == label]
        of_group = np.array([of_row[own == name].sum() for name in np.unique(own)])
        sums.append(len(of_group) * of_group)
    df = stats.ttest_ind(*sums, equal_var=False).df
    return min(float(df), len(np.unique(names)) - 1.0)
