"""What to try next in a cell, in which order, and what is done already.

Trials are proposed in batches. All of a batch are drawn when every trial of the batches before has
its result, and none of them knows a result of its own batch. So what a cell tries depends neither
on how many workers there are, nor on which trial is done first, nor on restarts. The trial records
on disk are the memory; the Optuna study is rebuilt from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.basics.files import canonical_json
from engine.plan.cells import CellPlan
from engine.records import TrialRecord, TrialResult
from engine.search.optuna_terms import SCORE_ONLY
from engine.search.proposer import Proposer
from engine.search.samplers import LEARNING, STATEFUL, grid
from engine.search.stopping import NO_RULES, StopRules

STARTUP_TRIALS = 10

#: Trials of a batch: so many of one cell can run at once, and none of them learns of another.
BATCH = 4

#: A cell ends where its first trials all fail: what is wrong is wrong with the rest too.
HOPELESS = 5


@dataclass(frozen=True)
class Proposal:
    """A configuration that is to run."""

    number: int
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Drawing:
    """How the configurations of a cell are drawn.

    Attributes
    ----------
    batch : int or None
        Trials that are drawn together once all before them are done; none draws each when a worker
        is free, from what is done by then, so that results depend on timing.
    objectives : tuple of str
        ``score`` first; see `engine.search.optuna_terms.values`.
    warm_points : tuple of mapping
        Configurations to try after the default, from finished searches of sibling tasks.
    startup : int or None
        Trials before a sampler models; none takes a third of the budget, 10 at most.
    """

    batch: int | None = BATCH
    objectives: tuple[str, ...] = SCORE_ONLY
    warm_points: tuple[Mapping[str, Any], ...] = ()
    startup: int | None = None


def startup_trials(budget: int) -> int:
    """Trials drawn at random before a sampler models: a third of a small budget."""
    return max(1, min(STARTUP_TRIALS, budget // 3))


class CellSearch:
    """The search of one cell.

    Parameters
    ----------
    key : str
        Identity of the search.
    budget : int
        Trials, duplicates counted; a grid of fewer points has its points as the budget.
    sampler : {"tpe", "random", "grid", "gp", "cmaes"}
    records : sequence of TrialRecord
        Trials that finished earlier.
    rules : StopRules
        What ends the search before its budget is spent.

    Attributes
    ----------
    records : dict
        Number -> finished trial.
    running : dict
        Number -> parameters of a trial under way.
    stopped : str or None
        Why a rule stopped the search. Trials under way still finish; where one of them brings a
        better score, a plateau is none any more and the search goes on.
    """

    def __init__(
        self,
        plan: CellPlan,
        key: str,
        budget: int,
        sampler: str,
        maximize: bool,
        records: Sequence[TrialRecord],
        rules: StopRules = NO_RULES,
        drawing: Drawing = Drawing(),
    ):
        self.plan = plan
        self.key = key
        self.objectives = drawing.objectives
        # Configurations that no sampler draws: the default and those to start from, or a grid.
        default = plan.space.default_point()
        self._points: list[Mapping[str, Any]] = [default, *drawing.warm_points]
        if sampler == "grid":
            self._points = grid(plan.space)[:budget]
        self.budget = min(budget, len(self._points)) if sampler == "grid" else budget
        self.records: dict[int, TrialRecord] = {}
        self.running: dict[int, Mapping[str, Any]] = {}
        self.stopped: str | None = None
        self._sampler = sampler
        self._learns = sampler in LEARNING
        self._batch = drawing.batch if self._learns else None
        self.maximize = maximize
        self._rules = rules
        self._first: dict[str, TrialRecord] = {}
        # Drawn, and neither running nor done.
        self._ready: dict[int, Mapping[str, Any]] = {}
        # All numbers below are drawn.
        self._cursor = 0
        self._ran = 0
        self._seconds = 0.0
        self.startup = drawing.startup or startup_trials(budget)
        self.proposer = Proposer(
            plan.space, key, sampler, self.startup, maximize, drawing.objectives
        )
        self._resume([r for r in sorted(records, key=lambda r: r.number) if r.number < self.budget])

    @property
    def to_begin(self) -> int:
        """How many neither finished nor run."""
        return self.unfinished - len(self.running)

    @property
    def unfinished(self) -> int:
        """Trials still to finish, those under way included."""
        return len(self.running) if self.stopped else self.budget - len(self.records)

    @property
    def done(self) -> bool:
        """Whether every trial of the budget has its result, or a rule stopped the search."""
        return self.unfinished == 0

    @property
    def begun(self) -> int:
        """Trials that finished or run."""
        return len(self.records) + len(self.running)

    @property
    def mean_seconds(self) -> float | None:
        """Time of a trial of this cell, as far as is known."""
        return self._seconds / self._ran if self._ran else None

    def grow(self, trials: int) -> None:
        """Give the cell more trials."""
        self.budget += trials

    def can_ask(self) -> bool:
        """Whether a trial can be proposed at this moment."""
        if self.stopped or not self.unfinished:
            return False
        return self._next_ready() is not None or self._may_draw()

    def ask(self) -> Proposal | TrialRecord | None:
        """Propose the next trial.

        Returns
        -------
        Proposal or TrialRecord or None
            A record where the configuration equals one that has its result: it is told and done.
            None where all that is left must wait for a trial under way.
        """
        if self.stopped:
            return None
        proposed = self._of_ready()
        while proposed is None and self._may_draw():
            self._draw(self._next_batch())
            proposed = self._of_ready()
        return proposed

    def tell(self, number: int, key: str, result: TrialResult) -> TrialRecord:
        """Take the result of a running trial."""
        params = self.running.pop(number)
        record = TrialRecord(self.plan.cell, self.key, number, key, params, result)
        self.proposer.tell(record)
        self._keep(record)
        return record

    def put_back(self, number: int) -> None:
        """Let a trial whose worker was lost be proposed again, with the same configuration."""
        self._ready[number] = self.running.pop(number)

    def _of_ready(self) -> Proposal | TrialRecord | None:
        """Give out a trial that is drawn already, the lowest number first."""
        number = self._next_ready()
        if number is None:
            return None
        params = self._ready.pop(number)
        earlier = self._first.get(_text(params))
        if earlier is None:
            self.running[number] = params
            return Proposal(number, params)
        known = (self.plan.cell, self.key, number, earlier.key, params, earlier.result)
        record = TrialRecord(*known, duplicate_of=earlier.number)
        self.proposer.tell(record)
        self._keep(record)
        return record

    def _next_ready(self) -> int | None:
        """The lowest number that is drawn; one whose twin runs is answered when that has ended."""
        running = {_text(params) for params in self.running.values()}
        return next((n for n in sorted(self._ready) if _text(self._ready[n]) not in running), None)

    def _may_draw(self) -> bool:
        """Whether the next batch can be drawn: with batches, once all before it are done."""
        batch = self._next_batch()
        if self._batch is not None:
            return bool(batch) and not self._ready and not self.running
        # Lest a sampler that learns be random search.
        return bool(batch) and not (self._learns and len(self.running) >= self.startup)

    def _next_batch(self) -> list[int]:
        """Numbers of the batch of the first trial that is not drawn; empty where all are."""
        while self._is_drawn(self._cursor):
            self._cursor += 1
        first = self._cursor
        if first >= self.budget:
            return []
        if self._batch is None:
            return [first]
        # A budget that has grown may end within a batch.
        return [n for n in self._batch_of(first) if not self._is_drawn(n)]

    def _batch_of(self, number: int) -> list[int]:
        """Numbers that are drawn together with a number."""
        assert self._batch is not None
        start, end = 0, self.startup
        if number >= self.startup:
            start = number - (number - self.startup) % self._batch
            end = start + self._batch
        return list(range(start, min(end, self.budget)))

    def _draw(self, batch: Sequence[int], earlier: Mapping[int, TrialRecord] | None = None) -> None:
        """Draw all of a batch, then tell what an earlier run knows of it."""
        for number in batch:
            fixed = self._points[number] if number < len(self._points) else None
            self._ready[number] = self.proposer.draw(number, fixed)
        for number, record in sorted((earlier or {}).items()):
            drawn = self._ready.pop(number)
            same = _text(drawn) == _text(record.params)
            if not same:
                # Another version of a sampler, or other batches, drew it.
                self.proposer.discard(number)
            if record.result.status == "failed":
                if not same:
                    self.proposer.draw(number, record.params)
                self._ready[number] = record.params
                continue
            if same:
                self.proposer.tell(record)
            else:
                self.proposer.tell_again(record)
            self._remember(record)

    def _is_drawn(self, number: int) -> bool:
        return number in self.records or number in self.running or number in self._ready

    def _resume(self, records: Sequence[TrialRecord]) -> None:
        """Come back to where an earlier run was.

        A failed trial gets its turn again; until then the time it took counts as spent.
        """
        known = {record.number: record for record in records}
        self._to_repeat = {n: r for n, r in known.items() if r.result.status == "failed"}
        replayed = self._replayed(known)
        again = {number for batch in replayed for number in batch}
        for number, record in known.items():
            if number not in again and number not in self._to_repeat:
                self.proposer.tell_again(record)
                self._remember(record)
        for batch in replayed:
            self._draw(batch, {n: known[n] for n in batch if n in known})
        for number in self._to_repeat.keys() - again:
            self._ready[number] = self.proposer.draw(number, known[number].params)
        self._judge()

    def _replayed(self, known: Mapping[int, TrialRecord]) -> list[list[int]]:
        """Batches that must be drawn as they were: one that is begun; all, where a sampler's state
        comes from its own draws.
        """
        if self._batch is None:
            return []
        first = next((n for n in range(self.budget) if n not in known), self.budget)
        batches: list[list[int]] = []
        start = 0
        while start < self.budget and start <= first:
            batches.append(self._batch_of(start))
            start = batches[-1][-1] + 1
        return batches if self._sampler in STATEFUL else [b for b in batches if first in b]

    def _remember(self, record: TrialRecord) -> None:
        self.records[record.number] = record
        self._first.setdefault(_text(record.params), record)
        if record.duplicate_of is None:
            self._ran += 1
            self._seconds += record.result.seconds

    def _keep(self, record: TrialRecord) -> None:
        self._to_repeat.pop(record.number, None)
        self._remember(record)
        self._judge()

    def _judge(self) -> None:
        """Ask the rules; a spent budget is no early stop."""
        self.stopped = None
        if len(self.records) >= self.budget:
            return
        # One that succeeded is found at once, so that this is cheap.
        failed = all(r.result.status == "failed" for r in self.records.values())
        if failed and len(self.records) >= HOPELESS:
            error = next(iter(self.records.values())).result.error
            self.stopped = f"the first {len(self.records)} trials all failed: {error}"
        elif self._rules != NO_RULES:
            told = {**self._to_repeat, **self.records}
            self.stopped = self._rules.reason([told[n] for n in sorted(told)], self.maximize)


def _text(params: Mapping[str, Any]) -> str:
    """Equal for equal configurations."""
    return canonical_json(dict(params))
