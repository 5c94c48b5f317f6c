"""Tests over anybody's prediction files: of fitted models, and of methods over a run's seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pandas as pd

from engine.basics.errors import UserError, nearest
from engine.compare.by_area import Areas, Omnibus
from engine.compare.evidence import Evidence, method_test, paired_test
from engine.compare.file_tables import Comparison
from engine.compare.prediction_files import Model, read_apart, read_models
from engine.compare.question import Question, ask
from engine.stats.adjust import adjust
from engine.stats.delong import delong_unpaired
from engine.stats.inference import Difference

OF_METHODS = ("delta", "ci_low", "ci_high", "t", "df", "p", "log10_p")


def compare_files(
    files: Sequence[Path],
    correction: str = "holm",
    level: float = 0.95,
    alternative: str = "two-sided",
    groups: str | None = None,
    omnibus: bool = False,
    columns: Sequence[str] = (),
    *,
    metric: str = "auroc",
    test: str | None = None,
    max_fpr: float | None = None,
    unpaired: bool = False,
    contrast: Sequence[str] = (),
) -> Comparison:
    """Compare every pair of models of a task.

    Parameters
    ----------
    files : sequence of Path
    correction : {"holm", "bh", "by", "none"}
        Over all pairs.
    level : float
        Confidence of the intervals.
    alternative : {"two-sided", "greater", "less"}
        "greater": the difference of a pair, in the order given, is above 0.
    groups : str, optional
        Column that every file has: rows of equal value are not independent.
    omnibus : bool
        Whether to test too if all models of a task, three or more, are equal.
    columns : sequence of str
        The columns of scores, or cells of a run; all without it.
    metric : str
        A metric of classes, ``"partial_auroc"`` or ``"hand_till"``.
    test : {"delong", "bootstrap", "permutation", "mcnemar"}, optional
        DeLong's of AUROC, else a bootstrap, unless it is named.
    max_fpr : float, optional
        Up to which false positive rate a partial AUROC goes; 0.1 without.
    unpaired : bool
        Whether two files hold different sequences: each model of the one against each of the other.
    contrast : sequence of str
        ``MODEL=WEIGHT`` each: a weighted difference of AUROCs that is tested too.

    Raises
    ------
    UserError
        For a file that cannot be read, lacks columns, or does not fit the others; for a metric, a
        test and options that make no sense together.
    """
    beside = {
        "groups": groups is not None,
        "omnibus": omnibus,
        "contrast": bool(contrast),
        "unpaired": unpaired,
    }
    asked = ask(metric, test, correction, level, alternative, max_fpr, beside)
    if unpaired:
        first, second = read_apart(files, groups, columns, asked.needs)
        models, by_position = [*first, *second], False
        scores = [_score(asked, Areas(m.labels, m.groups), m) for m in models]
        tested = [_of_pair(a, b, _unpaired(asked, a, b)) for a, b in product(first, second)]
    else:
        models = read_models(files, groups, columns, asked.needs)
        by_position = len(files) > 1 and any(model.ids is None for model in models)
        scores, tested = [], []
        for of_task in _by_task(models):
            evidence = asked.evidence(of_task)
            scores += [_score(asked, evidence, model) for model in of_task]
            tested += [
                _of_pair(a, b, _paired(asked, evidence, a, b)) for a, b in combinations(of_task, 2)
            ]
    table = pd.DataFrame(scores)
    return Comparison(
        table,
        _with_corrections(pd.DataFrame(tested), table, asked),
        pd.DataFrame(_all_equal(models) if omnibus else []),
        pd.DataFrame([_contrast(asked, models, contrast)] if contrast else []),
        asked,
        groups,
        by_position,
    )


def _by_task(models: Sequence[Model]) -> list[list[Model]]:
    tasks = dict.fromkeys(model.task for model in models)
    return [[model for model in models if model.task == task] for task in tasks]


def _with_corrections(pairs: pd.DataFrame, scores: pd.DataFrame, asked: Question) -> pd.DataFrame:
    """Tests of pairs with both models' scores, corrected over all of them."""
    if pairs.empty:
        return pairs
    values = dict(zip(scores["model"], scores[asked.metric], strict=True))
    for place, name in enumerate("ab"):
        pairs.insert(3 + place, f"{asked.metric}_{name}", pairs[name].map(values))
    for of in ("", "method_"):
        pairs[f"{of}p_adjusted"] = adjust(pairs[f"{of}p"].to_numpy(float), asked.correction)
    return pairs.assign(
        correction=asked.correction, alternative=asked.alternative, level=asked.level
    )


def _score(asked: Question, evidence: Evidence, model: Model) -> dict[str, object]:
    """The metric of a model and its interval, NaN where the rows allow none."""
    value, note = asked.value(model), ""
    low = high = math.nan
    try:
        low, high = evidence.interval(model.scores, asked.level)
    except ValueError as error:
        note = str(error)
    return {
        "task": model.task,
        "model": model.name,
        asked.metric: value,
        "ci_low": low,
        "ci_high": high,
        "rows": len(model.labels),
        "note": note,
    }


def _of_pair(a: Model, b: Model, tested: Mapping[str, Any]) -> dict[str, Any]:
    return {"task": a.task, "a": a.name, "b": b.name, **tested}


def _paired(asked: Question, evidence: Evidence, a: Model, b: Model) -> dict[str, Any]:
    """Tests of two models of a task, and of the two methods where both have several fits."""
    level, alternative = asked.level, asked.alternative
    result, note = method_test(evidence, a.fits, b.fits, level, alternative)
    found = {} if result is None else result._asdict()
    return {
        **paired_test(evidence, a.scores, b.scores, level, alternative),
        "seeds": _seeds(len(a.fits), len(b.fits)),
        **{f"method_{name}": found.get(name, math.nan) for name in OF_METHODS},
        "method_note": note,
    }


def _unpaired(asked: Question, a: Model, b: Model) -> dict[str, Any]:
    """DeLong's test of two models of different rows, against Student's t."""
    columns, note = dict.fromkeys(Difference._fields, math.nan), ""
    try:
        found = delong_unpaired(
            a.labels,
            a.scores[:, 1],
            b.labels,
            b.scores[:, 1],
            asked.alternative,
            asked.level,
            groups_a=a.groups,
            groups_b=b.groups,
        )._asdict()
        columns = {name: found["t" if name == "z" else name] for name in columns}
    except ValueError as error:
        columns["delta"], note = asked.value(a) - asked.value(b), str(error)
    return {
        "test": "unpaired DeLong",
        **columns,
        "note": note,
        "seeds": _seeds(len(a.fits), len(b.fits)),
        **{f"method_{name}": math.nan for name in OF_METHODS},
        "method_note": "different rows: no claim about methods",
    }


def _seeds(of_a: int, of_b: int) -> str:
    return str(of_a) if of_a == of_b else f"{of_a} and {of_b}"


def _all_equal(models: Sequence[Model]) -> list[dict[str, Any]]:
    """The omnibus test of each task of two classes that has three models or more."""
    rows = []
    for of_task in _by_task([model for model in models if model.scores.shape[1] == 2]):
        if len(of_task) < 3:
            continue
        found, note = dict.fromkeys(Omnibus._fields, math.nan), ""
        try:
            areas = Areas(of_task[0].labels, of_task[0].groups)
            found = areas.omnibus([model.scores for model in of_task])._asdict()
        except ValueError as error:
            note = str(error)
        rows.append({"task": of_task[0].task, "models": len(of_task), **found, "note": note})
    if not rows:
        raise UserError(
            "--omnibus: no task has three models or more of two classes; leave it out, or give more"
        )
    return rows


def _contrast(asked: Question, models: Sequence[Model], terms: Sequence[str]) -> dict[str, Any]:
    """A weighted difference of the AUROCs of models of one task."""
    known = {model.name: model for model in models}
    weights: dict[str, float] = {}
    for term in terms:
        name, _, weight = term.rpartition("=")
        if name in weights:
            raise UserError(f"--contrast {term}: {name} has a weight already; give it one")
        if name not in known:
            raise UserError(f"--contrast {term}: write MODEL=WEIGHT; {nearest(name, known)}")
        try:
            weights[name] = float(weight)
        except ValueError:
            raise UserError(f"--contrast {term}: '{weight}' is no number") from None
    chosen = [known[name] for name in weights]
    if len({model.task for model in chosen}) > 1 or any(m.scores.shape[1] != 2 for m in chosen):
        raise UserError("--contrast: name models of one task of two classes")
    if not abs(sum(weights.values())) <= 1e-9 or not any(weights.values()):
        given = ", ".join(f"{weight:g}" for weight in weights.values())
        raise UserError(f"--contrast: weights must sum to 0 and not be 0, but are {given}")
    found, note = dict.fromkeys(Difference._fields, math.nan), ""
    try:
        areas = Areas(chosen[0].labels, chosen[0].groups)
        fits = [model.scores for model in chosen]
        tested = areas.contrast(fits, [*weights.values()], asked.level, asked.alternative)
        found = tested._asdict()
    except ValueError as error:
        note = str(error)
    said = " ".join(f"{weight:+g} {name}" for name, weight in weights.items())
    return {"task": chosen[0].task, "contrast": said, **found, "note": note}
