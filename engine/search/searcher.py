"""What to try next: one Optuna study per cell over ask and tell, and which cell's turn it is.

The trial records on disk are the memory; an Optuna study is rebuilt from them, so that a restart
costs nothing and pruned, failed and infeasible trials are told as what they are.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from engine.files import canonical_json, content_key
from engine.plan import CellPlan
from engine.records import TrialRecord, TrialResult
from engine.space import Parameter, Space

log = logging.getLogger(__name__)

STARTUP_TRIALS = 10


def distribution(parameter: Parameter) -> BaseDistribution:
    """Optuna's form of a parameter's distribution."""
    if parameter.kind in ("choice", "constant"):
        return CategoricalDistribution(parameter.choices)
    if parameter.kind == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


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
        Trials, duplicates counted.
    sampler : {"tpe", "random"}
    maximize : bool
    records : sequence of TrialRecord
        Trials that finished earlier.
    """

    def __init__(
        self,
        plan: CellPlan,
        key: str,
        budget: int,
        sampler: str,
        maximize: bool,
        records: Sequence[TrialRecord],
    ):
        self.plan = plan
        self.key = key
        self.budget = budget
        self.records: dict[int, TrialRecord] = {}
        self.running: dict[int, Mapping[str, Any]] = {}
        self._sampler = sampler
        self._asked: dict[int, optuna.trial.Trial] = {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize")
        # Told in order of number, as they were proposed. A failed trial gets its turn again.
        for record in sorted(records, key=lambda r: r.number):
            if record.number < budget and record.result.status != "failed":
                self.records[record.number] = record
                self._study.add_trial(_frozen(record.params, plan.space, record.result))

    @property
    def startup(self) -> int:
        """Trials before TPE models; also how many may run at once, lest TPE be random search."""
        return max(1, min(STARTUP_TRIALS, self.budget // 3))

    @property
    def left(self) -> list[int]:
        """Numbers that neither finished nor run."""
        return [n for n in range(self.budget) if n not in self.records and n not in self.running]

    @property
    def done(self) -> bool:
        """Whether every trial of the budget has its result."""
        return len(self.records) >= self.budget

    def can_ask(self) -> bool:
        """Whether a trial can be proposed at this moment."""
        return bool(self.left) and len(self.running) < self.startup

    def ask(self) -> Proposal | TrialRecord | None:
        """Propose the next trial.

        Returns
        -------
        Proposal or TrialRecord or None
            A record where the configuration equals one that has its result: it is told and done.
            None where an equal configuration is still running: ask again later.
        """
        number = self.left[0]
        self._study.sampler = self._seeded(number)
        if number == 0:
            self._study.enqueue_trial(self.plan.space.default_point())
        trial = self._study.ask()
        params = self.plan.space.draw(trial)
        same = canonical_json(params)
        if any(canonical_json(dict(running)) == same for running in self.running.values()):
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        for earlier in self.records.values():
            if canonical_json(dict(earlier.params)) == same:
                self._tell(trial, earlier.result)
                record = TrialRecord(
                    cell=self.plan.cell,
                    cell_key=self.key,
                    number=number,
                    key=earlier.key,
                    params=params,
                    result=earlier.result,
                    duplicate_of=earlier.number,
                )
                self.records[number] = record
                return record
        self.running[number] = params
        self._asked[number] = trial
        return Proposal(number, params)

    def tell(self, number: int, key: str, result: TrialResult) -> TrialRecord:
        """Take the result of a running trial."""
        params = self.running.pop(number)
        self._tell(self._asked.pop(number), result)
        record = TrialRecord(self.plan.cell, self.key, number, key, params, result)
        self.records[number] = record
        return record

    def _tell(self, trial: optuna.trial.Trial, result: TrialResult) -> None:
        for epoch, value in enumerate(result.curve, start=1):
            trial.report(value, epoch)
        if result.status == "complete":
            self._study.tell(trial, result.score)
        elif result.status == "pruned":
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, state=TrialState.FAIL)

    def _seeded(self, number: int) -> BaseSampler:
        seed = int(content_key(self.key, number)[:8], 16)
        if self._sampler == "random":
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return TPESampler(
                n_startup_trials=self.startup,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=seed,
            )


def _frozen(
    params: Mapping[str, Any], space: Space, result: TrialResult
) -> optuna.trial.FrozenTrial:
    """A finished trial as Optuna keeps it."""
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
    return create_trial(
        state=states.get(result.status, TrialState.FAIL),
        value=result.score if result.status == "complete" else None,
        params={p.name: params[p.name] for p in space.parameters if _sampled(p, params)},
        distributions={p.name: distribution(p) for p in space.parameters if _sampled(p, params)},
        intermediate_values=dict(enumerate(result.curve, start=1)),
    )


def _sampled(parameter: Parameter, params: Mapping[str, Any]) -> bool:
    """Constants are not drawn, so that Optuna does not know them."""
    return parameter.name in params and parameter.kind != "constant"


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
        """Whether no cell has a trial left to propose."""
        return not any(search.left for search in self.searches.values())

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
