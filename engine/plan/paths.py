"""Paths that a study gives, and the studies and search spaces that ship with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from engine.basics.errors import UserError, nearest

YAML = (".yaml", ".yml")

#: The folder of ``studies`` and ``search_spaces``: this package's, in a checkout where its links
#: lead. Relative paths are looked for here after the working directory and the study's folder.
PROJECT = Path(str(files("engine.plan") / "studies")).resolve().parent


def resolve_path(given: str, folder: Path) -> str:
    """Absolute form of a path that a study gives.

    Looked for in the working directory, the study's folder, and the project; where it is nowhere,
    the first of these stands in the message of whoever opens it.
    """
    path = Path(given).expanduser()
    if path.is_absolute():
        return str(path)
    for base in (Path.cwd(), folder, PROJECT):
        if (base / path).exists():
            return str((base / path).resolve())
    return str(Path.cwd() / path)


def study_names() -> dict[str, Path]:
    """Shipped studies by name."""
    return {path.stem: path for path in sorted((PROJECT / "studies").glob("*.yaml"))}


def find_study(given: str) -> Path:
    """Path of a study given by path or by the name of a shipped one.

    Raises
    ------
    UserError
        If it is neither.
    """
    path = Path(given)
    if path.is_file():
        return path
    shipped = study_names()
    if given in shipped:
        return shipped[given]
    if path.suffix not in YAML:
        raise UserError(f"study '{given}' is neither a file nor shipped; {nearest(given, shipped)}")
    return path


def space_names() -> dict[str, Path]:
    """Shipped search spaces by name: ``probe``, ``probes/mlp``."""
    root = PROJECT / "search_spaces"
    return {
        path.relative_to(root).with_suffix("").as_posix(): path
        for path in sorted(root.rglob("*.yaml"))
    }


def find_space(given: str, folder: Path, where: str) -> Path:
    """Path of a search space given by path or by the name of a shipped one.

    Parameters
    ----------
    given : str
    folder : Path
        The study's.
    where : str
        What gave it, for the message.

    Raises
    ------
    UserError
        If it is no file by its ending, and no shipped one has that name.
    """
    path = Path(resolve_path(given, folder))
    if path.suffix in YAML or path.is_file():
        return path
    shipped = space_names()
    if given not in shipped:
        raise UserError(f"{where}: search space '{given}' is unknown; {nearest(given, shipped)}")
    return shipped[given]
