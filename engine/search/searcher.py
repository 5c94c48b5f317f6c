"""What to try next in a cell: an Optuna study of its own over ask and tell.

The trial records on disk are the memory; an Optuna study is rebuilt from them, so that a restart
costs nothing and pruned, failed and infeasible trials are told as what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState

from engine.files import canonical_json, content_key
from engine.plan import CellPlan
from engine.records import TrialRecord, TrialResult
from engine.search.optuna_terms import STATES, frozen_trial, user_attributes
from engine.search.samplers import LEARNING, STATEFUL, grid, sampler_of
from engine.search.stopping import NO_RULES, StopRules

STARTUP_TRIALS = 10


@dataclass(frozen=True)
class Proposal:
    """A configuration that is to run."""

    number: int
    params: Mapping[str, Any]


class CellSearch:
    """The search of one cell.

    Parameters
    ----------
    plan : CellPlan
    key : str
        Identity of the search; seeds the sampler together with the trial's number, so that what is
        proposed depends on the trials before and not on how often the study was restarted.
    budget : int
        Trials, duplicates counted; a grid of fewer points has its points as the budget.
    sampler : {"tpe", "random", "grid", "gp", "cmaes"}
    maximize : bool
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
    ):
        self.plan = plan
        self.key = key
        # Configurations that no sampler draws: the default, or all of a grid.
        on_grid = sampler == "grid"
        self._points = grid(plan.space)[:budget] if on_grid else [plan.space.default_point()]
        self.budget = len(self._points) if on_grid else budget
        self.records: dict[int, TrialRecord] = {}
        self.running: dict[int, Mapping[str, Any]] = {}
        self.stopped: str | None = None
        self._sampler = sampler
        self._maximize = maximize
        self._rules = rules
        self._asked: dict[int, optuna.trial.Trial] = {}
        self._first: dict[str, TrialRecord] = {}
        self._waiting = False
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize")
        # Told in order of number, as they were proposed. A failed trial gets its turn again; until
        # then the time it took counts as spent.
        of_budget = [r for r in sorted(records, key=lambda r: r.number) if r.number < self.budget]
        self._to_repeat = {r.number: r for r in of_budget if r.result.status == "failed"}
        for record in of_budget:
            if record.number not in self._to_repeat:
                self._recall(record)
        self._left = [n for n in range(self.budget) if n not in self.records]
        self._judge()

    @property
    def startup(self) -> int:
        """Trials before a sampler models."""
        return max(1, min(STARTUP_TRIALS, self.budget // 3))

    @property
    def left(self) -> list[int]:
        """Numbers that neither finished nor run; none of a stopped search."""
        return [] if self.stopped else self._left

    @property
    def may_go_on(self) -> bool:
        """Whether a trial under way could lift what stopped the search."""
        return bool(self.stopped and self.running)

    @property
    def unfinished(self) -> int:
        """Trials still to finish, those under way included."""
        return len(self.left) + len(self.running)

    @property
    def done(self) -> bool:
        """Whether every trial of the budget has its result, or a rule stopped the search."""
        return self.unfinished == 0

    def can_ask(self) -> bool:
        """Whether a trial can be proposed at this moment.

        No more than the startup trials of a sampler that learns run at once, lest it be random
        search.
        """
        full = self._sampler in LEARNING and len(self.running) >= self.startup
        return bool(self.left) and not full and not self._waiting

    def ask(self) -> Proposal | TrialRecord | None:
        """Propose the next trial.

        Returns
        -------
        Proposal or TrialRecord or None
            A record where the configuration equals one that has its result: it is told and done.
            None where an equal configuration is still running: ask again when one has finished.
        """
        number = self.left[0]
        fixed = self._points[number] if number < len(self._points) else None
        trial, params = self._draw(number, fixed)
        same = canonical_json(params)
        if any(canonical_json(dict(running)) == same for running in self.running.values()):
            self._study.tell(trial, state=TrialState.FAIL)
            self._waiting = True
            return None
        self._left.pop(0)
        if earlier := self._first.get(same):
            record = TrialRecord(
                cell=self.plan.cell,
                cell_key=self.key,
                number=number,
                key=earlier.key,
                params=params,
                result=earlier.result,
                duplicate_of=earlier.number,
            )
            self._tell(trial, record)
            self._keep(record)
            return record
        self.running[number] = params
        self._asked[number] = trial
        return Proposal(number, params)

    def tell(self, number: int, key: str, result: TrialResult) -> TrialRecord:
        """Take the result of a running trial."""
        params = self.running.pop(number)
        record = TrialRecord(self.plan.cell, self.key, number, key, params, result)
        self._tell(self._asked.pop(number), record)
        self._keep(record)
        self._waiting = False
        return record

    def _draw(
        self, number: int, fixed: Mapping[str, Any] | None
    ) -> tuple[optuna.trial.Trial, dict[str, Any]]:
        """Have the sampler propose, or take the given configuration in its place."""
        seed = int(content_key(self.key, number)[:8], 16)
        self._study.sampler = sampler_of(self._sampler, self.startup, seed)
        if fixed is not None:
            self._study.enqueue_trial(dict(fixed))
        trial = self._study.ask()
        return trial, self.plan.space.draw(trial)

    def _recall(self, record: TrialRecord) -> None:
        """Take a trial of an earlier run."""
        if self._sampler in STATEFUL:
            trial, _ = self._draw(record.number, record.params)
            # Optuna asks a sampler for nothing as long as values are given: this makes it.
            _ = trial.relative_params
            self._tell(trial, record)
        else:
            self._study.add_trial(frozen_trial(record, self.plan.space))
        self.records[record.number] = record
        self._first.setdefault(canonical_json(dict(record.params)), record)

    def _keep(self, record: TrialRecord) -> None:
        self.records[record.number] = record
        self._to_repeat.pop(record.number, None)
        self._first.setdefault(canonical_json(dict(record.params)), record)
        self._judge()

    def _judge(self) -> None:
        """Ask the rules; a spent budget is no early stop."""
        self.stopped = None
        if self._rules != NO_RULES and len(self.records) < self.budget:
            told = {**self._to_repeat, **self.records}
            self.stopped = self._rules.reason([told[n] for n in sorted(told)], self._maximize)

    def _tell(self, trial: optuna.trial.Trial, record: TrialRecord) -> None:
        for epoch, value in enumerate(record.result.curve, start=1):
            trial.report(value, epoch)
        for name, value in user_attributes(record).items():
            trial.set_user_attr(name, value)
        state = STATES[record.result.status]
        score = record.result.score if state is TrialState.COMPLETE else None
        self._study.tell(trial, score, state=state)
