"""The tables of the report as rows of text: made once, written as HTML and as Markdown."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.report.formats import (
    MISSING,
    count,
    difference,
    duration,
    interval,
    metric_label,
    p_value,
    percent,
    score,
    size,
)
from engine.report.run import Run
from engine.report.tables import Duel, Duels, Leaderboard, Search, Standing
from engine.report.theme import hue

LONG = 28  # letters; a longer entry may break over lines
NUMBER = re.compile(r"[+−]?\d+(\.\d+)?(e-\d+)?")  # what the page's script reads as a number
MOST_PAIRS = 66  # of 12 cells; beyond, only the pairs with the best cell are listed
STATUSES = ("complete", "pruned", "failed", "infeasible")
STATUS_TONES = {
    "best": "good",
    "equivalent": "accent",
    "tied": "accent",
    "unstable": "warn",
    "behind": "soft",
}


@dataclass(frozen=True)
class Column:
    """A column's heading and how it behaves.

    Attributes
    ----------
    title : str
    numeric : bool
        Aligned on the right.
    filtered : bool
        The reader can pick one of its values.
    spare : bool
        Left out on narrow screens.
    tip : str
        What the heading means.
    """

    title: str
    numeric: bool = False
    filtered: bool = False
    spare: bool = False
    tip: str = ""

    @property
    def classes(self) -> str:
        """Style classes of the heading and of every entry below it."""
        return " ".join(["number"] * self.numeric + ["spare"] * self.spare)


@dataclass(frozen=True)
class Entry:
    """A table's entry.

    Attributes
    ----------
    text : str
    order : float or None
        Sorted by instead of the text.
    strong : bool
        Set in bold.
    pill : str
        Set as a verdict of this tone: ``good``, ``accent``, ``warn``, ``soft``.
    hue : str
        Name of the encoder's colour; empty for no swatch.
    tip : str
    """

    text: str
    order: float | None = None
    strong: bool = False
    pill: str = ""
    hue: str = ""
    tip: str = ""

    @property
    def key(self) -> str:
        """What the entry is sorted by where its text does not read as that number."""
        if self.order is None or math.isnan(self.order) or NUMBER.fullmatch(self.text):
            return ""
        return f"{self.order:.6g}"

    def classes(self, column: Column) -> str:
        """Style classes of the entry in its column."""
        own = ["strong"] * self.strong + ["long"] * (len(self.text) > LONG)
        return " ".join([column.classes, *own]).strip()


@dataclass(frozen=True)
class Grid:
    """A table: caption, columns, rows of entries.

    Attributes
    ----------
    name : str
        Unique in the report.
    caption : str
    columns : sequence of Column
    rows : sequence of sequence of Entry
        As long as `columns` each.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]

    def without(self, title: str) -> "Grid":
        """The same table less one column."""
        kept = [place for place, column in enumerate(self.columns) if column.title != title]
        rows = [[row[place] for place in kept] for row in self.rows]
        return Grid(self.name, self.caption, [self.columns[place] for place in kept], rows)


CELL_COLUMNS = (
    Column("Task", filtered=True),
    Column("Encoder", filtered=True),
    Column("Method", filtered=True),
)


def leaderboard_grid(run: Run, board: Leaderboard) -> Grid:
    """All cells of all tasks, best first within a task."""
    metrics = {standing.metric for cells in board.values() for standing in cells}
    shared = _heading(metric_label(metrics.pop())) if len(metrics) == 1 else ""
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
        Column("Adjusted p", numeric=True, tip="against the best cell of the task"),
        Column("Verdict", filtered=True),
    ]
    rows = [_standing_row(run, standing) for cells in board.values() for standing in cells]
    grid = Grid(
        "leaderboard",
        "Mean over seeds on the test split; the interval is of the model of seed "
        f"{run.seeds[0]}. Tied: not shown to be behind the best cell, which is not proof that the "
        "two are equal; equivalent: shown to be level within the study's margin. Unstable: the "
        "seeds disagree.",
        columns,
        rows,
    )
    return for_tasks(run, grid.without("Metric") if shared else grid)


def pairs_grid(task: str, standings: Sequence[Standing], tested: Duels) -> Grid:
    """The compared pairs of a task; for many cells only those with the best."""
    scored = [standing for standing in standings if standing.status != "no score"]
    short = len(scored) * (len(scored) - 1) // 2 > MOST_PAIRS
    firsts = scored[:1] if short else scored
    rows = []
    for place, first in enumerate(firsts):
        for second in scored[place + 1 :]:
            duel = tested.get((first.cell, second.cell))
            if duel is None:
                continue
            adjusted = p_value(duel.p_adjusted, duel.log10_adjusted)
            rows.append(
                [
                    Entry(first.label),
                    Entry(second.label),
                    Entry(difference(duel.delta), duel.delta),
                    Entry(interval(duel.ci_low, duel.ci_high), duel.ci_low),
                    Entry(p_value(duel.p, duel.log10_p), duel.p),
                    Entry(adjusted, duel.p_adjusted),
                    Entry(p_value(duel.models_p), duel.models_p),
                    Entry(percent(duel.seed_share), duel.seed_share),
                    Entry(duel.seeds_agree),
                    Entry(duel.test),
                    _verdict_entry(duel),
                ]
            )
    columns = [
        Column("First"),
        Column("Second"),
        Column("Difference", numeric=True),
        Column("95 % CI", numeric=True),
        Column("p", numeric=True),
        Column("Adjusted p", numeric=True),
        Column("Models p", numeric=True, tip="adjusted p of the two models of the first seed"),
        Column("Seed share", numeric=True, tip="of the variance of the difference"),
        Column("Seeds agree", numeric=True, spare=True),
        Column("Test", spare=True),
        Column("Verdict", filtered=True),
    ]
    rest = " Only pairs with the best cell; all are in comparisons.csv." if short else ""
    over = any(duel.of_methods for duel in tested.values())
    caption = "A difference is positive where the first is better." + (
        " Difference, interval and p are of the methods over all seeds. Models p: of the two "
        "models of the first seed; where the two disagree the verdict is marked mixed. Seed share: "
        "how much of the variance of the difference comes from seeds, the rest from test rows."
        if over
        else ""
    )
    grid = Grid(f"pairs-{task}", f"{caption}{rest}", columns, rows)
    # What the other kind of test has to say, and no more than a page is wide.
    left_out = ("Seeds agree", "Test") if over else ("Models p", "Seed share")
    for title in left_out:
        grid = grid.without(title)
    return grid


def metrics_grid(run: Run, task: str, standings: Sequence[Standing]) -> Grid:
    """Every metric of every cell of a task, and the single seeds."""
    names = list(standings[0].others) if standings else []
    columns = [
        Column("Encoder"),
        Column("Method"),
        *(Column(_heading(metric_label(name)), numeric=True) for name in names),
        Column("Seeds", numeric=True, spare=True),
        Column("Test sequences", numeric=True, spare=True),
    ]
    rows = [
        [
            *_cell_entries(run, standing),
            *(_scored(standing.others.get(name, math.nan)) for name in names),
            Entry(", ".join(score(value) for _, value in standing.by_seed) or MISSING),
            Entry(count(standing.n_test), standing.n_test),
        ]
        for standing in standings
    ]
    return Grid(f"metrics-{task}", "Mean over seeds on the test split.", columns, rows)


def tuning_grid(run: Run, board: Leaderboard, found: Iterable[Search]) -> Grid:
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
                *_search_entries(run, search),
                _scored(search.default),
                _scored(search.best),
                _scored(standing.default if standing else math.nan),
                _scored(standing.mean if standing else math.nan),
                _signed(standing.gain if standing else math.nan),
                _signed(standing.drop if standing else math.nan),
            ]
        )
    caption = (
        "Gain: what tuning brought on the test split, over the seeds that have both models. Drop: "
        "how much worse the winning configuration is on the test split than on validation; a large "
        "drop means that the search has fitted the validation split."
    )
    return for_tasks(run, Grid("tuning", caption, columns, rows))


def trials_grid(run: Run, found: Iterable[Search]) -> Grid:
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
                *_search_entries(run, search),
                *(Entry(count(number), number) for number in numbers),
                Entry(count(best), best),
            ]
        )
    caption = (
        "Pruned: stopped early, as its score was low for its epochs. Infeasible: could not run, "
        "as with too little memory. Best at: the number of the trial that won; 0 is the default."
    )
    return for_tasks(run, Grid("trials", caption, columns, rows))


def cost_grid(run: Run, board: Leaderboard, found: Iterable[Search]) -> Grid:
    """Seconds and parameters of every cell."""
    standings = {standing.cell: standing for cells in board.values() for standing in cells}
    columns = [
        *CELL_COLUMNS,
        Column("Search", numeric=True, tip="sum over trials"),
        Column("Refits", numeric=True, tip="sum over seeds, tuned and default"),
        Column("Peak memory", numeric=True, tip="largest of the trials, where it was measured"),
        Column("Trained parameters", numeric=True),
        Column("Encoder parameters", numeric=True, spare=True),
        Column("Score", numeric=True),
    ]
    rows = []
    for search in found:
        standing = standings.get(search.cell)
        refits = standing.seconds if standing else math.nan
        trained = standing.trainable_parameters if standing else math.nan
        parameters = float(run.encoder(search.encoder).get("parameters") or math.nan)
        rows.append(
            [
                *_search_entries(run, search),
                Entry(duration(search.seconds), search.seconds),
                Entry(duration(refits), refits),
                Entry(size(search.peak_bytes), search.peak_bytes),
                Entry(count(trained), trained),
                Entry(count(parameters), parameters),
                _scored(standing.mean if standing else math.nan),
            ]
        )
    caption = "Time of trials and refits, summed over workers; embedding is timed per stage below."
    return for_tasks(run, Grid("cost", caption, columns, rows))


def records_grid(
    name: str, caption: str, titles: Sequence[str], records: Iterable[Sequence[object]]
) -> Grid:
    """A plain table of facts as they stand."""
    rows = [[Entry(MISSING if value in (None, "") else str(value)) for value in r] for r in records]
    return Grid(name, caption, [Column(title) for title in titles], rows)


def _standing_row(run: Run, standing: Standing) -> list[Entry]:
    duel = standing.against_best
    adjusted = duel.p_adjusted if duel else math.nan
    return [
        Entry(standing.task),
        Entry(str(standing.rank), standing.rank),
        *_cell_entries(run, standing),
        Entry(metric_label(standing.metric)),
        Entry(score(standing.mean), standing.mean, strong=True),
        Entry(score(standing.sd), standing.sd),
        Entry(interval(standing.ci_low, standing.ci_high), standing.ci_low),
        _scored(standing.default),
        _signed(standing.gain),
        Entry(p_value(adjusted, duel.log10_adjusted) if duel else "", adjusted),
        Entry(standing.status, pill=STATUS_TONES.get(standing.status, "soft")),
    ]


def _search_entries(run: Run, search: Search) -> list[Entry]:
    colour = hue(search.encoder, run.encoders).name
    return [Entry(search.task), Entry(search.encoder, hue=colour), Entry(search.method)]


def for_tasks(run: Run, grid: Grid) -> Grid:
    """A study of one task needs no column to name it."""
    return grid.without("Task") if len(run.tasks) == 1 else grid


def _cell_entries(run: Run, standing: Standing) -> list[Entry]:
    colour = hue(standing.encoder, run.encoders).name
    return [Entry(standing.encoder, hue=colour), Entry(standing.method)]


def _heading(label: str) -> str:
    return label[:1].upper() + label[1:]


def _scored(value: float) -> Entry:
    return Entry(score(value), value)


def _signed(value: float) -> Entry:
    return Entry(difference(value), value)


def _verdict_entry(duel: Duel) -> Entry:
    words = "equivalent" if duel.equivalent and duel.verdict != "significant" else duel.verdict
    if duel.agreement == "mixed":
        return Entry(f"{words} (mixed)", pill="warn", tip="methods and models disagree")
    return Entry(words, pill=_verdict_tone(duel.verdict), tip=duel.note)


def _verdict_tone(verdict: str) -> str:
    if verdict == "significant":
        return "good"
    return "warn" if verdict.startswith("unstable") else "soft"
