"""Numbers that a hyperparameter can have, so that a search space is refused before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """An interval of numbers.

    Attributes
    ----------
    low, high : float
    without_low, without_high : bool
        Whether that end is left out.
    whole : bool
        Whether only whole numbers are meant.
    also : tuple
        Values beside those of the interval: what turns something off.
    """

    low: float
    high: float = math.inf
    without_low: bool = False
    without_high: bool = False
    whole: bool = False
    also: tuple[int | None, ...] = ()

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the numbers."""
        if value is None or isinstance(value, bool | str):
            return value is None and None in self.also
        if value in self.also:
            return True
        above = value > self.low if self.without_low else value >= self.low
        below = value < self.high if self.without_high else value <= self.high
        return above and below and (not self.whole or float(value).is_integer())

    def __str__(self) -> str:
        ends = [f"above {self.low:g}" if self.without_low else f"of at least {self.low:g}"]
        if math.isfinite(self.high):
            ends.append(f"below {self.high:g}" if self.without_high else f"at most {self.high:g}")
        text = f"a {'whole ' * self.whole}number {' and '.join(ends)}"
        return " or ".join(
            [text, *("null" if value is None else str(value) for value in self.also)]
        )


#: 1, 2, 3 ...
COUNT = Range(1, whole=True)
POSITIVE = Range(0, without_low=True)
NOT_NEGATIVE = Range(0)
#: Of a part that is left out by chance, or of a label that is spread.
SHARE = Range(0, 1, without_high=True)
