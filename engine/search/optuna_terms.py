"""Parameters and finished trials in Optuna's terms."""

from __future__ import annotations

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from engine.records import TrialRecord
from engine.space import Parameter, Space

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


def frozen_trial(record: TrialRecord, space: Space) -> FrozenTrial:
    """A finished trial as Optuna keeps it."""
    result = record.result
    # Constants are not drawn, so that Optuna does not know them.
    drawn = [p for p in space.parameters if p.name in record.params and p.kind != "constant"]
    return create_trial(
        state=STATES[result.status],
        value=result.score if result.status == "complete" else None,
        params={p.name: record.params[p.name] for p in drawn},
        distributions={p.name: distribution(p) for p in drawn},
        intermediate_values=dict(enumerate(result.curve, start=1)),
        user_attrs=user_attributes(record),
    )
