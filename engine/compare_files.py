"""DeLong tests over anybody's prediction files: one model a file, or one a column.

A file is CSV, TSV or Parquet with a column of labels (``label``, ``y_true``, ``y`` or ``target``)
and one numeric column of scores per model, the score of the second of two classes. Several files
are joined by ``id`` where all have that column, else by position. The ``predictions.parquet`` of a
run (``cell``, ``seed``, ``score_0`` ...) is understood too: a model per tuned cell, its first seed.
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

from engine.compare import Correction, interval, paired_test
from engine.errors import UserError, nearest
from engine.files import replacing
from engine.metrics import compute
from engine.report.formats import p_value
from engine.stats.adjust import adjust

LABELS = ("label", "y_true", "y", "target")
CORRECTIONS: tuple[Correction, ...] = ("holm", "bh", "by", "none")


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
    """

    name: str
    task: str
    ids: tuple[str, ...] | None
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Scores of the models, and tests of all pairs."""

    scores: pd.DataFrame
    pairs: pd.DataFrame
    correction: str

    def rich(self) -> Group:
        """Two tables for the terminal."""
        first = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("model", "AUROC", "95 % CI", "rows"):
            first.add_column(name, justify="left" if name == "model" else "right")
        for row in self.scores.to_dict("records"):
            bounds = f"{row['ci_low']:.4f} – {row['ci_high']:.4f}"
            first.add_row(Text(row["model"]), f"{row['auroc']:.4f}", bounds, f"{row['rows']:,}")
        second = Table(box=None, pad_edge=False, header_style="bold")
        heads = ("a", "b", "difference", "CI", "z", "p", f"p ({self.correction})")
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
        note = "[dim]DeLong speaks of these fitted models, not of the methods that made them.[/]"
        return Group(first, "", second, note) if len(self.pairs) else Group(first)

    def write(self, path: Path) -> None:
        """Write the pairs as CSV."""
        with replacing(path) as temporary:
            self.pairs.to_csv(temporary, index=False)


def compare_files(
    files: Sequence[Path], correction: str = "holm", level: float = 0.95
) -> Comparison:
    """Compare every pair of models of a task.

    Parameters
    ----------
    files : sequence of Path
    correction : {"holm", "bh", "by", "none"}
        Over all pairs.
    level : float
        Confidence of the intervals.

    Raises
    ------
    UserError
        For a file that cannot be read, lacks columns, or does not fit the others.
    """
    if correction not in CORRECTIONS:
        raise UserError(f"--correction {correction}: {nearest(correction, CORRECTIONS)}")
    if not 0 < level < 1:
        raise UserError(f"--level {level}: give a confidence between 0 and 1, for example 0.95")
    models = _aligned([model for file in files for model in _models(file)])
    scores = []
    for model in models:
        low, high = interval("auroc", model.labels, model.scores, level)
        area = compute("auroc", model.labels, model.scores)
        scores.append(
            {"model": model.name, "auroc": area, "ci_low": low, "ci_high": high}
            | {"rows": len(model.labels)}
        )
    pairs = [
        {"a": a.name, "b": b.name} | paired_test("auroc", a.labels, a.scores, b.scores, level)
        for a, b in combinations(models, 2)
        if a.task == b.task
    ]
    table = pd.DataFrame(pairs)
    if len(table):
        table["p_adjusted"] = adjust(table["p"].to_numpy(float), correction)
    return Comparison(pd.DataFrame(scores), table, correction)


def _models(file: Path) -> list[Model]:
    table = _read(file)
    if {"cell", "seed", "variant", "label"} <= set(table.columns):
        return _models_of_run(table)
    label = next((name for name in LABELS if name in table.columns), None)
    if label is None:
        there = ", ".join(map(str, table.columns))
        raise UserError(
            f"{file}: no column of labels ({', '.join(LABELS)}); it has {there}; rename the one "
            "that holds the true class"
        )
    ids = tuple(map(str, table["id"])) if "id" in table.columns else None
    labels = _labels(table[label], file, label)
    others = table.drop(columns=[c for c in (label, "id") if c in table.columns])
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
        models.append(Model(name, "", ids, labels, np.column_stack([-values, values])))
    return models


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


def _models_of_run(table: pd.DataFrame) -> list[Model]:
    models = []
    columns = [c for c in table.columns if c.startswith("score_")]
    tuned = table[table["variant"] == "tuned"]
    for cell, rows in tuned.groupby("cell", sort=False):
        first = rows[rows["seed"] == rows["seed"].iloc[0]]
        scores = first[columns].dropna(axis="columns", how="all").to_numpy(np.float64)
        labels = first["label"].to_numpy(np.int64)
        task = str(cell).split("/", 1)[1].rsplit("/", 1)[0]
        models.append(Model(str(cell), task, tuple(first["id"].astype(str)), labels, scores))
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
            model = Model(
                model.name, model.task, first.ids, model.labels[order], model.scores[order]
            )
        if not np.array_equal(model.labels, first.labels):
            raise UserError(
                f"{model.name}: its labels are not those of {first.name} row by row; a paired test "
                "needs the same rows (give both an `id` column to join them by)"
            )
        aligned.append(model)
    return aligned
