"""The section on tuning: what it brought, and what it depended on."""

import json
import math
from collections.abc import Iterable, Iterator

from engine.basics.wording import MISSING, count, percent
from engine.plan.space import parse_space
from engine.report.facts.findings import Findings
from engine.report.facts.poolings import pooling_grid
from engine.report.facts.searches import Search
from engine.report.facts.standings import Leaderboard
from engine.report.figures.curves import learning_curves, search_curves, trained_trials
from engine.report.figures.drawing import Album
from engine.report.figures.panels import pooling_effect
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Block, Heading, Paragraph, Section
from engine.report.forms.grids import (
    CELL_COLUMNS,
    Column,
    Entry,
    Grid,
    cell_entries,
    for_tasks,
    scored,
    signed,
)
from engine.report.sections.base import Subject

STATUSES = ("complete", "pruned", "failed", "infeasible")
SHOWN = 5  # hyperparameters of a cell


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """Gain and drop of every cell, its trials, hyperparameters, poolings and curves."""
    yield Section("tuning", "Tuning", list(_blocks(found, album)))


SUBJECT = Subject("tuning", 40, sections)


def _blocks(found: Findings, album: Album) -> Iterator[Block]:
    run = found.run
    said = "Did the search help, and does what it found hold on the test split?"
    yield Paragraph(said, "lead")
    yield tuning_grid(run, found.board, found.searches)
    yield from (Heading("Trials"), trials_grid(run, found.searches))
    important = importance_grid(run)
    if important:
        yield from (Heading("Importance of hyperparameters"), important)
    if found.pooled:
        yield Heading("Pooling")
        yield album.add(pooling_effect(run, found.pooled), "pooling")
        yield pooling_grid(run, found.pooled)
    if found.brief:
        said = (
            f"Search and learning curves of {count(len(run.tasks))} tasks are left out here; "
            "trials.parquet holds every trial."
        )
        yield Paragraph(said, "quiet")
        return
    trained = trained_trials(run)
    done = run.trials["score"].notna() & (run.trials["status"] == "complete")
    for task in run.tasks:
        if (done & (run.trials["task"] == task)).any():
            yield from (Heading(task), album.add(search_curves(run, task), "search", task))
            learned = learning_curves(run, task, trained)
            if learned:
                yield album.add(learned, "learning", task)


def tuning_grid(run: FinishedRun, board: Leaderboard, found: Iterable[Search]) -> Grid:
    """Default against tuned, and validation against test, for every cell."""
    standings = {standing.cell: standing for cells in board.values() for standing in cells}
    columns = [
        *CELL_COLUMNS,
        Column("Validation default", numeric=True),
        Column("Validation best", numeric=True),
        Column("Test default", numeric=True),
        Column("Test tuned", numeric=True),
        Column("Gain", numeric=True, tip="how much better tuned is than default, on test"),
        Column("Drop", numeric=True, tip="how much worse the winner is on test than on validation"),
    ]
    rows = []
    for search in found:
        standing = standings.get(search.cell)
        rows.append(
            [
                Entry(search.task),
                *cell_entries(run, search.encoder, search.method),
                scored(search.default),
                scored(search.best),
                scored(standing.default if standing else math.nan),
                scored(standing.mean if standing else math.nan),
                signed(standing.gain if standing else math.nan),
                signed(standing.drop if standing else math.nan),
            ]
        )
    caption = (
        "Gain: what tuning brought on the test split, over the seeds that have both models. Drop: "
        "how much worse the winning configuration is on the test split than on validation; a large "
        "drop means that the search has fitted the validation split, or that the two splits differ."
    )
    return for_tasks(run, Grid("tuning", caption, columns, rows))


def trials_grid(run: FinishedRun, found: Iterable[Search]) -> Grid:
    """How many trials every cell had and how they ended."""
    columns = [
        *CELL_COLUMNS,
        Column("Trials", numeric=True),
        *(Column(status.capitalize(), numeric=True) for status in STATUSES),
        Column("Best at", numeric=True, tip="number of the trial that won; 0 is the default"),
    ]
    rows = []
    for search in found:
        numbers = [search.total, *(search.counts.get(status, 0) for status in STATUSES)]
        best = math.nan if search.best_number is None else search.best_number
        rows.append(
            [
                Entry(search.task),
                *cell_entries(run, search.encoder, search.method),
                *(Entry(count(number), number) for number in numbers),
                Entry(count(best), best),
            ]
        )
    caption = (
        "Pruned: stopped early, as its score was low for its epochs. Infeasible: could not run, "
        "as with too little memory. Best at: the number of the trial that won; 0 is the default."
    )
    return for_tasks(run, Grid("trials", caption, columns, rows))


def importance_grid(run: FinishedRun) -> Grid | None:
    """Hyperparameters by importance for cells with trials enough; None where there are none."""
    # Optuna is slow to import, and most commands that read a run never come here.
    from engine.search.importance import FEWEST_TRIALS, importances

    rows = []
    declared = run.study.get("methods") or {}
    for _, trials in run.trials.groupby("cell", sort=False):
        complete = trials[(trials["status"] == "complete") & trials["score"].notna()]
        first = trials.iloc[0]
        # The resolved study holds a method's space whole.
        space = declared.get(first["method"]) if isinstance(declared, dict) else None
        if not isinstance(space, dict) or len(complete) < FEWEST_TRIALS:
            continue
        known = parse_space(space, f"study.yaml: methods.{first['method']}")
        pairs = [
            (json.loads(params), float(value))
            for params, value in complete[["params", "score"]].itertuples(index=False)
        ]
        found = importances(known, pairs, maximize=run.sign(str(first["task"])) > 0)
        if not found:
            continue
        top = list(found.items())[:SHOWN]
        task, encoder, method = (str(first[name]) for name in ("task", "encoder", "method"))
        cell = [Entry(task), *cell_entries(run, encoder, method)]
        cell.append(Entry(str(len(complete)), len(complete)))
        cell += [Entry(f"{name} {percent(share)}", share) for name, share in top]
        rows.append(cell + [Entry(MISSING, math.nan)] * (SHOWN - len(top)))
    if not rows:
        return None
    columns = [*CELL_COLUMNS, Column("Complete trials", numeric=True)]
    columns += [Column(title) for title in ("Most important", "Second", "Third", "Fourth", "Fifth")]
    caption = (
        f"Cells with {FEWEST_TRIALS} complete trials or more: share of each hyperparameter in what "
        "tells the best quarter of the trials from all (Optuna's PED-ANOVA)."
    )
    return for_tasks(run, Grid("importance", caption, columns, rows))
