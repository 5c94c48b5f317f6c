"""The sections on single tasks: their data, their figures, their pairs."""

import math
from collections.abc import Iterator, Sequence

from engine.basics.wording import (
    MISSING,
    count,
    heading,
    interval,
    moment,
    p_value,
    percent,
    plural,
    score,
)
from engine.metrics import metric_label
from engine.report.facts.duels import Duel, Duels
from engine.report.facts.findings import Findings
from engine.report.facts.standings import Standing
from engine.report.figures.drawing import Album
from engine.report.figures.forest import forest
from engine.report.figures.heatmaps import p_matrix
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Block, Caution, Facts, Folded, Paragraph, Section
from engine.report.forms.grids import Column, Entry, Grid, cell_entries, scored, signed
from engine.report.sections.base import Subject

MOST_PAIRS = 66  # of 12 cells; beyond, only the pairs with the best cell are listed


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """One section per task."""
    for place, task in enumerate(found.run.tasks, 1):
        blocks = list(_blocks(found, album, task))
        yield Section(f"task-{place}", task, blocks, group="Tasks")


SUBJECT = Subject("tasks", 30, sections)


def _blocks(found: Findings, album: Album, task: str) -> Iterator[Block]:
    run, board, tested = found.run, found.board[task], found.tested
    title, about = (str(run.task(task).get(key) or "") for key in ("title", "notes"))
    if title and title != task:
        yield Paragraph(title, "lead")
    yield from (Caution(note) for note in found.notes[task])
    if about:
        yield Paragraph(about, "about")
    yield Facts(_facts(run, task))
    cells = [standing for standing in board if standing.status != "no score"]
    if cells:
        yield album.add(forest(run, cells, found.answers[task]), "forest", task)
    if any((a.cell, b.cell) in tested for a in cells for b in cells):
        yield album.add(p_matrix(cells, tested, brief=found.brief), "p", task)
    pairs = pairs_grid(task, board, tested, brief=found.brief)
    if pairs.rows:
        yield Folded("Pairs of cells", pairs)
    yield Folded("All metrics", metrics_grid(run, task, board))


def _facts(run: FinishedRun, task: str) -> list[tuple[str, str]]:
    known = run.task(task)
    splits = [
        f"{count(float(known[f'n_{split}']))} {split}"
        for split in ("train", "validation", "test")
        if known.get(f"n_{split}") is not None
    ]
    classes = [str(name) for name in known.get("classes") or []]
    kind = run.kind(task)
    unsealed = (run.manifest.get("unsealed") or {}).get(task)
    pairs = [
        ("Sequences", ", ".join(splits)),
        ("Longest", plural(int(known.get("max_bases") or 0), "base")),
        (kind.words.heading, kind.words.noun if kind.numeric else ", ".join(classes)),
        ("Test split read", moment(str(unsealed)) if unsealed else ""),
        ("Source", str(known.get("source") or "")),
        ("Licence", str(known.get("licence") or "")),
        ("Fingerprint", str(known.get("fingerprint") or "")[:16]),
    ]
    return [(name, text) for name, text in pairs if text and text != "0 bases"]


def pairs_grid(
    task: str, standings: Sequence[Standing], tested: Duels, *, brief: bool = False
) -> Grid:
    """The compared pairs of a task; in brief, or for many cells, only those with the best."""
    ranked = [standing for standing in standings if standing.status != "no score"]
    short = brief or len(ranked) * (len(ranked) - 1) // 2 > MOST_PAIRS
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
                    signed(duel.delta),
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


def metrics_grid(run: FinishedRun, task: str, standings: Sequence[Standing]) -> Grid:
    """Every metric of every cell of a task, and the single seeds."""
    names = list(standings[0].others) if standings else []
    columns = [
        Column("Encoder"),
        Column("Method"),
        *(Column(heading(metric_label(name)), numeric=True) for name in names),
        Column("Seeds", numeric=True, spare=True),
        Column("Test sequences", numeric=True, spare=True),
    ]
    rows = [
        [
            *cell_entries(run, standing.encoder, standing.method),
            *(scored(standing.others.get(name, math.nan)) for name in names),
            Entry(", ".join(score(value) for _, value in standing.by_seed) or MISSING),
            Entry(count(standing.n_test), standing.n_test),
        ]
        for standing in standings
    ]
    return Grid(f"metrics-{task}", "Mean over seeds on the test split.", columns, rows)


def _verdict_entry(duel: Duel) -> Entry:
    words = "equivalent" if duel.equivalent and duel.verdict != "significant" else duel.verdict
    if duel.agreement == "mixed":
        return Entry(f"{words} (mixed)", pill="warn", tip="methods and models disagree")
    tone = "warn" if duel.verdict.startswith("unstable") else "soft"
    return Entry(words, pill="good" if duel.verdict == "significant" else tone, tip=duel.note)
