"""What the test rows of one task tell of fitted models, and of methods over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.compare.by_area import Areas
from engine.compare.by_resampling import Resamples
from engine.kinds import Kind
from engine.metrics import METRICS
from engine.stats.checks import Alternative, FloatArray
from engine.stats.inference import Difference
from engine.stats.method_level import Fits, MethodResult

Labels = npt.NDArray[np.int64 | np.float64]

RESAMPLES = 2000


class Evidence(Protocol):
    """The test rows of one task under one metric.

    All but the first two raise ValueError where the rows allow no test. Scores are (N, K), a fit
    each; ``alternative`` is "two-sided", "greater" (the first is better) or "less".
    """

    def test_of(self, scores: FloatArray) -> str:
        """Name of the test of fitted models that give such scores."""

    def value(self, scores: FloatArray) -> float:
        """The metric of one fitted model."""

    def interval(self, scores: FloatArray, level: float) -> tuple[float, float]:
        """Interval of one fitted model's metric over test rows."""

    def difference(
        self, a: FloatArray, b: FloatArray, level: float, alternative: Alternative
    ) -> Difference:
        """Difference of two fitted models on the same rows."""

    def methods(self, a: Fits, b: Fits, level: float, alternative: Alternative) -> MethodResult:
        """Difference of the expected metrics of two methods, one fit per seed."""


def gather(
    metric: str,
    kind: Kind,
    labels: Labels,
    fits: Sequence[FloatArray],
    groups: npt.ArrayLike | None = None,
) -> Evidence:
    """Evidence on a task, drawn once for all of its fits: by area for AUROC of classes.

    Parameters
    ----------
    metric : str
    kind : Kind
        Of the task.
    labels : ndarray
        Of the test split, shaped by the kind.
    fits : sequence of ndarray, shape (N, K)
        Every fit that is to be looked at.
    groups : array_like, shape (N,), optional
        Rows of one group are not independent.
    """
    if metric == "auroc" and kind.exclusive:
        return Areas(labels.astype(np.int64), groups)
    function, over = METRICS[metric].function(kind), METRICS[metric].over(kind)
    return Resamples(labels, fits, function, kind.exclusive, groups, over, RESAMPLES)


def interval(evidence: Evidence, scores: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Interval of one fitted model's score over test rows; NaN where the rows allow none."""
    try:
        return evidence.interval(scores, level)
    except ValueError:
        return float("nan"), float("nan")


def paired_test(
    evidence: Evidence,
    a: FloatArray,
    b: FloatArray,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> dict[str, Any]:
    """Difference of two fitted models on the same rows, with interval and p-value.

    Returns
    -------
    dict
        ``test``, those of `Difference` and ``note``; where the rows allow no test, the numbers are
        NaN and the note says why.
    """
    name = evidence.test_of(a)
    try:
        return {"test": name, **evidence.difference(a, b, level, alternative)._asdict(), "note": ""}
    except ValueError as error:
        delta = evidence.value(a) - evidence.value(b)
        unknown = dict.fromkeys(Difference._fields, float("nan"))
        return {"test": name, **unknown, "delta": delta, "note": str(error)}


class MethodTest(NamedTuple):
    """A comparison of two methods, or none; and why, or which side has one model for all seeds."""

    result: MethodResult | None
    note: str


def method_test(
    evidence: Evidence,
    fits_a: Fits,
    fits_b: Fits,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> MethodTest:
    """Compare the expected scores of two methods over seeds and test rows."""
    if min(len(fits_a), len(fits_b)) < 2:
        return MethodTest(None, "one seed a side: no claim about methods")
    try:
        result = evidence.methods(fits_a, fits_b, level, alternative)
    except ValueError as error:
        return MethodTest(None, str(error))
    sides = (("a", fits_a), ("b", fits_b))
    same = [side for side, fits in sides if all((fit == fits[0]).all() for fit in fits)]
    return MethodTest(result, f"same model with every seed: {' and '.join(same)}" if same else "")
