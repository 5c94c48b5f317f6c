"""The end of a run on the terminal: the answer to each task, and the leaderboard."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.basics.wording import MISSING, interval, p_value, score
from engine.metrics import metric_label
from engine.report.facts.answer import answer
from engine.report.facts.standings import Standing, leaderboard
from engine.report.finished_run import read_run

#: Of a leaderboard, after the cells' names.
COLUMNS = ("mean", "sd", "95 % CI", "untuned", "p, best")


def summary(out: Path) -> Group:
    """Leaderboard of every task of a finished run, with the answer below it.

    Parameters
    ----------
    out : Path
        Folder of a finished run.

    Raises
    ------
    UserError
        If it is not one.
    """
    parts: list[Table | Text] = []
    for task, standings in leaderboard(read_run(out)).items():
        parts += [Text(), _table(task, standings), Text(answer(task, standings).sentence)]
    return Group(*parts)


def title(task: str, standings: list[Standing]) -> str:
    """What stands above a task's leaderboard."""
    metric = metric_label(standings[0].metric) if standings else ""
    return f"{task}, test {metric}"


def row(place: Standing) -> tuple[str, ...]:
    """A cell's name, and what stands in `COLUMNS`."""
    duel = place.against_best
    return (
        place.label,
        score(place.mean),
        score(place.sd),
        interval(place.ci_low, place.ci_high),
        score(place.default),
        MISSING if duel is None else p_value(duel.p_adjusted),
    )


def _table(task: str, standings: list[Standing]) -> Table:
    table = Table(title=title(task, standings), title_justify="left", title_style="bold", box=None)
    table.add_column("", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for place in standings:
        table.add_row(*row(place), style="bold" if place.status in ("best", "chosen") else "")
    return table
