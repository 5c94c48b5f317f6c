"""What the report says, put together once for both of its forms, HTML and Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

from engine.basics.files import file_names
from engine.basics.wording import duration, listing, moment, plural
from engine.report.facts import across
from engine.report.facts.answer import Answer
from engine.report.facts.findings import Findings, findings
from engine.report.figures.drawing import Album, Picture
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Section
from engine.report.forms.theme import FIGURE_STYLE
from engine.report.sections import subjects


@dataclass(frozen=True)
class TaskAnswer:
    """The answer for one task, and what to know before believing it.

    Attributes
    ----------
    notes : sequence of str
        Leaks, cut sequences and other warnings of this run.
    """

    task: str
    answer: Answer
    notes: Sequence[str]


@dataclass(frozen=True)
class Page:
    """What the report says, in its order.

    Attributes
    ----------
    facts : sequence of str
        The size of the study, when it ended and what ran it, in a few words each.
    across : str
        The answer over all tasks; empty where there is none.
    """

    name: str
    description: str
    question: str
    facts: Sequence[str]
    across: str
    answers: Sequence[TaskAnswer]
    sections: Sequence[Section]

    @property
    def pictures(self) -> Iterator[Picture]:
        """Every figure once, in order."""
        for section in self.sections:
            yield from section.pictures


def compose(run: FinishedRun, figures: Path) -> Page:
    """Work out the report of a run and draw its figures.

    Parameters
    ----------
    figures : Path
        Folder for the figures' files.
    """
    found = findings(run)
    drawn = Album(figures, file_names(run.tasks))
    # A style takes effect when an artist is made, so it holds for drawing and saving alike.
    with matplotlib.rc_context(FIGURE_STYLE):
        sections = [part for subject in subjects() for part in subject.sections(found, drawn)]
    return Page(
        name=run.name,
        description=str(run.study.get("description") or ""),
        question=question(run),
        facts=_facts(run),
        across=_across(found),
        answers=[TaskAnswer(task, found.answers[task], found.notes[task]) for task in run.tasks],
        sections=sections,
    )


def _across(found: Findings) -> str:
    """The answer over all tasks: how many have one best cell, and which model is best over them."""
    if found.over is None:
        return ""
    outcomes = [answer.outcome for answer in found.answers.values()]
    won = outcomes.count("winner")
    some = plural(won, "task") if won else "No task"
    tally = f"{some} of {len(outcomes)} {'has' if won < 2 else 'have'} one winner."
    return f"{tally} {across.sentence(found.run, found.over)}"


def question(run: FinishedRun) -> str:
    """What the study asks, with its own names where there are few of them."""
    encoders = _few(run.encoders, "encoder")
    which = f"Which of {encoders}" if len(run.encoders) > 1 else f"How good is {encoders}"
    methods = f", adapted by {listing(run.methods)}," if run.methods else ""
    best = "is best" if len(run.encoders) > 1 else ""
    tasks = _few(run.tasks, "task")
    real = ", and is the difference real" if max(len(run.encoders), len(run.methods)) > 1 else ""
    return f"{which}{methods} {best} on {tasks}{real}?".replace("  ", " ")


def _few(names: list[str], noun: str) -> str:
    return listing(names) if len(names) <= 5 else plural(len(names), noun)


def _facts(run: FinishedRun) -> list[str]:
    tuned = run.scores[run.scores["variant"] == "tuned"]
    total = sum((run.manifest.get("stages") or {}).values())
    finished = moment(str(run.manifest.get("finished") or ""))
    facts = [
        plural(len(run.tasks), "task"),
        plural(len(run.encoders), "encoder"),
        plural(len(run.methods), "method"),
        plural(run.trials["cell"].nunique(), "cell"),
        plural(len(run.trials), "trial"),
        plural(len(tuned), "refit"),
        plural(len(run.seeds), "seed"),
        duration(total) if total else "",
        f"finished {finished}" if finished else "",
        f"dnasweep {run.manifest.get('dnasweep', '')}".strip(),
    ]
    return [fact for fact in facts if fact]
