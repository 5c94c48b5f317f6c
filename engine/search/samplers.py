"""Who proposes configurations: Optuna's samplers by name, and the points of a grid."""

import warnings
from collections.abc import Mapping

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from engine.basics.files import canonical_json, content_key
from engine.plan.space import Parameter, Scalar, Space

#: Samplers that learn from earlier scores, so that few trials may run at once.
LEARNING = ("tpe", "gp", "cmaes")

#: CMA-ES keeps its state with the trials that it proposed: they are asked for again on a restart.
STATEFUL = ("cmaes",)


def sampler_of(name: str, startup: int, seed: int) -> BaseSampler:
    """Optuna's sampler of a name.

    Parameters
    ----------
    name : {"tpe", "gp", "cmaes", "random", "grid"}
        A grid proposes its points itself; its sampler draws nothing.
    startup : int
        Trials drawn at random before `tpe` and `gp` model. CMA-ES starts at the centre of the space
        after the default configuration.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name == "tpe":
            return TPESampler(
                n_startup_trials=startup,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=seed,
            )
        if name == "gp":
            return GPSampler(n_startup_trials=startup, seed=seed, warn_independent_sampling=False)
        if name == "cmaes":
            return CmaEsSampler(seed=seed, warn_independent_sampling=False)
    return RandomSampler(seed=seed)


def grid(space: Space) -> list[Mapping[str, Scalar]]:
    """All configurations of a space of finite choices, the default first.

    The others follow in an order that looks random and is fixed by their own values, so that a
    budget smaller than the grid takes the same sample of it in every cell of the same space.

    Parameters
    ----------
    space : Space
        Without a continuous parameter; an `int` counts as all whole numbers of its range.

    Returns
    -------
    list of mapping
        Active parameters only, each configuration once.
    """
    points: list[dict[str, Scalar]] = [{}]
    for parameter in space.parameters:
        points = [
            extended
            for point in points
            for extended in (
                [{**point, parameter.name: value} for value in _values(parameter)]
                if parameter.active(point)
                else [point]
            )
        ]
    default = space.default_point()
    first = canonical_json(default)
    rest = [point for point in points if canonical_json(point) != first]
    return [default, *sorted(rest, key=content_key)]


def _values(parameter: Parameter) -> tuple[Scalar, ...]:
    if parameter.kind == "int":
        return tuple(range(int(parameter.low), int(parameter.high) + 1))
    return parameter.choices
