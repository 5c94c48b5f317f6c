"""Evidence on fitted models alone: answers that change hands, and McNemar's test of accuracy.

Neither has a standard error, nor anything to say of methods; intervals of single models are those
of resampled rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

from engine.compare.by_resampling import Resamples
from engine.stats.checks import Alternative, FloatArray
from engine.stats.inference import Difference
from engine.stats.mcnemar import mcnemar_test
from engine.stats.method_level import Fits, MethodResult
from engine.stats.permutation import paired_permutation


@dataclass(frozen=True)
class FitsAlone:
    """A two-sided test of fitted models without a standard error; see `Evidence`.

    Attributes
    ----------
    rows : Resamples
        The metric, and its intervals.
    tested : callable
        ``tested(rows, a, b, level) -> Difference``.
    """

    rows: Resamples
    test: str
    tested: Callable[[Resamples, FloatArray, FloatArray, float], Difference]

    def test_of(self, scores: FloatArray) -> str:
        """One test for all."""
        return self.test

    def value(self, scores: FloatArray) -> float:
        """The metric of one fitted model."""
        return self.rows.value(scores)

    def interval(self, scores: FloatArray, level: float) -> tuple[float, float]:
        """Of one fitted model's metric, by resampled rows."""
        return self.rows.interval(scores, level)

    def difference(
        self, a: FloatArray, b: FloatArray, level: float, alternative: Alternative
    ) -> Difference:
        """Two fitted models, two-sided whatever the alternative."""
        return self.tested(self.rows, a, b, level)

    def methods(self, a: Fits, b: Fits, level: float, alternative: Alternative) -> MethodResult:
        """Refuse: there is no such test."""
        raise ValueError(f"{self.test}: no claim about methods")


def exchanged(rows: Resamples, a: FloatArray, b: FloatArray, level: float) -> Difference:
    """Permutation test of answers on one scale."""
    found = paired_permutation(rows.labels, a, b, rows.metric, rows.resamples)
    return _without_error(found.delta, (math.nan, math.nan), found.p, math.log10(found.p))


def exchanged_ranks(rows: Resamples, a: FloatArray, b: FloatArray, level: float) -> Difference:
    """Permutation test of a metric of order: answers change hands as ranks within each model."""
    return exchanged(rows, stats.rankdata(a, axis=0), stats.rankdata(b, axis=0), level)


def answered(rows: Resamples, a: FloatArray, b: FloatArray, level: float) -> Difference:
    """McNemar's exact test of the classes that two models answer."""
    found = mcnemar_test(rows.labels, a.argmax(axis=1), b.argmax(axis=1), level=level)
    return _without_error(found.delta, (found.ci_low, found.ci_high), found.p, found.log10_p)


def _without_error(
    delta: float, interval: tuple[float, float], p: float, log10_p: float
) -> Difference:
    return Difference(delta, math.nan, *interval, math.nan, math.nan, p, log10_p)
