"""Which files can be read as a task, told by their names."""

from __future__ import annotations

from pathlib import Path

from engine.basics.errors import UserError, nearest

TEXT_FORMATS = (".csv", ".tsv", ".fa", ".fasta", ".fna")
FORMATS = (".parquet", *TEXT_FORMATS, *(ending + ".gz" for ending in TEXT_FORMATS))
FORMATS_SAID = "CSV, TSV, Parquet or FASTA"
MOST_NAMES_LISTED = 12


def file_format(path: str) -> str | None:
    """Ending of a file name that says its format, such as ``.csv.gz``; None for others."""
    endings = [ending for ending in FORMATS if path.lower().endswith(ending)]
    return max(endings, key=len, default=None)


def find_file(path: str) -> Path:
    """Absolute path of a user's file that can be read as a task.

    Parameters
    ----------
    path : str
        As the user wrote it; messages name it this way.

    Raises
    ------
    UserError
        If there is no such file, it is a folder or empty, or its ending is not known.
    """
    file = Path(path).expanduser().absolute()
    if file.is_dir():
        raise UserError(f"{path}: is a folder; name a {FORMATS_SAID} file in it")
    if not file.exists():
        raise UserError(f"{path}: no such file; {_instead(file)}")
    if file_format(path) is None:
        raise UserError(f"{path}: ending is not known; rename it to one of {', '.join(FORMATS)}")
    if file.stat().st_size == 0:
        raise UserError(f"{path}: is empty; it needs rows with a sequence and a label")
    return file


def _instead(file: Path) -> str:
    """What to do about a file that is not there."""
    folder = next(parent for parent in file.parents if parent.is_dir())
    if folder != file.parent:
        return f"'{folder}' has no folder '{file.relative_to(folder).parts[0]}'"
    names = [found.name for found in folder.iterdir() if file_format(found.name)]
    if not names:
        return f"'{folder}' holds no {FORMATS_SAID} file"
    hint = nearest(file.name, names)
    if hint.startswith("valid") and len(names) > MOST_NAMES_LISTED:
        return f"none of the {len(names)} task files in '{folder}' has a name like it"
    return hint


def task_name(path: str) -> str:
    """Name of a task that has only a path: the file's name without its ending."""
    name = Path(path).name
    return name[: -len(ending)] if (ending := file_format(path)) else name
