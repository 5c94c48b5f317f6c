"""What a metric is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.kinds import Kind

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Needs = Literal["scores", "probabilities", "labels"]
#: The values of B resamples of N rows: how often each row was drawn, (N, B) -> (B,).
Over = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    label : str
        What it is called in print.
    functions : mapping
        Name of a kind of task -> ``function(y, scores) -> float`` on checked input.
    overs : mapping
        The same -> ``over(y, scores) -> Over``: the value on resamples of the rows, many at a
        time. A kind may lack it, and bootstraps of the metric then take their time.
    needs : {"scores", "probabilities", "labels"}
        What it reads of class scores: their order or value, the same as probabilities (rows of
        [0, 1] that sum to 1), or only which is the highest.
    greater_is_better : bool
        False for a loss.
    range : tuple of float
        Lowest and highest value.
    """

    name: str
    label: str
    functions: Mapping[str, Callable[[Any, FloatArray], float]]
    overs: Mapping[str, Callable[[Any, FloatArray], Over]]
    needs: Needs
    greater_is_better: bool
    range: tuple[float, float]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of tasks that it can score, beside those whose metrics are like theirs."""
        return tuple(self.functions)

    def fits(self, kind: Kind) -> bool:
        """Whether it can score a kind of task."""
        return not {kind.name, kind.metrics_like}.isdisjoint(self.functions)

    def function(self, kind: Kind) -> Callable[[Any, FloatArray], float]:
        """The value on checked input of a kind that it fits."""
        return self.functions.get(kind.name) or self.functions[kind.metrics_like]

    def over(self, kind: Kind) -> Callable[[Any, FloatArray], Over] | None:
        """The same on many resamples at a time, where there is such a thing."""
        return self.overs.get(kind.name if kind.name in self.functions else kind.metrics_like)
