"""Which hyperparameters a cell's validation score depended on."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna

from engine.plan.space import Space
from engine.search.optuna_terms import directions, distribution

#: Complete trials below which an importance is noise.
FEWEST_TRIALS = 10
#: The best quarter of the trials is set against all: a tenth of ten would be a single one.
TOP_SHARE = 0.25


def importances(
    space: Space, trials: Sequence[tuple[Mapping[str, Any], float]], *, maximize: bool
) -> dict[str, float]:
    """Share of each hyperparameter in what tells the best trials from the others.

    Parameters
    ----------
    space : Space
        As declared; an encoder may have narrowed its choices, or replaced them by its own.
    trials : sequence of (mapping, float)
        Hyperparameters and score of the complete trials of a cell.

    Returns
    -------
    dict of str to float
        Most important first, summing to 1; hyperparameters that every trial has and that vary.
        Empty for fewer than ten trials, or where all scores are the same.

    Notes
    -----
    PED-ANOVA of Optuna: Watanabe, Bansal and Hutter, IJCAI 2023, arXiv:2304.10255.
    """
    if len(trials) < FEWEST_TRIALS or len({score for _, score in trials}) < 2:
        return {}
    known = {}
    for parameter in space.parameters:
        seen = {params[parameter.name] for params, _ in trials if parameter.name in params}
        if len(seen) > 1:
            drawn = parameter
            if parameter.choices:
                drawn = replace(parameter, choices=tuple(sorted(seen, key=str)))
            known[parameter.name] = distribution(drawn)
    if not known:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it tells of every study it makes
    study = optuna.create_study(directions=directions(["score"], maximize))
    for params, score in trials:
        own = {name: value for name, value in params.items() if name in known}
        dists = {name: known[name] for name in own}
        study.add_trial(optuna.create_trial(params=own, distributions=dists, value=score))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TOP_SHARE)
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
