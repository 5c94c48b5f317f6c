"""Comparisons of prediction files as tables for the terminal, and as a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.basics.files import replacing
from engine.basics.wording import p_value
from engine.compare.question import Question

Part = Table | Text | str


@dataclass(frozen=True)
class Comparison:
    """Scores of the models, tests of all pairs, and where asked for of all models of a task.

    Attributes
    ----------
    groups : str or None
        Column whose equal values are not independent rows.
    by_position : bool
        Whether several files were joined without ids.
    """

    scores: pd.DataFrame
    pairs: pd.DataFrame
    omnibus: pd.DataFrame
    contrasts: pd.DataFrame
    asked: Question
    groups: str | None
    by_position: bool

    def rich(self) -> Group:
        """Tables for the terminal, task by task."""
        parts: list[Part] = []
        for task in dict.fromkeys(self.scores["task"]):
            parts += self._task(task)
        notes = []
        if self.by_position:
            notes.append("Files were joined row by row; an 'id' column would join them by name.")
        if self.groups:
            how = "Obuchowski" if self.asked.test == "delong" else "drawn whole"
            notes.append(
                f"Rows of one '{self.groups}' count together ({how}; against Student's t)."
            )
        if len(self.pairs):
            several = (self.pairs["seeds"] != "1").any()
            of_fits = "the models of the first seed" if several else "these fitted models"
            name = {"delong": "DeLong", "mcnemar": "McNemar"}.get(self.asked.test, "The test")
            notes.append(f"{name} speaks of {of_fits}, not of the methods that made them.")
        return Group(*parts, *(Text(said, "dim") for said in notes))

    def _task(self, task: str) -> list[Part]:
        scores, pairs, omnibus, contrasts = (
            table[table["task"] == task].to_dict("records") if len(table) else []
            for table in (self.scores, self.pairs, self.omnibus, self.contrasts)
        )
        interval = f"{100 * self.asked.level:g} % CI"
        shown = _table("model", self.asked.label, interval, "rows")
        for row in scores:
            bounds = row["note"] or f"{row['ci_low']:.4f} to {row['ci_high']:.4f}"
            value, n = f"{row[self.asked.metric]:.4f}", f"{row['rows']:,}"
            shown.add_row(_short(row["model"], task), value, bounds, n)
        parts: list[Part] = [Text(task, "bold"), ""] if task else []
        parts += [shown, ""]
        if not pairs:
            return parts
        sign = {"two-sided": "", "greater": ", a > b", "less": ", a < b"}[self.asked.alternative]
        heads = ("a", "b", "difference", interval)
        ends = (f"p{sign}", f"p ({self.asked.correction})")
        normal = all(math.isinf(row["df"]) for row in pairs if not math.isnan(row["df"]))
        fits, methods = _table(*heads, "z" if normal else "t", *ends), _table(*heads, "t", *ends)
        for row in pairs:
            names = _short(row["a"], task), _short(row["b"], task)
            fits.add_row(*names, *_tested(row, "", "z"), row["note"] or p_value(row["p_adjusted"]))
            if not math.isnan(row["method_p"]):
                adjusted = p_value(row["method_p_adjusted"])
                methods.add_row(*names, *_tested(row, "method_", "method_t"), adjusted)
        parts += [f"test: {pairs[0]['test']}", fits, ""]
        if methods.row_count:
            parts += [f"The methods, over {pairs[0]['seeds']} seeds", methods, ""]
        for row in omnibus:
            said = row["note"] or f"{_statistic(row)}, p {p_value(row['p'], row['log10_p'])}"
            parts += [f"all {row['models']} equal? {said}", ""]
        for row in contrasts:
            delta, bounds, z, p = _tested(row, "", "z")
            name = "z" if math.isinf(row["df"]) else "t"
            said = row["note"] or f"{delta}, {interval} {bounds}, {name} {z}, p{sign} {p}"
            parts += [Text(f"contrast {row['contrast']}: {said}"), ""]
        return parts

    def write(self, path: Path) -> None:
        """Write the pairs as CSV."""
        with replacing(path) as temporary:
            self.pairs.to_csv(temporary, index=False)


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
    """Difference, interval, statistic and p; nothing for those that a test does not have."""
    low, high, z = row[of + "ci_low"], row[of + "ci_high"], row[statistic]
    return (
        f"{row[of + 'delta']:+.4f}",
        "" if math.isnan(low) else f"{low:+.4f} to {high:+.4f}",
        "" if math.isnan(z) else f"{z:.2f}",
        p_value(row[of + "p"], row[of + "log10_p"]),
    )


def _statistic(row: dict[str, Any]) -> str:
    """What an omnibus test found, in words."""
    if math.isinf(row["df2"]):
        chi2 = row["f"] * row["df"]
        return f"chi-square {chi2:.2f} with {row['df']:.0f} degrees of freedom"
    return f"F {row['f']:.2f} with {row['df']:.0f} and {row['df2']:.0f} degrees of freedom"
