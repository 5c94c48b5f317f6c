"""Evidence on any metric: its rows are drawn anew, the same for all fitted models of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.metrics.base import Over
from engine.stats.bootstrap import difference_of, interval_of
from engine.stats.checks import Alternative, FloatArray
from engine.stats.clustered import resampling_factor
from engine.stats.draws import Draws, draw
from engine.stats.inference import Difference, difference
from engine.stats.method_level import Fits, MethodResult, method_of
from engine.stats.pairs import MetricFunction


@dataclass(frozen=True)
class Resamples:
    """A metric of some fits on resamples; see `engine.compare.evidence.Evidence`.

    Attributes
    ----------
    labels : ndarray
        Of the test split, shaped by the kind of the task.
    fits : sequence of ndarray, shape (N, K)
        Every fit that is to be looked at; equal ones are drawn once.
    metric : callable
        ``metric(labels, scores) -> float``.
    by_class : bool
        Whether each class keeps its number of rows.
    groups : array_like, shape (N,), or None
        Rows of one group are not independent: whole groups are drawn.
    over : callable or None
        As in `engine.stats.draws.draw`.
    """

    labels: npt.NDArray[np.int64 | np.float64]
    fits: Sequence[FloatArray]
    metric: MetricFunction
    by_class: bool
    groups: npt.ArrayLike | None
    over: Callable[[Any, FloatArray], Over] | None
    resamples: int

    def test_of(self, scores: FloatArray) -> str:
        """One test for all."""
        return "paired bootstrap"

    def value(self, scores: FloatArray) -> float:
        """The metric of one fitted model."""
        return float(self.metric(self.labels, scores))

    def interval(self, scores: FloatArray, level: float) -> tuple[float, float]:
        """Expanded percentile interval of one fitted model's metric."""
        found = interval_of(self._draws, self._places[scores.tobytes()], level)
        return found.ci_low, found.ci_high

    def difference(
        self, a: FloatArray, b: FloatArray, level: float, alternative: Alternative
    ) -> Difference:
        """By its standard error: a share of 2,000 draws is too coarse for a family of 100 tests.

        The difference over its standard error is Student's t, with one degree of freedom less than
        the rows of the rarest class, or the groups that hold it.
        """
        draws = self._draws
        found = difference_of(draws, *(self._places[scores.tobytes()] for scores in (a, b)))
        se = found.se * float(np.sqrt(resampling_factor(draws.n_units)))
        return difference(found.delta, se, draws.n_units - 1, alternative, level)

    def methods(self, a: Fits, b: Fits, level: float, alternative: Alternative) -> MethodResult:
        """Two methods, over their seeds and the same draws."""
        of_a, of_b = ([self._places[scores.tobytes()] for scores in fits] for fits in (a, b))
        return method_of(self._draws, of_a, of_b, alternative, level)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        """Where a fit's scores stand in the draws."""
        distinct = dict.fromkeys(scores.tobytes() for scores in self.fits)
        return {scores: place for place, scores in enumerate(distinct)}

    @cached_property
    def _draws(self) -> Draws:
        """The metric of every different fit, resampled."""
        distinct = {scores.tobytes(): scores for scores in self.fits}
        return draw(
            self.labels,
            list(distinct.values()),
            self.metric,
            self.resamples,
            by_class=self.by_class,
            groups=self.groups,
            over=self.over,
        )
