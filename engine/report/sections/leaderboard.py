"""The section on who leads: scores of all tasks side by side, and every cell of each."""

import math
from collections.abc import Iterator

from engine.basics.wording import heading, interval, p_value, score
from engine.metrics import metric_label
from engine.report.facts.findings import Findings
from engine.report.facts.standings import Leaderboard, Standing, rank_table
from engine.report.figures.drawing import Album
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Block, Heading, Section
from engine.report.forms.grids import (
    MODEL_COLUMNS,
    Column,
    Entry,
    Grid,
    cell_entries,
    for_tasks,
    scored,
    signed,
)
from engine.report.sections.base import Subject

STATUS_TONES = {
    "best": "good",
    "chosen": "good",
    "ahead": "accent",
    "equivalent": "accent",
    "tied": "accent",
    "unstable": "warn",
    "behind": "soft",
}
LEADS = ("best", "chosen", "ahead", "equivalent", "tied", "unstable")


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """A study of several tasks has all scores at a glance before every cell with its test."""
    blocks: list[Block] = []
    if len(found.run.tasks) > 1:
        blocks += [scores_grid(found.run, found.board), Heading("Every cell and its test")]
    blocks.append(leaderboard_grid(found.run, found.board))
    yield Section("leaderboard", "Leaderboard", blocks)


SUBJECT = Subject("leaderboard", 10, sections)


def scores_grid(run: FinishedRun, board: Leaderboard) -> Grid:
    """Score of every encoder and method on every task, best mean rank first."""
    ranks = rank_table(board)
    standings = {(s.encoder, s.method, s.task): s for cells in board.values() for s in cells}
    columns = [
        *MODEL_COLUMNS,
        Column("Mean rank", numeric=True, tip="over the tasks on which it has a score; 1 is best"),
        *(Column(task, numeric=True, tip=metric_label(run.metric(task))) for task in run.tasks),
    ]
    rows = []
    for encoder, method in ranks.index:
        mean = float(ranks.loc[(encoder, method)].mean())
        found = (standings.get((encoder, method, task)) for task in run.tasks)
        rows.append(
            [
                *cell_entries(run, encoder, method),
                Entry(f"{mean:.1f}", mean),
                *(_led(standing) if standing else scored(math.nan) for standing in found),
            ]
        )
    headline = run.compare.get("family") == "headline"
    reference = "that was chosen by validation" if headline else "with the best score"
    metrics = {run.metric(task) for task in run.tasks}
    what = f"Mean {metric_label(metrics.pop())}" if len(metrics) == 1 else "Mean of each metric"
    caption = (
        f"{what} over seeds on the test split. Bold: of each task the cell {reference}, and all "
        "that are not shown to be behind it."
    )
    return Grid("scores-by-task", caption, columns, rows)


def _led(standing: Standing) -> Entry:
    strong = standing.status in LEADS
    return Entry(score(standing.mean), standing.mean, strong=strong, tip=standing.status)


def leaderboard_grid(run: FinishedRun, board: Leaderboard) -> Grid:
    """All cells of all tasks, best first within a task."""
    metrics = {standing.metric for cells in board.values() for standing in cells}
    shared = heading(metric_label(metrics.pop())) if len(metrics) == 1 else ""
    columns = [
        Column("Task", filtered=True),
        Column("Rank", numeric=True),
        Column("Encoder", filtered=True),
        Column("Method", filtered=True),
        Column("Metric"),
        Column(shared or "Score", numeric=True, tip="mean over seeds, test split"),
        Column("SD", numeric=True, spare=True, tip="standard deviation over seeds"),
        Column("95 % CI", numeric=True, tip="of the model of the first seed"),
        Column("Default", numeric=True, spare=True, tip="with default hyperparameters"),
        Column(
            "Gain",
            numeric=True,
            spare=True,
            tip="how much better tuned is than default, same seeds",
        ),
        Column("Adjusted p", numeric=True, tip="against the best cell, or the chosen one"),
        Column("Verdict", filtered=True),
    ]
    rows = [_standing_row(run, standing) for cells in board.values() for standing in cells]
    headline = (
        " Every cell was compared with the one that was best by validation: chosen, or best where "
        "it also scores highest; ahead: significantly better than that one."
        if run.compare.get("family") == "headline"
        else ""
    )
    grid = Grid(
        "leaderboard",
        "Mean over seeds on the test split; the interval is of the model of seed "
        f"{run.seeds[0]}.{headline} Tied: not shown to be behind the best cell, which is not proof "
        "that the two are equal; equivalent: shown to be level within the study's margin. "
        "Unstable: the seeds disagree.",
        columns,
        rows,
    )
    return for_tasks(run, grid.without("Metric") if shared else grid)


def _standing_row(run: FinishedRun, standing: Standing) -> list[Entry]:
    duel = standing.against_best
    adjusted = duel.p_adjusted if duel else math.nan
    return [
        Entry(standing.task),
        Entry(str(standing.rank), standing.rank),
        *cell_entries(run, standing.encoder, standing.method),
        Entry(metric_label(standing.metric)),
        Entry(score(standing.mean), standing.mean, strong=True),
        scored(standing.sd),
        Entry(interval(standing.ci_low, standing.ci_high), standing.ci_low),
        scored(standing.default),
        signed(standing.gain),
        Entry(p_value(adjusted, duel.log10_adjusted) if duel else "", adjusted),
        Entry(standing.status, pill=STATUS_TONES.get(standing.status, "soft")),
    ]
