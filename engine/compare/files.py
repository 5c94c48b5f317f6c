"""Tests over anybody's prediction files: of fitted models, and of methods over a run's seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.basics.errors import UserError, nearest
from engine.basics.files import replacing
from engine.basics.wording import p_value
from engine.compare.by_area import OMNIBUS, Areas
from engine.compare.evidence import gather, method_test, paired_test
from engine.compare.families import Correction
from engine.compare.prediction_files import Model, read_models
from engine.metrics import compute
from engine.stats.adjust import adjust
from engine.stats.checks import Alternative

CORRECTIONS: tuple[Correction, ...] = ("holm", "bh", "by", "none")
OF_METHODS = ("delta", "ci_low", "ci_high", "t", "df", "p", "log10_p")
ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class Comparison:
    """Scores of the models, tests of all pairs, and where asked for of all models of a task.

    Attributes
    ----------
    scores, pairs, omnibus : DataFrame
    correction, alternative, level, groups
        As they were asked for.
    by_position : bool
        Whether several files were joined without ids.
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame
    omnibus: pd.DataFrame
    correction: str
    alternative: Alternative
    level: float
    groups: str | None
    by_position: bool

    def rich(self) -> Group:
        """Tables for the terminal, task by task."""
        parts: list[Table | Text | str] = []
        for task in dict.fromkeys(self.scores["task"]):
            parts += self._task(task)
        if self.by_position:
            said = "Files were joined row by row; an 'id' column in each would join them by name."
            parts.append(Text(said, "dim"))
        if self.groups:
            said = f"Rows of one '{self.groups}' count together (Obuchowski; against Student's t)."
            parts.append(Text(said, "dim"))
        if len(self.pairs):
            of_fits = "the models of the first seed" if self.of_methods else "these fitted models"
            said = f"DeLong speaks of {of_fits}, not of the methods that made them."
            parts.append(Text(said, "dim"))
        return Group(*parts)

    @property
    def of_methods(self) -> bool:
        """Whether any pair has seeds enough for a claim about methods."""
        return bool(len(self.pairs) and self.pairs["method_p"].notna().any())

    def _task(self, task: str) -> list[Table | Text | str]:
        scores, pairs, omnibus = (
            table[table["task"] == task].to_dict("records") if len(table) else []
            for table in (self.scores, self.pairs, self.omnibus)
        )
        interval = f"{100 * self.level:g} % CI"
        shown = _table("model", "AUROC", interval, "rows")
        for row in scores:
            bounds = row["note"] or f"{row['ci_low']:.4f} to {row['ci_high']:.4f}"
            auroc, n = f"{row['auroc']:.4f}", f"{row['rows']:,}"
            shown.add_row(_short(row["model"], task), auroc, bounds, n)
        parts: list[Table | Text | str] = [Text(task, "bold"), ""] if task else []
        parts += [shown, ""]
        if not pairs:
            return parts
        sign = {"two-sided": "", "greater": ", a > b", "less": ", a < b"}[self.alternative]
        heads = ("a", "b", "difference", interval)
        ends = (f"p{sign}", f"p ({self.correction})")
        fits, methods = _table(*heads, "z", *ends), _table(*heads, "t", *ends)
        for row in pairs:
            names = _short(row["a"], task), _short(row["b"], task)
            fits.add_row(*names, *_tested(row, "", "z"), row["note"] or p_value(row["p_adjusted"]))
            if not math.isnan(row["method_p"]):
                adjusted = p_value(row["method_p_adjusted"])
                methods.add_row(*names, *_tested(row, "method_", "method_t"), adjusted)
        parts += [fits, ""]
        if methods.row_count:
            parts += [f"The methods, over {pairs[0]['seeds']} seeds", methods, ""]
        for row in omnibus:
            said = row["note"] or f"{_statistic(row)}, p {p_value(row['p'], row['log10_p'])}"
            parts += [f"all {row['models']} equal? {said}", ""]
        return parts

    def write(self, path: Path) -> None:
        """Write the pairs as CSV."""
        with replacing(path) as temporary:
            self.pairs.to_csv(temporary, index=False)


def compare_files(
    files: Sequence[Path],
    correction: str = "holm",
    level: float = 0.95,
    alternative: str = "two-sided",
    groups: str | None = None,
    omnibus: bool = False,
    columns: Sequence[str] = (),
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
        "greater": the first of a pair, in the order given, is better.
    groups : str, optional
        Column that every file has: rows of equal value are not independent.
    omnibus : bool
        Whether to test too if all models of a task, three or more, are equal.
    columns : sequence of str
        The columns of scores; every column of numbers without it.

    Raises
    ------
    UserError
        For a file that cannot be read, lacks columns, or does not fit the others.
    """
    if correction not in CORRECTIONS:
        raise UserError(f"--correction {correction}: {nearest(correction, CORRECTIONS)}")
    side = next((known for known in ALTERNATIVES if known == alternative), None)
    if side is None:
        raise UserError(f"--alternative {alternative}: {nearest(alternative, ALTERNATIVES)}")
    if not 0 < level < 1:
        raise UserError(f"--level {level}: give a confidence between 0 and 1, for example 0.95")
    models = read_models(files, groups, columns)
    by_position = len(files) > 1 and any(model.ids is None for model in models)
    pairs = pd.DataFrame(
        [
            {"task": a.task, "a": a.name, "b": b.name} | _pair(a, b, side, level)
            for a, b in combinations(models, 2)
            if a.task == b.task
        ]
    )
    scores = pd.DataFrame([_score(model, level) for model in models])
    if len(pairs):
        areas = dict(zip(scores["model"], scores["auroc"], strict=True))
        for place, name in enumerate("ab"):
            pairs.insert(3 + place, f"auroc_{name}", pairs[name].map(areas))
        for of in ("", "method_"):
            pairs[f"{of}p_adjusted"] = adjust(pairs[f"{of}p"].to_numpy(float), correction)
        pairs = pairs.assign(correction=correction, alternative=side, level=level)
    every = _all_equal(models, omnibus)
    return Comparison(scores, pairs, every, correction, side, level, groups, by_position)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in heads:
        left = name in ("model", "a", "b")
        table.add_column(name, justify="left" if left else "right", no_wrap=not left)
    return table


def _short(name: str, task: str) -> Text:
    """A cell's name without its task, which stands above the table."""
    return Text(name.replace(f"/{task}/", " · ") if task else name)


def _tested(row: dict[str, Any], of: str, statistic: str) -> tuple[str, str, str, str]:
    return (
        f"{row[of + 'delta']:+.4f}",
        f"{row[of + 'ci_low']:+.4f} to {row[of + 'ci_high']:+.4f}",
        f"{row[statistic]:.2f}",
        p_value(row[of + "p"], row[of + "log10_p"]),
    )


def _statistic(row: dict[str, Any]) -> str:
    """What an omnibus test found, in words."""
    if math.isinf(row["df2"]):
        chi2 = row["f"] * row["df"]
        return f"chi-square {chi2:.2f} with {row['df']:.0f} degrees of freedom"
    return f"F {row['f']:.2f} with {row['df']:.0f} and {row['df2']:.0f} degrees of freedom"


def _score(model: Model, level: float) -> dict[str, object]:
    """AUROC of a model and its interval, NaN where the rows allow none."""
    low, high, note = float("nan"), float("nan"), ""
    try:
        low, high = Areas(model.labels, model.groups).interval(model.scores, level)
    except ValueError as error:
        note = str(error)
    return {
        "task": model.task,
        "model": model.name,
        "auroc": compute("auroc", model.labels, model.scores),
        "ci_low": low,
        "ci_high": high,
        "rows": len(model.labels),
        "note": note,
    }


def _pair(a: Model, b: Model, alternative: Alternative, level: float) -> dict[str, object]:
    """Tests of two models of a task, and of the two methods where both have several fits."""
    evidence = gather("auroc", a.labels, [*a.fits, *b.fits], a.groups)
    result, note = method_test(evidence, a.fits, b.fits, level, alternative)
    found = dict.fromkeys(OF_METHODS, float("nan")) if result is None else result._asdict()
    return {
        **paired_test(evidence, a.scores, b.scores, level, alternative),
        "seeds": _seeds(len(a.fits), len(b.fits)),
        **{f"method_{name}": found[name] for name in OF_METHODS},
        "method_note": note,
    }


def _seeds(of_a: int, of_b: int) -> str:
    return str(of_a) if of_a == of_b else f"{of_a} and {of_b}"


def _all_equal(models: Sequence[Model], wanted: bool) -> pd.DataFrame:
    """The omnibus test of each task of two classes that has three models or more."""
    rows = []
    for task in dict.fromkeys(model.task for model in models) if wanted else ():
        of_task = [m for m in models if m.task == task and m.scores.shape[1] == 2]
        if len(of_task) < 3:
            continue
        found = dict.fromkeys(OMNIBUS, float("nan"))
        note = ""
        try:
            areas = Areas(of_task[0].labels, of_task[0].groups)
            found = areas.omnibus([model.scores for model in of_task])
        except ValueError as error:
            note = str(error)
        rows.append({"task": task, "models": len(of_task), **found, "note": note})
    return pd.DataFrame(rows)
