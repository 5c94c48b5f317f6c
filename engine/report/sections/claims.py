"""The section on what the statistics of a run say and do not say."""

import math
from collections.abc import Iterator

import pandas as pd

from engine.basics.wording import FAMILIES, adjustment, be, count, listing, percent, plural, score
from engine.report.facts.duels import Duels
from engine.report.facts.findings import Findings
from engine.report.facts.standings import Leaderboard
from engine.report.figures.drawing import Album
from engine.report.finished_run import FinishedRun
from engine.report.forms.blocks import Claims, Section
from engine.report.sections.base import Subject


def sections(found: Findings, album: Album) -> Iterator[Section]:
    """What this run's tests are about."""
    said = claims(found.run, found.board, found.tested)
    title = "What the tests say, and what they do not"
    yield Section("claims", title, [Claims(said)], link="What the tests say")


SUBJECT = Subject("claims", 100, sections)


def claims(run: FinishedRun, board: Leaderboard, tested: Duels) -> list[tuple[str, str]]:
    """What the statistics of this run say and do not say, as (heading, text)."""
    return [
        _subject_claim(run, tested),
        ("Seeds show the rest", _seed_claim(run, board, tested)),
        ("Not significant is not equal", _equality_claim(run, tested)),
        ("Many pairs, one family", _family_claim(run)),
        _order_claim(run),
        _independence_claim(run),
        (
            "A budget was compared, too",
            f"Every cell had up to {plural(int(run.study.get('trials_per_cell') or 0), 'trial')}. "
            "A method with a larger search space may need more to show what it can do.",
        ),
    ]


def _subject_claim(run: FinishedRun, tested: Duels) -> tuple[str, str]:
    pairs = [duel for (a, b), duel in tested.items() if a < b]
    methods = [duel for duel in pairs if duel.of_methods]
    if not methods:
        return (
            "A test is about two fitted models",
            "Every p-value and interval is about models that are already fitted, on one test "
            "split. It accounts for which sequences happen to be in that split. It does not say "
            "how another training run of the same method would come out.",
        )
    mixed = sum(duel.agreement == "mixed" for duel in methods)
    shares = pd.Series([duel.seed_share for duel in methods]).dropna()
    tests = listing(list(dict.fromkeys(duel.test for duel in methods)))
    known = (
        f"; seeds make up {percent(shares.median())} of the variance in the median pair"
        if len(shares)
        else ""
    )
    return (
        "A verdict is about methods, not about one model",
        f"{'Each' if len(methods) == len(pairs) else f'{len(methods)} of {len(pairs)}'} "
        f"pair's p-value and interval account for how a refit with another seed would come out "
        f"and which sequences are in the test split ({plural(len(run.seeds), 'seed')} a "
        f"method{known}). All refits of a cell have the same training sequences and "
        "hyperparameters: that other ones, or another search, would come out alike is not tested. "
        f"A test of the two models of seed {run.seeds[0]} ({tests}) knows only the test split; the "
        f"two disagree on {plural(mixed, 'pair')}, marked as mixed."
        + (
            ""
            if len(methods) == len(pairs)
            else " The other verdicts are about fitted models only."
        ),
    )


def _seed_claim(run: FinishedRun, board: Leaderboard, tested: Duels) -> str:
    spreads = pd.Series([s.sd for cells in board.values() for s in cells]).dropna()
    if spreads.empty:
        return (
            "This study has one seed, so nothing here tells how much a score moves when the same "
            "configuration is fitted again. Take small differences with care."
        )
    shown = (
        "The standard deviation over seeds shows how much a score moves when the same "
        f"configuration is fitted again: here {score(spreads.median())} in the median cell and "
        f"{score(spreads.max())} at most."
    )
    if any(duel.of_methods for duel in tested.values()):
        return (
            f"{shown} Tests of methods count this as uncertainty; the interval of a single score "
            f"does not: it is of the model of seed {run.seeds[0]}."
        )
    return (
        f"{shown} A difference of that size is no property of a method, "
        "however small its p-value. A significant pair whose seeds disagree on the sign is called "
        "unstable."
    )


def _order_claim(run: FinishedRun) -> tuple[str, str]:
    order = (
        "The order of the leaderboard is that of the test scores, so the score of whichever cell "
        "comes first is optimistic, the more so the more cells there are and the fewer test "
        "sequences."
    )
    if run.compare.get("family") == "headline":
        return (
            "The compared cell was chosen before the test",
            "Hyperparameters, and the cell of each task that every other is compared with, were "
            "chosen on the validation split alone, so that this cell was not picked for its luck "
            f"on the test split. {order}",
        )
    return (
        "The best cell is picked on the test split",
        f"Hyperparameters were chosen on the validation split alone. {order}",
    )


def _independence_claim(run: FinishedRun) -> tuple[str, str]:
    grouped = run.comparisons[run.comparisons["n_groups"].notna()].drop_duplicates("task")
    narrow = (
        "Overlapping or homologous sequences in the test split make intervals too narrow and "
        "p-values too small. See the notes of each task."
    )
    if grouped.empty:
        return "Test sequences count as independent", narrow
    told = listing(
        [f"{row.task} ({count(row.n_groups)} groups)" for row in grouped.itertuples()], limit=6
    )
    if set(grouped["task"]) == set(run.tasks):
        return (
            "Groups of test sequences count as independent",
            f"Rows of one group may resemble each other; tests and intervals allow for it: {told}. "
            "Groups are taken to be independent of each other.",
        )
    return (
        "Test sequences, or groups of them, count as independent",
        f"Rows of one group may resemble each other; tests and intervals allow for it: {told}. "
        f"On the other tasks every row counts alone. {narrow}",
    )


def _equality_claim(run: FinishedRun, tested: Duels) -> str:
    opening = (
        "A pair without a significant difference may still differ: its interval says by how much."
    )
    open_pairs = [d for (a, b), d in tested.items() if a < b and d.verdict == "not significant"]
    margin = run.compare.get("equivalence_margin")
    if not open_pairs or margin is None:
        return opening
    if any(math.isfinite(duel.margin) for duel in open_pairs):
        within = sum(duel.equivalent for duel in open_pairs)
        likewise = "" if open_pairs[0].correction == "none" else ", adjusted likewise"
        shown = (
            f"{within or 'none'} {'are' if within > 1 else 'is'} shown to be equivalent by two "
            f"one-sided tests against the study's margin of ±{margin:g}{likewise}."
        )
    else:
        within = sum(duel.ci_low > -margin and duel.ci_high < margin for duel in open_pairs)
        shown = (
            f"{within or 'none'} {'have their' if within > 1 else 'has its'} whole 95 % interval "
            f"within the study's margin of ±{margin:g}; only there is it fair to speak of "
            "equivalent models."
        )
    pairs = plural(len(open_pairs), "pair")
    return f"{opening} Of the {pairs} that {be(open_pairs)} not significant, {shown}"


def _family_claim(run: FinishedRun) -> str:
    if run.comparisons.empty:
        return "No pair was tested in this study."
    correction = str(run.comparisons["correction"].iloc[0])
    family = FAMILIES.get(str(run.compare.get("family")), "the family named with each figure")
    if correction == "none":
        return (
            "P-values are not adjusted for how many pairs were tested: of 20 pairs without any "
            "difference one is expected to be significant."
        )
    return (
        f"P-values are {adjustment(correction)} over {family}. A verdict uses "
        "the adjusted value; the raw one stands beside it in the tables of pairs. Intervals are of "
        "each pair alone: one may leave out 0 where the verdict is not significant."
    )
