"""Hyperparameters, each said once: its name, what it can be, its default, and what it is.

A method or a probe declares those that it takes. Its body reads them from a configuration through
the declaration, and so do the check of search spaces, the estimate of memory, and what is listed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

#: What decides the memory of a trial that trains a network: how large adapters are, whether they
#: are on ``all_linear`` layers, rows of a step, and whether gradients are checkpointed.
Role = Literal["", "size", "targets", "rows", "checkpointing"]


@dataclass(frozen=True)
class Range:
    """An interval of numbers.

    Attributes
    ----------
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
        return " or ".join([text, *map(as_yaml, self.also)])


#: 1, 2, 3 ...
COUNT = Range(1, whole=True)
POSITIVE = Range(0, without_low=True)
NOT_NEGATIVE = Range(0)
#: Of a part that is left out by chance, or of a label that is spread.
SHARE = Range(0, 1, without_high=True)
SWITCH = (True, False)


@dataclass(frozen=True)
class Hyperparameter(Generic[T]):
    """What a configuration can say.

    Attributes
    ----------
    name : str
        Its key in search spaces.
    values : Range, tuple or None
        Numbers, or names of something, that it can be; none where the encoder decides.
    default : T
        What it is where a configuration leaves it out; a None that is not one of its values stands
        for something that depends, as `about` says.
    about : str
        What it is, in a line.
    role : str
        What it decides of a trial's memory; see `Role`.
    """

    name: str
    values: Range | tuple[str | bool, ...] | None
    default: T
    about: str
    role: Role = ""

    def of(self, params: Mapping[str, Any]) -> T:
        """Its value in a configuration."""
        value: T = params.get(self.name, self.default)
        return value

    def row(self) -> dict[str, str]:
        """As text, for tables: what it is called, is where it is left out, can be, and means."""
        if isinstance(self.values, Range):
            values, known = str(self.values), self.values.holds(self.default)
        else:
            values = ", ".join(map(as_yaml, self.values or ()))
            known = self.default is not None
        default = as_yaml(self.default) if known else ""
        return {
            "hyperparameter": self.name,
            "default": default,
            "values": values,
            "about": self.about,
        }


def named(*given: Hyperparameter[Any]) -> dict[str, Hyperparameter[Any]]:
    """Hyperparameters by name, as a method or a probe declares them."""
    return {one.name: one for one in given}


def as_yaml(value: object) -> str:
    """A value as a search space has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
