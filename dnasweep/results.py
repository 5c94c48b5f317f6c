"""What a finished run left, in Python: its tables, its winners, its answer."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from dnasweep.studies import as_text

if TYPE_CHECKING:
    import pandas as pd

    from engine.report.facts.standings import Standing
    from engine.report.finished_run import FinishedRun
    from engine.select.predict import Best


class Results:
    """A finished run; in a notebook it shows the answer and the leaderboard of each task.

    Parameters
    ----------
    folder : str or Path
        Output folder of the run.

    Raises
    ------
    UserError
        If the folder lacks a file of a finished run or holds one that cannot be read.

    Examples
    --------
    >>> run = dnasweep.Results("runs/demo")
    >>> run.comparisons[["cell_a", "cell_b", "method_delta", "method_p_adjusted"]]
    >>> run.best("kmer/splice_junctions/probe").predict(["ACGT"]).scores
    """

    def __init__(self, folder: str | Path):
        from engine.report.finished_run import read_run

        self.folder = Path(folder)
        self._run: FinishedRun = read_run(self.folder)

    @property
    def scores(self) -> pd.DataFrame:
        """One row per fitted model: its validation and test score, interval, seconds."""
        return self._run.scores

    @property
    def comparisons(self) -> pd.DataFrame:
        """One row per tested pair of cells: differences, intervals, p-values, verdict."""
        return self._run.comparisons

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial of the search: configuration, score, time, outcome."""
        return self._run.trials

    @property
    def report(self) -> Path:
        """The report as one HTML file."""
        return self.folder / "report.html"

    def best(self, cell: str) -> Best:
        """The winner of a cell as a model.

        Parameters
        ----------
        cell : str
            ``encoder/task/method``.

        Returns
        -------
        Best
            Its ``predict(sequences)`` gives scores and predictions; ``config`` says what it is.

        Raises
        ------
        UserError
            If no winner has that name; tells the nearest one.
        """
        from engine.commands.best import find_winner

        return find_winner(self.folder, cell)

    @cached_property
    def _standings(self) -> dict[str, list[Standing]]:
        from engine.report.facts.standings import leaderboard

        return leaderboard(self._run)

    def __repr__(self) -> str:
        from engine.report.forms.terminal import summary

        return f"{as_text(summary(self.folder))}\n\nreport: {self.report}"

    def _repr_html_(self) -> str:
        from engine.report.facts.answer import answer

        parts = [
            f"<p>{escape(answer(task, standings).sentence)}</p>{_leaderboard(task, standings)}"
            for task, standings in self._standings.items()
        ]
        return "".join([*parts, f"<p>report: <code>{escape(str(self.report))}</code></p>"])


def _leaderboard(task: str, standings: list[Standing]) -> str:
    """Table of a task's cells, the best first."""
    from engine.report.forms.terminal import COLUMNS, row, title

    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *COLUMNS))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row(place)) + "</tr>"
        for place in standings
    )
    return (
        f"<table><caption>{escape(title(task, standings))}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
