"""How probable is it that one model is better than another over tasks, and by more than a margin?

A p-value does not say so; a posterior does. A difference within the margin, the region of practical
equivalence (ROPE), counts as none.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stats.checks import FloatArray, finite_scores

_AT_ONCE = 5000  # draws of weights in memory


class BayesResult(NamedTuple):
    """Posterior probabilities, which sum to 1.

    Attributes
    ----------
    p_less, p_rope, p_greater : float
        That differences below the ROPE, within it, above it are the most frequent.
    """

    p_less: float
    p_rope: float
    p_greater: float


def bayes_signed_rank(
    differences: npt.ArrayLike, rope: float = 0.01, n_samples: int = 50_000, seed: int = 0
) -> BayesResult:
    """Compare two models over tasks by the Bayesian signed-rank test.

    Parameters
    ----------
    differences : array_like, shape (T,)
        Score of a less that of b on each task; one per group where tasks are not independent.
    rope : float, default 0.01
        Half width of the region of practical equivalence, in the same units.
    n_samples, seed : int
        Draws from the posterior; the same seed gives the same result.

    Returns
    -------
    BayesResult
        ``p_greater``: a is better by more than ``rope``.

    Raises
    ------
    ValueError
        No differences, differences that are not finite, a negative ``rope``, or no draws.

    Notes
    -----
    Benavoli, Corani, Demšar and Zaffalon, Journal of Machine Learning Research 18(77):1, 2017,
    section 4.2: a Dirichlet process prior of strength 0.5 at a difference of 0. A draw gives every
    task a weight; it counts for the region where most pairs of tasks have their mean difference,
    in equal parts for regions that tie.
    """
    values = finite_scores(differences, len(np.atleast_1d(np.asarray(differences))))
    if len(values) == 0 or n_samples < 1 or not rope >= 0:
        raise ValueError(
            f"{len(values)} differences, rope {rope}, {n_samples} samples: give one at least, and "
            "a rope that is not negative"
        )
    with_prior = np.append(0.0, values)
    sums = np.round(np.add.outer(with_prior, with_prior), 12)
    below, above = _beyond(-sums, 2 * rope), _beyond(sums, 2 * rope)
    strength = np.append(0.5, np.ones(len(values)))
    rng = np.random.default_rng(seed)
    counts = np.zeros(3)
    for start in range(0, n_samples, _AT_ONCE):
        weights = rng.dirichlet(strength, size=min(_AT_ONCE, n_samples - start))
        less = ((weights @ below) * weights).sum(axis=1)
        greater = ((weights @ above) * weights).sum(axis=1)
        # Rounded, so that what is equal but for the order of sums counts as equal.
        shares = np.round(np.stack([less, 1 - less - greater, greater]), 12)
        most = shares == shares.max(axis=0)
        counts += (most / most.sum(axis=0)).sum(axis=1)
    p_less, p_rope, p_greater = (counts / n_samples).tolist()
    return BayesResult(p_less, p_rope, p_greater)


def _beyond(sums: FloatArray, edge: float) -> FloatArray:
    """1 where a sum lies beyond the edge, one half on it."""
    return (np.sign(sums - round(edge, 12)) + 1) / 2
