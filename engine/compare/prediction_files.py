"""Anybody's prediction files, as models whose rows stand in one order.

A file is CSV, TSV or Parquet with a column of labels (``label``, ``y_true``, ``y`` or ``target``)
and one numeric column of scores per model, the score of the second of two classes; or, for one
model, ``score_CLASS`` of each class. Several files are joined by ``id`` where all have that column,
else by position. The ``predictions.parquet`` of a run (``cell``, ``seed``, ``score_0`` ...) is
understood too: a model per tuned cell, with the fits of all seeds. A column may name groups of rows
that are not independent: chromosomes, gene families.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.basics.errors import UserError, first_line, nearest
from engine.basics.wording import plural
from engine.metrics.base import Needs

LABELS = ("label", "y_true", "y", "target")


@dataclass(frozen=True)
class Model:
    """One model's scores, or those of a method's fits.

    Attributes
    ----------
    task : str
        Models of different tasks are not compared.
    labels : ndarray, shape (N,), int64
    fits : tuple of ndarray, shape (N, K)
        One per seed; the first is the model.
    groups : ndarray of str, shape (N,), or None
        Which rows are not independent.
    classes : tuple of str
        What the columns of its scores stand for, where the file says it.
    """

    name: str
    task: str
    ids: tuple[str, ...] | None
    labels: npt.NDArray[np.int64]
    fits: tuple[npt.NDArray[np.float64], ...]
    groups: npt.NDArray[np.str_] | None
    classes: tuple[str, ...] = ()

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Of the first fit."""
        return self.fits[0]


def read_models(
    files: Sequence[Path], groups: str | None, columns: Sequence[str], needs: Needs = "scores"
) -> list[Model]:
    """Read the models of some files; those of one task have the same rows in the same order.

    Parameters
    ----------
    files : sequence of Path
    groups : str or None
        Column that every file has: rows of equal value are not independent.
    columns : sequence of str
        The columns of scores, or cells of a run; all without it.
    needs : {"scores", "probabilities", "labels"}
        What is read of the scores: a column that must tell classes or be a probability, and stands
        alone, is that of the second of two classes.

    Returns
    -------
    list of Model
        No two of one name.

    Raises
    ------
    UserError
        For a file that cannot be read, lacks columns, or does not fit the others.
    """
    return _aligned([model for _, model in _found(files, groups, columns, needs)])


def read_apart(
    files: Sequence[Path], groups: str | None, columns: Sequence[str], needs: Needs = "scores"
) -> tuple[list[Model], list[Model]]:
    """Read the models of two files whose rows are different sequences, as models of one task.

    Parameters and errors are those of `read_models`.
    """
    if len(files) != 2 or files[0] == files[1]:
        raise UserError(
            f"--unpaired: give two files, one for each set of sequences; got {len(set(files))}"
        )
    found = _found(files, groups, columns, needs)
    first, second = (
        [replace(model, task="") for file, model in found if file == of] for of in files
    )
    for model in (*first, *second):
        if model.scores.shape[1] != 2:
            raise UserError(
                f"--unpaired: of two classes, and {model.name} has {model.scores.shape[1]}; name "
                "other models with --score"
            )
    for model in second:
        if model.classes != first[0].classes:
            told, other = (", ".join(classes) for classes in (first[0].classes, model.classes))
            raise UserError(
                f"--unpaired: the classes of {files[0]} are {told}, those of {files[1]} {other}; "
                "the second of two is the positive one, so name them alike"
            )
        both = set(first[0].ids or ()) & set(model.ids or ())
        if both:
            raise UserError(
                f"--unpaired: id {min(both)} has a row in both files; leave --unpaired away where "
                "the models scored the same sequences"
            )
    return first, second


def _found(
    files: Sequence[Path], groups: str | None, columns: Sequence[str], needs: Needs
) -> list[tuple[Path, Model]]:
    """Every model with its file."""
    found = [(file, model) for file in files for model in _models(file, groups, columns, needs)]
    return list(zip([file for file, _ in found], _named_apart(found), strict=True))


def _models(file: Path, groups: str | None, columns: Sequence[str], needs: Needs) -> list[Model]:
    twice = [name for name, number in Counter(columns).items() if number > 1]
    if twice:
        raise UserError(f"--score {twice[0]}: given twice; give every model once")
    table = _read(file)
    names = None if groups is None else _groups(table, file, groups)
    if {"cell", "seed", "variant", "label"} <= set(table.columns):
        models = _models_of_run(table, names)
        cells = {model.name: model for model in models}
        for name in columns:
            if name not in cells:
                raise UserError(f"{file}: --score {name}: {nearest(name, cells)}")
        return [cells[name] for name in columns] or models
    label = next((name for name in LABELS if name in table.columns), None)
    if label is None:
        there = ", ".join(map(str, table.columns))
        raise UserError(
            f"{file}: no column of labels ({', '.join(LABELS)}); it has {there}; rename the one "
            "that holds the true class"
        )
    ids = tuple(map(str, table["id"])) if "id" in table.columns else None
    others = table.drop(columns=[c for c in (label, "id", groups) if c in table.columns])
    if columns:
        others = others[[_known(others, file, "--score", name) for name in columns]]
    numeric = others.select_dtypes("number")
    _check_text(others.select_dtypes(["object", "string"]), file)
    if numeric.shape[1] == 0:
        raise UserError(f"{file}: no numeric column of scores beside '{label}'; add one per model")
    scores = {str(name): _finite(numeric[name], file) for name in numeric.columns}
    of_classes = _of_classes(list(scores), table[label])
    if of_classes:
        of_class = sorted(set(of_classes.values()).union(n for n in scores if _is_score(n)))
        place = {name: number for number, name in enumerate(of_class)}
        labels = table[label].map(lambda known: place[of_classes[known]]).to_numpy(np.int64)
        matrix = np.column_stack([scores[name] for name in of_class])
        classes = tuple(name.removeprefix("score_") for name in of_class)
        return [Model(file.stem, "", ids, labels, (matrix,), names, classes)]
    labels, classes = _labels(table[label], file, label)
    return [
        Model(
            file.stem if len(scores) == 1 else name,
            *("", ids, labels, (_of_both_classes(values, needs, file, name),), names, classes),
        )
        for name, values in scores.items()
    ]


def _of_both_classes(
    values: npt.NDArray[np.float64], needs: Needs, file: Path, name: str
) -> npt.NDArray[np.float64]:
    """A column for each of two classes, from the scores of the second."""
    if needs == "scores":
        return np.column_stack([-values, values])
    outside = (values < 0) | (values > 1)
    if outside.any():
        row = int(np.argmax(outside))
        raise UserError(
            f"{file}: column '{name}', row {row + 1}: {values[row]:g} is no probability, and the "
            "metric needs those of the second class"
        )
    return np.column_stack([1 - values, values])


def _known(table: pd.DataFrame, file: Path, option: str, name: str) -> str:
    """A column that the user named."""
    if name not in table.columns:
        there = list(map(str, table.columns))
        raise UserError(f"{file}: {option} {name}: {nearest(name, there)}")
    return name


def _finite(column: pd.Series[Any], file: Path) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = column.to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise UserError(
            f"{file}: column '{column.name}', row {bad[0] + 1}: the score is not finite "
            f"({plural(len(bad), 'such row')}); remove the rows from all models"
        )
    return values


def _is_score(column: str) -> bool:
    return column.startswith("score_")


def _of_classes(names: Sequence[str], labels: pd.Series[Any]) -> dict[Any, str]:
    """Label -> its column, where one model has a column a class; empty where each is a model.

    A label that was read as 1.0 or True may be the class 1 of the columns.
    """
    columns = set(filter(_is_score, names))
    for spelt in (str, lambda label: str(int(label)) if _whole(label) else str(label)):
        wanted = {label: f"score_{spelt(label)}" for label in labels.unique()}
        if len(columns) > 1 and set(wanted.values()) <= columns:
            return wanted
    return {}


def _whole(label: Any) -> bool:
    return isinstance(label, bool | np.bool_) or (isinstance(label, float) and label.is_integer())


def _named_apart(found: Sequence[tuple[Path, Model]]) -> list[Model]:
    """The models, those of one name with that of their file."""
    times = Counter(model.name for _, model in found)
    models = []
    for file, model in found:
        if times[model.name] > 1:
            path = file.with_suffix("").as_posix()
            own = path if model.name == file.stem else f"{path}:{model.name}"
            model = replace(model, name=own)
        models.append(model)
    twice = [name for name, number in Counter(m.name for m in models).items() if number > 1]
    if twice:
        raise UserError(f"{twice[0]}: given twice; give every model once")
    return models


def _groups(table: pd.DataFrame, file: Path, name: str) -> npt.NDArray[np.str_]:
    column = table[_known(table, file, "--groups", name)]
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0]) + 1
        raise UserError(f"{file}: column '{name}', row {row}: the group is missing")
    return np.asarray(column.astype(str), dtype=np.str_)


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
        by_seed = [fit for _, fit in rows.groupby("seed", sort=False)]
        first = by_seed[0]
        scored = first[columns].dropna(axis="columns", how="all").columns
        if first["label"].isna().any():
            raise UserError(
                f"{cell}: its rows have several labels, and AUROC here is of classes; the run's "
                "comparisons.csv holds the tests of such tasks"
            )
        if len(scored) < 2:
            raise UserError(
                f"{cell}: its labels were measured, and AUROC is of classes; the run's "
                "comparisons.csv holds the tests of such tasks"
            )
        labels = first["label"].to_numpy(np.int64)
        task = str(cell).split("/", 1)[1].rsplit("/", 1)[0]
        ids = tuple(first["id"].astype(str))
        if any(tuple(fit["id"].astype(str)) != ids for fit in by_seed):
            raise UserError(f"{cell}: its seeds have not the same rows; run the study again")
        fits = tuple(fit[scored].to_numpy(np.float64) for fit in by_seed)
        of_rows = None if groups is None else groups[first.index]
        models.append(Model(str(cell), task, ids, labels, fits, of_rows))
    return models


def _read(file: Path) -> pd.DataFrame:
    readers = {
        ".csv": pd.read_csv,
        ".parquet": pd.read_parquet,
        ".tsv": partial(pd.read_csv, sep="\t"),
    }
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
        raise UserError(f"{file}: cannot be read: {first_line(error)}") from None
    if table.empty:
        raise UserError(f"{file}: has no rows")
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise UserError(f"{file}: two columns are called '{repeated[0]}'; rename one")
    # What pandas writes as the first column unless told not to is the number of the row.
    return table[[name for name in table if not str(name).startswith("Unnamed: ")]]


def _labels(
    column: pd.Series[Any], file: Path, name: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Labels of two classes, the second as 1, and the names of both."""
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0]) + 1
        raise UserError(f"{file}: column '{name}', row {row}: the label is missing")
    classes = sorted(column.unique())
    if len(classes) != 2:
        raise UserError(
            f"{file}: column '{name}' has {len(classes)} classes; AUROC of one score column needs "
            "exactly two; for one model of more, name its columns after the classes: "
            f"score_{classes[0]}, score_{classes[-1]} ..."
        )
    return np.asarray(column == classes[1], dtype=np.int64), tuple(map(str, classes))


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
            fits = tuple(scores[order] for scores in model.fits)
            model = Model(model.name, model.task, first.ids, model.labels[order], fits, groups)
        if not np.array_equal(model.labels, first.labels):
            joined = model.ids is not None and first.ids is not None
            raise UserError(
                f"{model.name}: its labels are not those of {first.name} "
                + ("for the same ids" if joined else "row by row")
                + "; a paired test needs the same rows"
                + ("" if joined else " (give both an `id` column to join them by)")
            )
        if not _same(model.groups, first.groups):
            raise UserError(f"{model.name}: its groups are not those of {first.name} row by row")
        aligned.append(model)
    return aligned


def _same(a: npt.NDArray[np.str_] | None, b: npt.NDArray[np.str_] | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
