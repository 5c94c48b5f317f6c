"""Parameters and finished trials in Optuna's terms."""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from engine.plan.space import Parameter, Space
from engine.records import TrialRecord

#: Optuna has one state for what failed and what cannot be; the user attribute tells them apart.
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "infeasible": TrialState.FAIL,
}


def distribution(parameter: Parameter) -> BaseDistribution:
    """Optuna's form of a parameter's distribution."""
    if parameter.kind in ("choice", "constant"):
        return CategoricalDistribution(parameter.choices)
    if parameter.kind == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


#: What a search can be asked to keep small beside the score.
COSTS = ("trainable_parameters", "seconds")

#: One objective: the score.
SCORE_ONLY = ("score",)


def directions(objectives: Sequence[str], maximize: bool) -> list[StudyDirection]:
    """Which way each objective is better; all but the score are costs."""
    score = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
    return [score if name == "score" else StudyDirection.MINIMIZE for name in objectives]


def values(record: TrialRecord, objectives: Sequence[str]) -> list[float]:
    """Objectives of a complete trial: ``score``, or a field of `TrialResult` of that name."""
    return [float(getattr(record.result, name)) for name in objectives]


def state_for_sampler(record: TrialRecord) -> TrialState:
    """State that TPE learns the right thing from.

    Optuna's samplers forget what failed, so that a region that cannot be would be proposed again
    and again. TPE ranks a pruned trial without values behind all others; `gp` and `cmaes` forget
    it too.
    """
    if record.result.status == "infeasible":
        return TrialState.PRUNED
    return STATES[record.result.status]


def user_attributes(record: TrialRecord) -> dict[str, Any]:
    """What Optuna's own fields cannot say of a trial; what is none is left out.

    Returns
    -------
    dict
        ``number`` within the cell, ``status`` (complete, pruned, failed, infeasible), ``error``,
        ``duplicate_of`` (number of the equal earlier trial), ``seconds``,
        ``trainable_parameters``.
    """
    result = record.result
    told = {
        "number": record.number,
        "status": result.status,
        "error": result.error,
        "duplicate_of": record.duplicate_of,
        "seconds": result.seconds,
        "trainable_parameters": result.trainable_parameters,
    }
    return {name: value for name, value in told.items() if value is not None}


def frozen_trial(
    record: TrialRecord,
    space: Space,
    objectives: Sequence[str] = SCORE_ONLY,
    state: TrialState | None = None,
) -> FrozenTrial:
    """A finished trial as Optuna keeps it.

    Parameters
    ----------
    objectives : sequence of str
        With more than one, Optuna takes no values in between.
    state : TrialState or None
        Instead of the one that `STATES` says.
    """
    result = record.result
    state = STATES[result.status] if state is None else state
    curve = dict(enumerate(result.curve, start=1)) if len(objectives) == 1 else {}
    # Constants are not drawn, so that Optuna does not know them.
    drawn = [p for p in space.parameters if p.name in record.params and p.kind != "constant"]
    return create_trial(
        state=state,
        values=values(record, objectives) if state is TrialState.COMPLETE else None,
        params={p.name: record.params[p.name] for p in drawn},
        distributions={p.name: distribution(p) for p in drawn},
        intermediate_values=curve,
        user_attrs=user_attributes(record),
    )
