"""One check of a contract suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Check:
    """A promise, and what finds out whether it is kept.

    Attributes
    ----------
    name : str
        The promise in short, and whose it is.
    body : callable
        Raises an `AssertionError` where it is broken.
    """

    name: str
    body: Callable[[], object]

    def __call__(self) -> None:
        """Find out."""
        self.body()

    def __str__(self) -> str:
        return self.name


def told(name: str, claim: Callable[..., object], *given: object) -> Check:
    """Check of a claim about something; named after both."""
    return Check(f"{name}: {claim.__name__}", partial(claim, *given))
