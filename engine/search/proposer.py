"""A cell's Optuna study over ask and tell: draws configurations, and is told what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import TrialState

from engine.basics.files import content_key
from engine.plan.space import Space
from engine.records import TrialRecord
from engine.search.optuna_terms import (
    directions,
    frozen_trial,
    state_for_sampler,
    user_attributes,
    values,
)
from engine.search.samplers import STATEFUL, sampler_of


@dataclass
class Proposer:
    """Draws the configurations of one cell.

    Each is drawn by a sampler with a seed of its own, so that it depends on what the study was told
    before and on the trial's number, and not on how often the study was built again.

    Attributes
    ----------
    key : str
        Identity of the search; seeds the sampler together with a trial's number.
    sampler : {"tpe", "random", "grid", "gp", "cmaes"}
    startup : int
        Trials before a sampler models.
    maximize : bool
        Whether a higher score is better.
    objectives : sequence of str
        ``score``, and what is to be small beside it: see `engine.search.optuna_terms.values`.
    """

    space: Space
    key: str
    sampler: str
    startup: int
    maximize: bool
    objectives: Sequence[str]
    _drawn: dict[int, optuna.trial.Trial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(directions=directions(self.objectives, self.maximize))

    def draw(self, number: int, fixed: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have the sampler propose trial `number`, or take the given configuration in its place.

        Until its result is told the trial counts as running: TPE lies about it (constant liar), so
        that what is drawn next differs.
        """
        seed = int(content_key(self.key, number)[:8], 16)
        self.study.sampler = sampler_of(self.sampler, self.startup, seed)
        if fixed is not None:
            self.study.enqueue_trial(dict(fixed))
        trial = self.study.ask()
        params = self.space.draw(trial)
        self._drawn[number] = trial
        return params

    def tell(self, record: TrialRecord) -> None:
        """Take the result of a trial that was drawn."""
        trial = self._drawn.pop(record.number)
        if len(self.objectives) == 1:
            for epoch, value in enumerate(record.result.curve, start=1):
                trial.report(value, epoch)
        for name, value in user_attributes(record).items():
            trial.set_user_attr(name, value)
        state = state_for_sampler(record)
        told = values(record, self.objectives) if state is TrialState.COMPLETE else None
        self.study.tell(trial, told, state=state)

    def discard(self, number: int) -> None:
        """Forget a trial that was drawn and will not run."""
        self.study.tell(self._drawn.pop(number), state=TrialState.FAIL)

    def tell_again(self, record: TrialRecord) -> None:
        """Take a trial of an earlier run."""
        if self.sampler in STATEFUL:
            self.draw(record.number, record.params)
            # Optuna asks a sampler for nothing as long as values are given: this makes it.
            _ = self._drawn[record.number].relative_params
            self.tell(record)
        else:
            state = state_for_sampler(record)
            self.study.add_trial(frozen_trial(record, self.space, self.objectives, state))
