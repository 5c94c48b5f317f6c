"""Tasks in memory as files: a DataFrame, or sequences with labels, under a name of its content.

A run that goes on, workers and the record of what was used then find it as they find any file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.basics.files import content_key, file_names, replacing

if TYPE_CHECKING:
    import pandas as pd

KEY_LETTERS = 16


def task_entry(name: str | None, given: Any, folder: Path, where: str) -> Any:
    """A task as a study file says it.

    Parameters
    ----------
    name : str or None
        None where the task was not named; only what is in memory needs one.
    given : str, Path, mapping, DataFrame or (sequences, labels)
        A mapping may have any of them as its ``path``.
    folder : Path
        Where tables are written.
    where : str
        For messages.

    Raises
    ------
    UserError
        For anything else, or a table that cannot be stored.
    """
    if isinstance(given, Mapping):
        named = {"name": name} if name else {}
        path = given.get("path")
        if path is None or isinstance(path, str):
            return {**named, **given}
        inner = task_entry(name or given.get("name"), path, folder, where)
        return {**named, **given, "path": inner["path"] if isinstance(inner, dict) else inner}
    if isinstance(given, str | Path):
        known = name is None or name == str(given)
        return str(given) if known else {"name": name, "path": str(given)}
    if name is None:
        raise UserError(
            f"{where}: give a table a name, {{'mine': table}}; without one a task is a name or path"
        )
    return {
        "name": name,
        "path": str(store_table(as_frame(given, f"{where}.{name}"), name, folder)),
    }


def as_frame(given: Any, where: str) -> pd.DataFrame:
    """A table of what is labelled in memory.

    Parameters
    ----------
    given : DataFrame or (sequences, labels)
        A DataFrame has columns as a file has them: ``sequence``, ``label`` or ``label_NAME``, and
        maybe ``split``, ``group``, ``id``.
    where : str
        For messages.

    Raises
    ------
    UserError
        For anything else.
    """
    import numpy as np
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, tuple) and len(given) == 2:
        try:
            sequences, labels = list(given[0]), np.asarray(given[1])
        except (TypeError, ValueError):
            raise UserError(f"{where}: give (sequences, labels), a list each") from None
        if labels.shape != (len(sequences),):
            raise UserError(
                f"{where}: {len(sequences)} sequences and labels of shape {labels.shape}; give one "
                "label each, or a DataFrame with columns label_NAME of 0 and 1"
            )
        return pd.DataFrame({"sequence": sequences, "label": labels})
    raise UserError(
        f"{where}: {type(given).__name__} is no task; give a DataFrame, (sequences, labels), a "
        "path or a name"
    )


def store_table(frame: pd.DataFrame, name: str, folder: Path) -> Path:
    """Write a table once, in a file called after its name and content.

    Returns
    -------
    Path
        ``FOLDER/NAME-HASH.parquet``, absolute.

    Raises
    ------
    UserError
        If a column cannot be stored, as of mixed types.
    """
    import pyarrow as pa

    frame = frame.rename(columns=str)
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise UserError(f"tasks.{name}: two columns are called '{repeated[0]}'; rename one")
    columns = [
        [column, str(frame[column].dtype), frame[column].astype(str).tolist()]
        for column in frame.columns
    ]
    stem = file_names([name])[name]
    path = folder.absolute() / f"{stem}-{content_key(columns)[:KEY_LETTERS]}.parquet"
    if not path.is_file():
        try:
            with replacing(path) as temporary:
                frame.to_parquet(temporary, index=False)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            reason = str(error.args[-1] if error.args else error).splitlines()[0]
            raise UserError(
                f"tasks.{name}: the table cannot be stored ({reason}); make its columns text or "
                "numbers, or leave out those that are not needed"
            ) from None
    return path


def task_names(tasks: Any) -> list[str]:
    """Names of tasks, as far as they are told without reading any."""
    if isinstance(tasks, Mapping):
        return [str(name) for name in tasks]
    if not isinstance(tasks, list | tuple):
        return []
    return [
        str(task.get("name") or task.get("path")) if isinstance(task, Mapping) else str(task)
        for task in tasks
    ]
