"""DeLong tests over anybody's prediction files: one model a file, or one a column.

A file is CSV, TSV or Parquet with a column of labels (``label``, ``y_true``, ``y`` or ``target``)
and one numeric column of scores per model, the score of the second of two classes. Several files
are joined by ``id`` where all have that column, else by position. The ``predictions.parquet`` of a
run (``cell``, ``seed``, ``score_0`` ...) is understood too: a model per tuned cell, its first seed.
A column may name groups of rows that are not independent: chromosomes, gene families.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.compare import Correction
from engine.compare_fits import TESTED, auc_interval, auc_test, auc_test_name
from engine.errors import UserError, nearest
from engine.files import replacing
from engine.metrics import compute
from engine.report.formats import p_value
from engine.stats.adjust import adjust
from engine.stats.checks import Alternative
from engine.stats.contrasts import delong_omnibus

LABELS = ("label", "y_true", "y", "target")
CORRECTIONS: tuple[Correction, ...] = ("holm", "bh", "by", "none")
ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class Model:
    """One model's scores.

    Attributes
    ----------
    name : str
    task : str
        Models of different tasks are not compared.
    ids : tuple of str or None
    labels : ndarray, shape (N,), int64
    scores : ndarray, shape (N, K)
    groups : ndarray of str, shape (N,), or None
        Which rows are not independent.
    """

    name: str
    task: str
    ids: tuple[str, ...] | None
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    groups: npt.NDArray[np.str_] | None


@dataclass(frozen=True)
class Comparison:
    """Scores of the models, tests of all pairs, and where asked for of all models of a task."""

    scores: pd.DataFrame
    pairs: pd.DataFrame
    omnibus: pd.DataFrame
    correction: str
    alternative: Alternative
    groups: str | None

    def rich(self) -> Group:
        """Tables for the terminal."""
        first = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("model", "AUROC", "95 % CI", "rows"):
            first.add_column(name, justify="left" if name == "model" else "right")
        for row in self.scores.to_dict("records"):
            bounds = row["note"] or f"{row['ci_low']:.4f} – {row['ci_high']:.4f}"
            first.add_row(Text(row["model"]), f"{row['auroc']:.4f}", bounds, f"{row['rows']:,}")
        second = Table(box=None, pad_edge=False, header_style="bold")
        sign = {"two-sided": "", "greater": ", a > b", "less": ", a < b"}[self.alternative]
        heads = ("a", "b", "difference", "CI", "z", f"p{sign}", f"p ({self.correction})")
        for name in heads:
            second.add_column(name, justify="left" if name in "ab" else "right")
        for row in self.pairs.to_dict("records"):
            second.add_row(
                Text(row["a"]),
                Text(row["b"]),
                f"{row['delta']:+.4f}",
                f"{row['ci_low']:+.4f} – {row['ci_high']:+.4f}",
                f"{row['z']:.2f}",
                p_value(row["p"], row["log10_p"]),
                p_value(row["p_adjusted"]) if not row["note"] else row["note"],
            )
        if not len(self.pairs):
            return Group(first)
        parts: list[Table | Text | str] = [first, "", second]
        for row in self.omnibus.to_dict("records"):
            said = row["note"] or (
                f"chi-square {row['chi2']:.2f} with {row['df']:.0f} degrees of freedom, "
                f"p {p_value(row['p'], row['log10_p'])}"
            )
            task = f"{row['task']}: " if row["task"] else ""
            parts.append(Text(f"{task}all {row['models']} equal? {said}"))
        if self.groups:
            said = f"Rows of one '{self.groups}' count together (Obuchowski; z is Student's t)."
            parts.append(Text(said, "dim"))
        parts.append(
            "[dim]DeLong speaks of these fitted models, not of the methods that made them.[/]"
        )
        return Group(*parts)

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
    models = _aligned([model for file in files for model in _models(file, groups)])
    pairs = pd.DataFrame(
        [
            {"a": a.name, "b": b.name} | _pair(a, b, side, level)
            for a, b in combinations(models, 2)
            if a.task == b.task
        ]
    )
    if len(pairs):
        pairs["p_adjusted"] = adjust(pairs["p"].to_numpy(float), correction)
    scores = pd.DataFrame([_score(model, level) for model in models])
    return Comparison(scores, pairs, _all_equal(models, omnibus), correction, side, groups)


def _score(model: Model, level: float) -> dict[str, object]:
    """AUROC of a model and its interval, NaN where the rows allow none."""
    low, high, note = float("nan"), float("nan"), ""
    try:
        low, high = auc_interval(model.labels, model.scores, level, model.groups)
    except ValueError as error:
        note = str(error)
    return {
        "model": model.name,
        "auroc": compute("auroc", model.labels, model.scores),
        "ci_low": low,
        "ci_high": high,
        "rows": len(model.labels),
        "note": note,
    }


def _pair(a: Model, b: Model, alternative: Alternative, level: float) -> dict[str, object]:
    """DeLong's test of two models of a task; where the rows allow none, the note says why."""
    note = ""
    try:
        found = auc_test(a.labels, a.scores, b.scores, alternative, level, a.groups)
    except ValueError as error:
        areas = (compute("auroc", m.labels, m.scores) for m in (a, b))
        found = dict.fromkeys(TESTED, float("nan")) | {"delta": next(areas) - next(areas)}
        note = str(error)
    return {"test": auc_test_name(a.scores), **found, "note": note}


def _all_equal(models: Sequence[Model], wanted: bool) -> pd.DataFrame:
    """The omnibus test of each task of two classes that has three models or more."""
    rows = []
    for task in dict.fromkeys(model.task for model in models) if wanted else ():
        of_task = [m for m in models if m.task == task and m.scores.shape[1] == 2]
        if len(of_task) < 3:
            continue
        found: dict[str, float] = dict.fromkeys(("chi2", "df", "p", "log10_p"), float("nan"))
        note = ""
        try:
            scores = [model.scores[:, 1] for model in of_task]
            test = delong_omnibus(of_task[0].labels, scores, groups=of_task[0].groups)
            found = {name: float(getattr(test, name)) for name in found}
        except ValueError as error:
            note = str(error)
        rows.append({"task": task, "models": len(of_task), **found, "note": note})
    return pd.DataFrame(rows)


def _models(file: Path, groups: str | None) -> list[Model]:
    table = _read(file)
    names = None if groups is None else _groups(table, file, groups)
    if {"cell", "seed", "variant", "label"} <= set(table.columns):
        return _models_of_run(table, names)
    label = next((name for name in LABELS if name in table.columns), None)
    if label is None:
        there = ", ".join(map(str, table.columns))
        raise UserError(
            f"{file}: no column of labels ({', '.join(LABELS)}); it has {there}; rename the one "
            "that holds the true class"
        )
    ids = tuple(map(str, table["id"])) if "id" in table.columns else None
    labels = _labels(table[label], file, label)
    others = table.drop(columns=[c for c in (label, "id", groups) if c in table.columns])
    numeric = others.select_dtypes("number")
    _check_text(others.select_dtypes(["object", "string"]), file)
    if numeric.shape[1] == 0:
        raise UserError(f"{file}: no numeric column of scores beside '{label}'; add one per model")
    models = []
    for column in numeric.columns:
        values = numeric[column].to_numpy(np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise UserError(
                f"{file}: column '{column}', row {bad[0] + 1}: the score is not finite "
                f"({len(bad)} such rows); remove the rows from all models"
            )
        name = file.stem if numeric.shape[1] == 1 else str(column)
        models.append(Model(name, "", ids, labels, np.column_stack([-values, values]), names))
    return models


def _groups(table: pd.DataFrame, file: Path, name: str) -> npt.NDArray[np.str_]:
    if name not in table.columns:
        raise UserError(f"{file}: --groups {name}: {nearest(name, list(map(str, table.columns)))}")
    if table[name].isna().any():
        row = int(np.flatnonzero(table[name].isna())[0]) + 1
        raise UserError(f"{file}: column '{name}', row {row}: the group is missing")
    return np.asarray(table[name].astype(str), dtype=np.str_)


def _check_text(columns: pd.DataFrame, file: Path) -> None:
    """Refuse text among numbers: a model must not drop out for one value that is none."""
    for name in columns:
        numbers = pd.to_numeric(columns[name], errors="coerce").notna().to_numpy()
        if numbers.any():
            row = int(np.argmin(numbers))
            raise UserError(
                f"{file}: column '{name}', row {row + 1}: {columns[name].iloc[row]!r} stands as "
                "text among numbers; make them all numbers, or take the column out"
            )


def _models_of_run(table: pd.DataFrame, groups: npt.NDArray[np.str_] | None) -> list[Model]:
    table = table.reset_index(drop=True)
    models = []
    columns = [c for c in table.columns if c.startswith("score_")]
    tuned = table[table["variant"] == "tuned"]
    for cell, rows in tuned.groupby("cell", sort=False):
        first = rows[rows["seed"] == rows["seed"].iloc[0]]
        scores = first[columns].dropna(axis="columns", how="all").to_numpy(np.float64)
        if scores.shape[1] < 2:
            raise UserError(
                f"{cell}: its labels were measured, and AUROC is of classes; the run's "
                "comparisons.csv holds the tests of such tasks"
            )
        labels = first["label"].to_numpy(np.int64)
        task = str(cell).split("/", 1)[1].rsplit("/", 1)[0]
        ids = tuple(first["id"].astype(str))
        of_rows = None if groups is None else groups[first.index]
        models.append(Model(str(cell), task, ids, labels, scores, of_rows))
    return models


def _read(file: Path) -> pd.DataFrame:
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".tsv": _read_tsv}
    if not file.is_file():
        there = [p.name for p in file.parent.glob("*") if p.suffix.lower() in readers]
        raise UserError(
            f"{file}: no such file; "
            + (nearest(file.name, there) if there else "its folder has no prediction file")
        )
    if file.suffix.lower() not in readers:
        raise UserError(f"{file}: give CSV, TSV or Parquet, not '{file.suffix}'")
    try:
        table: pd.DataFrame = readers[file.suffix.lower()](file)
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    if table.empty:
        raise UserError(f"{file}: has no rows")
    return table


def _read_tsv(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, sep="\t")


def _labels(column: pd.Series[Any], file: Path, name: str) -> npt.NDArray[np.int64]:
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0]) + 1
        raise UserError(f"{file}: column '{name}', row {row}: the label is missing")
    classes = sorted(column.unique())
    if len(classes) != 2:
        raise UserError(
            f"{file}: column '{name}' has {len(classes)} classes; AUROC of one score column needs "
            "exactly two"
        )
    return np.asarray(column == classes[1], dtype=np.int64)


def _aligned(models: list[Model]) -> list[Model]:
    """Bring all models of a task into the row order of the first."""
    aligned: list[Model] = []
    first_of: dict[str, Model] = {}
    for model in models:
        first = first_of.setdefault(model.task, model)
        if model.ids is not None and first.ids is not None and model.ids != first.ids:
            position = {name: i for i, name in enumerate(model.ids)}
            if not len(position) == len(model.ids) == len(first.ids) or (
                set(position) != set(first.ids)
            ):
                raise UserError(f"{model.name}: its ids are not those of {first.name}, each once")
            order = np.array([position[name] for name in first.ids])
            groups = None if model.groups is None else model.groups[order]
            labels, scores = model.labels[order], model.scores[order]
            model = Model(model.name, model.task, first.ids, labels, scores, groups)
        if not np.array_equal(model.labels, first.labels):
            raise UserError(
                f"{model.name}: its labels are not those of {first.name} row by row; a paired test "
                "needs the same rows (give both an `id` column to join them by)"
            )
        if not _same(model.groups, first.groups):
            raise UserError(f"{model.name}: its groups are not those of {first.name} row by row")
        aligned.append(model)
    return aligned


def _same(a: npt.NDArray[np.str_] | None, b: npt.NDArray[np.str_] | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
