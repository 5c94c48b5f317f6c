"""All that a report's figures and tables are made of, worked out once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.compare.tasks import AcrossTasks
from engine.report.facts import across
from engine.report.facts.answer import Answer, answer
from engine.report.facts.calibration import Calibration, calibrations
from engine.report.facts.duels import Duels, duels
from engine.report.facts.embeddings import EmbeddingMap, embedding_maps
from engine.report.facts.notes import task_notes
from engine.report.facts.poolings import Pooled, poolings
from engine.report.facts.searches import Search, searches
from engine.report.facts.standings import Leaderboard, leaderboard
from engine.report.finished_run import FinishedRun

#: Beyond, a page of all details would be slow to open.
MANY_TASKS = 24


@dataclass(frozen=True)
class Findings:
    """What a run found.

    Attributes
    ----------
    board : mapping of str to sequence of Standing
        Leaderboards by task.
    answers : mapping of str to Answer
        By task.
    notes : mapping of str to list of str
        Leaks, cut sequences and other warnings, by task.
    over : AcrossTasks or None
        None for too few tasks.
    searches : sequence of Search
        Of all cells, task by task.
    calibrated : mapping of str to list of Calibration
        By task; empty without predictions of classes.
    maps : mapping of str to list of EmbeddingMap
        By task; empty where no embeddings were measured.
    """

    run: FinishedRun
    board: Leaderboard
    tested: Duels
    answers: Mapping[str, Answer]
    notes: Mapping[str, list[str]]
    over: AcrossTasks | None
    searches: Sequence[Search]
    pooled: Sequence[Pooled]
    calibrated: Mapping[str, list[Calibration]]
    maps: Mapping[str, list[EmbeddingMap]]

    @property
    def brief(self) -> bool:
        """Whether the page leaves details of single tasks to the run's tables."""
        return len(self.run.tasks) > MANY_TASKS


def findings(run: FinishedRun) -> Findings:
    """Work out everything that the run has data for."""
    tested = duels(run)
    board = leaderboard(run, tested)
    return Findings(
        run=run,
        board=board,
        tested=tested,
        answers={task: answer(task, board[task]) for task in run.tasks},
        notes={task: task_notes(run, task) for task in run.tasks},
        over=across.of_run(run),
        searches=[search for cells in searches(run).values() for search in cells],
        pooled=poolings(run),
        calibrated=calibrations(run, board),
        maps=embedding_maps(run),
    )
