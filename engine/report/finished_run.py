"""What a finished study left in its folder, read and checked once."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd

from engine.basics.errors import UserError
from engine.basics.yaml_files import parse_yaml
from engine.compare.rows import ComparisonRow, ScoreRow
from engine.kinds import Kind, find_kind
from engine.kinds.classification import KIND as CLASSES
from engine.metrics import METRICS
from engine.records import TrialRow
from engine.stats import EmbeddingQuality

EMBEDDING_TEXT = ("encoder", "task", "pooling", "note")
EMBEDDING_NUMBERS = (
    "layer",
    *EmbeddingQuality._fields,
    "chance_purity",
    "explained_x",
    "explained_y",
)
EMBEDDING_POINTS = ("encoder", "task", "pooling", "layer", "label", "x", "y")


@dataclass(frozen=True)
class FinishedRun:
    """A finished study.

    Attributes
    ----------
    study : mapping
        ``study.yaml``, resolved.
    manifest : mapping
        ``manifest.json``: versions, hardware, hashes, times, notes.
    trials : DataFrame
        One row per trial of the search.
    scores : DataFrame
        One row per refitted model.
    comparisons : DataFrame
        One row per tested pair of cells; may be empty.
    best : mapping of str to mapping
        Winning hyperparameters by cell.
    """

    folder: Path
    study: Mapping[str, Any]
    manifest: Mapping[str, Any]
    trials: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    best: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """What the user called the study."""
        return str(self.study.get("name") or self.manifest.get("study") or self.folder.name)

    @cached_property
    def seeds(self) -> list[int]:
        """Seeds of the refits, in the study's order; intervals and tests are of the first."""
        return [int(seed) for seed in self.study.get("seeds") or self.manifest.get("seeds") or [0]]

    @cached_property
    def tasks(self) -> list[str]:
        """Every task of the study, also one that no cell finished."""
        return self._names("task", "tasks")

    @cached_property
    def encoders(self) -> list[str]:
        """Every encoder of the study."""
        return self._names("encoder", "encoders")

    @cached_property
    def methods(self) -> list[str]:
        """Every method that has a trial or a score, in the study's order."""
        declared = [str(name) for name in self.study.get("methods") or []]
        return list(dict.fromkeys([*declared, *self.trials["method"], *self.scores["method"]]))

    @property
    def compare(self) -> Mapping[str, Any]:
        """How the study asked for its comparisons: family, correction, equivalence_margin."""
        return self.study.get("compare") or {}

    @property
    def margin(self) -> float:
        """A smaller difference counts as none."""
        return float(self.compare.get("equivalence_margin") or 0.01)

    def task(self, name: str) -> Mapping[str, Any]:
        """What the manifest knows of a task."""
        return (self.manifest.get("tasks") or {}).get(name) or {}

    def encoder(self, name: str) -> Mapping[str, Any]:
        """What the manifest knows of an encoder."""
        return (self.manifest.get("encoders") or {}).get(name) or {}

    def gpus(self, cell: str) -> float:
        """What a trial or refit of a cell took of a GPU, or how many; 0 without."""
        return float((self.manifest.get("gpus_per_trial") or {}).get(cell) or 0)

    def metric(self, task: str) -> str:
        """The headline metric of a task."""
        known = self._metrics.get(task) or self.task(task).get("metric")
        return str(known or self.study.get("metric") or "auroc")

    @cached_property
    def _metrics(self) -> dict[str, str]:
        rows = self.scores.drop_duplicates("task")
        return dict(zip(rows["task"], rows["metric"], strict=True))

    def kind(self, task: str) -> Kind:
        """What the labels of a task are; a run of an earlier version does not say."""
        name = self.task(task).get("kind")
        return find_kind(name) if name else CLASSES

    def sign(self, task: str) -> int:
        """1 where more of the headline metric is better, -1 where it is a loss."""
        metric = METRICS.get(self.metric(task))
        return -1 if metric and not metric.greater_is_better else 1

    def predictions(self) -> pd.DataFrame | None:
        """Test rows under the tuned models of the first seed; None where the run kept none."""
        path = self.folder / "predictions.parquet"
        if not path.is_file():
            return None
        chosen = [("variant", "==", "tuned"), ("seed", "==", self.seeds[0])]
        return pd.read_parquet(path, filters=chosen)

    @cached_property
    def embeddings(self) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """Numbers and maps of the embeddings without a classifier; None where none were measured.

        Raises
        ------
        UserError
            If a file cannot be read or lacks a column.
        """
        paths = [self.folder / name for name in ("embeddings.csv", "embedding_map.parquet")]
        if not all(path.is_file() for path in paths):
            return None
        numbers = _read_csv(paths[0], EMBEDDING_TEXT, EMBEDDING_NUMBERS)
        points = _read_parquet(paths[1], EMBEDDING_POINTS)
        return numbers, points

    def _names(self, column: str, section: str) -> list[str]:
        declared = [str(name) for name in self.manifest.get(section) or {}]
        return list(dict.fromkeys([*declared, *self.trials[column], *self.scores[column]]))


def cell_label(encoder: str, method: str) -> str:
    """Name of a cell where the task is clear."""
    return f"{encoder} · {method}"


def read_run(folder: Path) -> FinishedRun:
    """Read the folder that a study left behind.

    Parameters
    ----------
    folder : Path
        Holds study.yaml, manifest.json, trials.parquet, scores.csv, comparisons.csv and best/.

    Raises
    ------
    UserError
        If a file is missing or unreadable, lacks a column, or has text where a number belongs.
    """
    return FinishedRun(
        folder=folder,
        study=_read_mapping(folder / "study.yaml"),
        manifest=_read_mapping(folder / "manifest.json"),
        trials=_read_parquet(folder / "trials.parquet", needed_columns(TrialRow)),
        scores=_read_rows(folder / "scores.csv", ScoreRow),
        comparisons=_read_rows(folder / "comparisons.csv", ComparisonRow),
        best=_read_best(folder / "best"),
    )


def _require(path: Path) -> Path:
    if not path.is_file():
        raise UserError(
            f"{path} is missing: {path.parent} is not the folder of a finished study; "
            "give the folder that the run printed as its output"
        )
    return path


def _read_mapping(path: Path) -> Mapping[str, Any]:
    text = _require(path).read_text(encoding="utf-8")
    try:
        content = json.loads(text) if path.suffix == ".json" else parse_yaml(text, str(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path} cannot be read ({error}); run the study again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no mapping of names to values; run the study again")
    return content


def _read_csv(path: Path, text: tuple[str, ...], numbers: tuple[str, ...]) -> pd.DataFrame:
    # Everything is read as text first: an encoder may be called "NA" or "1e5".
    try:
        table = pd.read_csv(_require(path), dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return pd.DataFrame({name: [] for name in text}, dtype=str).assign(
            **{name: pd.Series(dtype=float) for name in numbers}
        )
    _require_columns(path, table, (*text, *numbers))
    for name in table.columns.intersection([*numbers, *METRICS]):
        table[name] = _to_numbers(path, table[name])
    return table


def needed_columns(row: type[Any]) -> tuple[str, ...]:
    """Columns that a table of such rows must have, beside the metrics of a score."""
    return tuple(f.name for f in fields(row) if f.default is MISSING and f.name != "metrics")


def _read_rows(path: Path, row: type[Any]) -> pd.DataFrame:
    """A table of typed rows; columns that an earlier version did not write are filled."""
    types = get_type_hints(row)
    numbers = {name for name, of in types.items() if {int, float} & {of, *get_args(of)}}
    needed = needed_columns(row)
    text, numeric = (tuple(n for n in needed if (n in numbers) == of) for of in (False, True))
    table = _read_csv(path, text, numeric)
    for field in fields(row):
        if field.default is MISSING:
            continue
        if field.name not in table:
            table[field.name] = "" if field.name not in numbers else float("nan")
        elif field.name in numbers:
            table[field.name] = _to_numbers(path, table[field.name])
    return table


def _to_numbers(path: Path, column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column.mask(column.str.strip() == ""), errors="coerce")
    wrong = numbers.isna() & ~column.str.strip().str.lower().isin(["", "nan", "none"])
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise UserError(
            f"{path}: column '{column.name}', row {row + 2}: {column.iloc[row]!r} is not a number; "
            "mend the file or run the study again"
        )
    return numbers.astype(float)


def _read_parquet(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(_require(path))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable Parquet file; run the study again") from error
    _require_columns(path, table, columns)
    return table


def _require_columns(path: Path, table: pd.DataFrame, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise UserError(f"{path} lacks the column '{missing[0]}'; run the study again")


def _read_best(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    # Cell names hold slashes, so their files lie in folders of folders.
    best = {}
    for path in sorted(folder.rglob("*.yaml")):
        content = _read_mapping(path)
        cell = content.get("cell") or path.relative_to(folder).with_suffix("").as_posix()
        best[str(cell)] = content.get("params", content)
    return best
