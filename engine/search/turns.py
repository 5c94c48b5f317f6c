"""Which cell is next, and which cells get more trials than the floor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import fmean, stdev

from scipy.stats import norm

from engine.search.searcher import BATCH, CellSearch

#: What a method needs; trials that train a network take longest and go first.
KINDS = ("network", "embeddings")


@dataclass
class Turns:
    """Which cell is next.

    Of the cells that can run at once, the one with most work before it: so all end at about the
    same time, and no worker waits for the last trials of a cell of long ones. A cell of which no
    trial has finished comes first, since nobody knows how long it takes.

    Attributes
    ----------
    searches : mapping
        Cell id -> its search.
    spare : int
        Trials beyond the cells' budgets; each batch of them goes to the cell where most improvement
        a second is expected. None where budgets are equal.
    """

    searches: Mapping[str, CellSearch]
    spare: int = 0

    @property
    def finished(self) -> bool:
        """Whether no cell will have another trial to propose."""
        return all(search.done for search in self.searches.values()) and not self._growing()

    def next(self, free: Sequence[str] = KINDS) -> CellSearch | None:
        """The cell whose turn it is, or none while all that is left must wait.

        Parameters
        ----------
        free : sequence of str
            What a method may need for its trial to run now.
        """
        for needs in KINDS:
            kind = [
                s for s in self.searches.values() if needs in free and s.plan.method.needs == needs
            ]
            if ready := [s for s in kind if s.can_ask()]:
                return max(ready, key=lambda s: (seconds_left(s), -s.begun))
            if growing := [s for s in self._growing() if s in kind]:
                chosen = max(growing, key=improvement_per_second)
                granted = min(BATCH, self.spare)
                chosen.grow(granted)
                self.spare -= granted
                return chosen
        return None

    def _growing(self) -> list[CellSearch]:
        """Cells that could use a spare trial: their own are done, and no rule stopped them."""
        if self.spare <= 0:
            return []
        return [s for s in self.searches.values() if s.done and not s.stopped]


def seconds_left(search: CellSearch) -> float:
    """Time that the rest of a cell takes one after the other; infinite where nothing is known."""
    return inf if search.mean_seconds is None else search.mean_seconds * search.to_begin


def improvement_per_second(search: CellSearch) -> float:
    """How much better a cell's best score is expected to be after one more second.

    Expected improvement (Jones et al. 1998, Journal of Global Optimization 13:455, equation 15) of
    a score drawn from the normal distribution of the latest half of the cell's scores.
    """
    sign = 1 if search.maximize else -1
    complete = [r.result for _, r in sorted(search.records.items())]
    scores = [sign * r.score for r in complete if r.status == "complete" and r.score is not None]
    if len(scores) < 2:
        return inf
    latest = scores[len(scores) // 2 :] if len(scores) >= 4 else scores
    spread = stdev(latest)
    if spread == 0:
        return 0.0
    z = (fmean(latest) - max(scores)) / spread
    expected = spread * (z * float(norm.cdf(z)) + float(norm.pdf(z)))
    return expected / max(search.mean_seconds or 0.0, 1e-3)
