"""Which cell is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.search.searcher import CellSearch


@dataclass
class Turns:
    """Which cell is next: cells that train a network first, since they take longest, then fair.

    Attributes
    ----------
    searches : mapping
        Cell id -> its search.
    slots : mapping
        What a method needs -> how many of its trials can run at once.
    """

    searches: Mapping[str, CellSearch]
    slots: Mapping[str, int]
    _order: list[str] = field(init=False)

    def __post_init__(self) -> None:
        needs_network = [c for c, s in self.searches.items() if s.plan.method.needs == "network"]
        self._order = needs_network + [c for c in self.searches if c not in needs_network]

    @property
    def finished(self) -> bool:
        """Whether no cell will have another trial to propose."""
        return not any(search.left or search.may_go_on for search in self.searches.values())

    def next(self) -> CellSearch | None:
        """The cell whose turn it is, or none while all that is left must wait."""
        for needs in ("network", "embeddings"):
            kind = [
                self.searches[c] for c in self._order if self.searches[c].plan.method.needs == needs
            ]
            if sum(len(s.running) for s in kind) >= self.slots[needs]:
                continue
            ready = [s for s in kind if s.can_ask()]
            if ready:
                return min(ready, key=lambda s: (s.budget - len(s.left)) / s.budget)
        return None
