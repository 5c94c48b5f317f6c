"""The command `run`: a plan is worked off, and whoever waits is told how it goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from engine.basics.errors import UserError
from engine.basics.files import check_folder

if TYPE_CHECKING:
    from engine.plan.cells import Plan
    from engine.report import ReportPaths

#: Folder of a run that holds tables which were given in memory.
TABLES = "data"


def run_plan(
    plan: Plan, folder: Path, address: str | None, resume: bool, console: Console
) -> ReportPaths | None:
    """Run a study to its report.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Output folder.
    address : str or None
        Ray cluster to run on; none for this machine.
    resume : bool
        Whether to go on from what is in the folder; else that is set aside.
    console : Console
        Where progress is shown.

    Returns
    -------
    ReportPaths or None
        None where it was interrupted; what is finished is kept.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    from engine.tracking.mlflow_runs import check_server

    check_folder(folder)
    if uri := tracked_at(plan, folder):
        check_server(uri)
    if address:
        from engine.cluster.workers import check_address

        check_address(address)
    if not resume:
        set_aside(folder, console, _needed(plan))
    with logs_in(folder / "run.log"):
        from engine.stages.progress import View
        from engine.stages.run import Run
        from engine.stages.study import run_study

        try:
            return run_study(Run(plan, folder, address, not resume, View(console)))
        except KeyboardInterrupt:
            return None


def tracked_at(plan: Plan, folder: Path) -> str | None:
    """Where MLflow keeps the runs of a study; none where they are not tracked."""
    from engine.tracking.mlflow_runs import tracking_uri

    chosen = plan.study.tracking
    return tracking_uri(chosen.uri, folder.resolve().parent) if chosen.enabled else None


def _needed(plan: Plan) -> list[Path]:
    """Files and folders that a study reads."""
    tasks = [Path(task.file) for task in plan.tasks.values()]
    weights = [Path(spec.weights).expanduser() for spec in plan.study.encoders]
    return [*tasks, *(path for path in weights if path.exists()), Path(str(plan.study.source))]


def set_aside(folder: Path, console: Console, needed: Sequence[Path] = ()) -> None:
    """Keep an earlier run under another name, so that starting anew loses nothing.

    Tables that were given in memory stay where they are: their names tell what they hold, and the
    earlier run's study names them too.

    Raises
    ------
    UserError
        If something that is needed lies in the folder beside them.
    """
    folder = folder.resolve()
    if not folder.is_dir() or not {path.name for path in folder.iterdir()} - {TABLES}:
        return
    for path in needed:
        inside = path.resolve()
        if folder in inside.parents and folder / TABLES not in inside.parents:
            raise UserError(
                f"--fresh would set {folder} aside, where {path.name} lies, which the study "
                "reads; name another folder with --out"
            )
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(folder.stat().st_mtime))
    aside = folder.with_name(f"{folder.name}.before-{stamp}")
    folder.rename(aside)
    if (aside / TABLES).is_dir():
        folder.mkdir()
        (aside / TABLES).rename(folder / TABLES)
    console.print(f"[dim]the earlier run stands in {aside}[/]", soft_wrap=True)


@contextmanager
def logs_in(path: Path) -> Iterator[None]:
    """Send logs and warnings to a file, for the screen is for progress; later as before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.captureWarnings(True)
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
        handler.close()
