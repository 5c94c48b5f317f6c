"""Tables of cells and their tests: the leaderboard, pairs of a task, every metric."""

import math
from collections.abc import Sequence

from engine.report.duels import Duel, Duels
from engine.report.formats import (
    MISSING,
    count,
    difference,
    interval,
    metric_label,
    p_value,
    percent,
    score,
)
from engine.report.grids import Column, Entry, Grid, for_tasks, scored, signed
from engine.report.run import Run
from engine.report.tables import Leaderboard, Standing
from engine.report.theme import hue

MOST_PAIRS = 66  # of 12 cells; beyond, only the pairs with the best cell are listed
STATUS_TONES = {
    "best": "good",
    "chosen": "good",
    "ahead": "accent",
    "equivalent": "accent",
    "tied": "accent",
    "unstable": "warn",
    "behind": "soft",
}


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


def pairs_grid(task: str, standings: Sequence[Standing], tested: Duels) -> Grid:
    """The compared pairs of a task; for many cells only those with the best."""
    ranked = [standing for standing in standings if standing.status != "no score"]
    short = len(ranked) * (len(ranked) - 1) // 2 > MOST_PAIRS
    firsts = ranked[:1] if short else ranked
    rows = []
    for place, first in enumerate(firsts):
        for second in ranked[place + 1 :]:
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
            *(scored(standing.others.get(name, math.nan)) for name in names),
            Entry(", ".join(score(value) for _, value in standing.by_seed) or MISSING),
            Entry(count(standing.n_test), standing.n_test),
        ]
        for standing in standings
    ]
    return Grid(f"metrics-{task}", "Mean over seeds on the test split.", columns, rows)


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
        scored(standing.default),
        signed(standing.gain),
        Entry(p_value(adjusted, duel.log10_adjusted) if duel else "", adjusted),
        Entry(standing.status, pill=STATUS_TONES.get(standing.status, "soft")),
    ]


def _verdict_entry(duel: Duel) -> Entry:
    words = "equivalent" if duel.equivalent and duel.verdict != "significant" else duel.verdict
    if duel.agreement == "mixed":
        return Entry(f"{words} (mixed)", pill="warn", tip="methods and models disagree")
    return Entry(words, pill=_verdict_tone(duel.verdict), tip=duel.note)


def _verdict_tone(verdict: str) -> str:
    if verdict == "significant":
        return "good"
    return "warn" if verdict.startswith("unstable") else "soft"


def _cell_entries(run: Run, standing: Standing) -> list[Entry]:
    colour = hue(standing.encoder, run.encoders).name
    return [Entry(standing.encoder, hue=colour), Entry(standing.method)]


def _heading(label: str) -> str:
    return label[:1].upper() + label[1:]
