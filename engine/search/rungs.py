"""Whether a trial is worth going on with: rules over the scores of one cell's trials.

No rule knows Ray: a rule is told the trials' scores epoch by epoch and says whether to stop.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean, median

import numpy as np

#: A trial's number, an epoch, its score, higher being better -> whether the trial is to stop.
Rule = Callable[[int, int, float], bool]

#: Brackets of Hyperband: as many trade-offs between many short and few long trials.
BRACKETS = 3

#: The median of fewer trials says little.
MEDIAN_TRIALS = 3


@dataclass
class Rungs:
    """Asynchronous successive halving (ASHA; Li et al. 2020, MLSys, algorithm 2), stopping form.

    A trial that reaches a rung (``grace * factor ** k`` epochs) stops there if its score is below
    the best 1/factor of the scores of those that reached it before.

    Attributes
    ----------
    grace : int
        Epochs to the first rung.
    longest : int
        Epochs of the longest trial: it has no rung.
    """

    grace: int
    factor: float
    longest: int
    _scores: dict[int, dict[int, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps = 0
        while (rung := math.ceil(self.grace * self.factor**steps)) < self.longest:
            self._scores[rung] = {}
            steps += 1

    def __call__(self, number: int, epoch: int, score: float) -> bool:
        """Take a score, and say whether the trial is to stop."""
        reached = self._scores.get(epoch)
        if reached is None or number in reached:
            return False
        earlier = list(reached.values())
        reached[number] = score
        if not earlier:
            return False
        return score < float(np.percentile(earlier, (1 - 1 / self.factor) * 100))


@dataclass
class Hyperband:
    """ASHA in several brackets: a trial's number decides how early its first rung is.

    Li et al. 2018 (JMLR 18:185), run asynchronously: it hedges against scores of early epochs that
    say little of the last.
    """

    brackets: tuple[Rungs, ...]

    def __call__(self, number: int, epoch: int, score: float) -> bool:
        """Take a score, and say whether the trial is to stop."""
        return self.brackets[number % len(self.brackets)](number, epoch, score)


@dataclass
class MedianRule:
    """Stop a trial whose best score so far is below the median of the others' running means.

    Golovin et al. 2017 (Google Vizier, KDD), section 3.2.2.

    Attributes
    ----------
    grace : int
        Epochs before a trial can be stopped.
    """

    grace: int
    _curves: dict[int, dict[int, float]] = field(default_factory=dict)

    def __call__(self, number: int, epoch: int, score: float) -> bool:
        """Take a score, and say whether the trial is to stop."""
        curve = self._curves.setdefault(number, {})
        curve[epoch] = score
        if epoch < self.grace:
            return False
        means = [
            fmean(value for step, value in other.items() if step <= epoch)
            for of, other in self._curves.items()
            if of != number and max(other) >= epoch
        ]
        return len(means) >= MEDIAN_TRIALS and max(curve.values()) < median(means)


def rule_of(name: str, grace: int, factor: float, longest: int) -> Rule | None:
    """Rule of a name for a cell whose trials take up to `longest` epochs; none where none applies.

    Parameters
    ----------
    name : {"asha", "hyperband", "median", "none"}
    grace : int
        Epochs before a trial can be stopped.
    factor : float
        One trial in so many goes on from a rung.
    """
    if name == "none" or longest <= grace:
        return None
    if name == "median":
        return MedianRule(grace)
    if name == "asha":
        return Rungs(grace, factor, longest)
    starts = [math.ceil(grace * factor**k) for k in range(BRACKETS)]
    # A bracket without a rung stops nothing: one such is enough.
    useful = [start for start in starts if start < longest] or [grace]
    return Hyperband(tuple(Rungs(start, factor, longest) for start in useful))
