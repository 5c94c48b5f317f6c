"""The answer to the study's question: one sentence per task, no surer than its test."""

import math
from dataclasses import dataclass
from typing import Literal

from engine.basics.wording import (
    be,
    correction_label,
    interval,
    listing,
    magnitude,
    p_equation,
    score,
)
from engine.compare.corrections import LEVEL
from engine.metrics import METRICS, metric_label
from engine.report.facts.duels import Duel
from engine.report.facts.standings import Standing

#: Names in one sentence before the rest is counted; the leaderboard has them all.
SPELLED = 2
Outcome = Literal["winner", "tie", "beaten", "untested", "alone", "none"]

VERDICTS = {
    "winner": "One winner",
    "tie": "No single winner",
    "beaten": "Chosen cell beaten",
    "untested": "Not tested",
    "alone": "Nothing to compare",
    "none": "No result",
}


@dataclass(frozen=True)
class Answer:
    """What a task's data say.

    Attributes
    ----------
    outcome : str
        ``winner``: significantly ahead of every other cell. ``tie``: at least one other cell is not
        shown to be behind. ``beaten``: the cell was chosen before the test, and at least one other
        is significantly ahead of it. ``untested``: at least one was never compared. ``alone``: one
        cell. ``none``: no cell has a score.
    best : str
        Label of the cell with the best mean, or of the one that was chosen before the test; empty
        for ``none``.
    rest : str
        The sentence after that name.
    tied : tuple of str
        Labels of the cells that are not shown to differ from it.
    """

    task: str
    outcome: Outcome
    best: str
    rest: str
    tied: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The outcome in two or three words."""
        return VERDICTS[self.outcome]

    @property
    def sentence(self) -> str:
        """The whole sentence as plain text."""
        return f"{self.best} {self.rest}".strip()


def answer(task: str, standings: list[Standing]) -> Answer:
    """Say which cell is best on a task, by how much, and whether the test supports it.

    Parameters
    ----------
    standings : list of Standing
        The task's leaderboard, best first.
    """
    scored = [standing for standing in standings if standing.status != "no score"]
    if not scored:
        return Answer(task, "none", "", "No cell of this task produced a fitted model.", ())
    best, *others = scored
    chosen = next((standing for standing in scored if standing.status == "chosen"), None)
    if chosen:
        return _of_chosen(task, chosen, [s for s in scored if s is not chosen])
    level = f"{score(best.mean)} {metric_label(best.metric)}"
    if not others:
        bounds = f" (95 % CI {interval(best.ci_low, best.ci_high)})"
        rest = f"reaches {level}{bounds if math.isfinite(best.ci_low) else ''}; no other cell"
        return Answer(task, "alone", best.label, f"{rest} has a score to compare it with.", ())
    tied = _level(others)
    untested = tuple(s.label for s in others if s.status == "not compared")
    outcome: Outcome = "tie" if tied else "untested" if untested else "winner"
    opening = "is best" if outcome == "winner" else _leads(best)
    parts = [f"{opening} ({level}){_lead(best, others[0])}"]
    parts += _company(others, tied, untested)
    return Answer(task, outcome, best.label, "; ".join(parts) + ".", tied)


def _of_chosen(task: str, chosen: Standing, others: list[Standing]) -> Answer:
    """The answer where one cell was chosen by validation, and only its own pairs were tested."""
    tied, first = _level(others), others[0]
    ahead = [s.label for s in others if s.status == "ahead"]
    behind = sum(s.status == "behind" for s in others)
    untested = [s.label for s in others if s.status == "not compared"]
    parts = [
        f"was chosen by validation and scores {score(chosen.mean)} {metric_label(chosen.metric)}; "
        f"{first.label} {_leads(first)} ({score(first.mean)})"
    ]
    if ahead:
        parts.append(f"{listing(ahead, limit=SPELLED)} {be(ahead)} significantly ahead of it")
    if tied:
        parts.append(f"it cannot be told apart from {listing(tied, limit=SPELLED)}")
    if untested:
        parts.append(f"{listing(untested, limit=SPELLED)} {be(untested)} not compared with it")
    if behind:
        parts.append(f"it is significantly ahead of {_rest(behind, behind == len(others))}")
    outcome: Outcome = "beaten" if ahead else "tie" if tied else "untested"
    return Answer(task, outcome, chosen.label, "; ".join(parts) + ".", tied)


def _leads(standing: Standing) -> str:
    """That a cell has the best mean; of a loss the highest is the worst."""
    known = METRICS.get(standing.metric)
    return "scores best" if known and not known.greater_is_better else "scores highest"


def _level(others: list[Standing]) -> tuple[str, ...]:
    return tuple(s.label for s in others if s.status in ("equivalent", "tied", "unstable"))


def _lead(best: Standing, second: Standing) -> str:
    """The best cell's lead over the runner-up, with interval, p and what the seeds say."""
    duel = second.against_best
    if duel is None or not duel.tested:
        lead = magnitude(best.mean - second.mean)
        return f", {lead} ahead of {second.label}, a difference that was not tested"
    evidence = (
        f"95 % CI {interval(duel.ci_low, duel.ci_high)}, "
        f"{correction_label(duel.correction)} {p_equation(duel.p_adjusted, duel.log10_adjusted)}"
    )
    if duel.of_methods:
        return _lead_of_methods(duel, second.label, evidence)
    size = magnitude(duel.delta)
    # One distinct fit each agrees with nothing.
    said = "/" in duel.seeds_agree and not duel.seeds_agree.endswith("/1")
    agree = f"; {duel.seeds_agree} seeds agree" if said else ""
    if duel.delta == 0:
        return f", level with {second.label} ({evidence})"
    if duel.delta < 0:
        return (
            f" on average over seeds, but with seed {duel.seed} it is {size} behind "
            f"{second.label} ({evidence}{agree})"
        )
    if duel.verdict == "significant":
        return f", a significant {size} ahead of {second.label} ({evidence}{agree})"
    if duel.verdict.startswith("unstable"):
        return f", but its lead of {size} over {second.label} is not stable ({evidence}{agree})"
    return f", but its lead of {size} over {second.label} is not significant ({evidence})"


def _lead_of_methods(duel: Duel, second: str, evidence: str) -> str:
    """The lead where methods were compared over all seeds."""
    mixed = ""
    if duel.agreement == "mixed":
        word = "differ" if duel.models_p < LEVEL else "do not differ"
        mixed = f"; mixed: the two models of seed {duel.seed} {word} significantly"
    size = magnitude(duel.delta)
    if duel.verdict == "significant":
        small = f", less than the margin of ±{duel.margin:g}" if duel.equivalent else ""
        return f", a significant {size} ahead of {second} over seeds{small} ({evidence}{mixed})"
    if duel.equivalent:
        return f", equivalent to {second} within ±{duel.margin:g} ({evidence}{mixed})"
    if duel.delta == 0:
        return f", level with {second} ({evidence}{mixed})"
    return f", but its lead of {size} over {second} is not significant ({evidence}{mixed})"


def _company(others: list[Standing], tied: tuple[str, ...], untested: tuple[str, ...]) -> list[str]:
    """Which further cells are level with the best, and how many are behind it."""
    behind = sum(standing.status == "behind" for standing in others)
    further = [label for label in tied if label != others[0].label]
    parts = []
    if further:
        either = " either" if len(further) < len(tied) else ""
        parts.append(f"it cannot be told apart from {listing(further, limit=SPELLED)}{either}")
    if untested:
        parts.append(f"{listing(untested, limit=SPELLED)} {be(untested)} not compared with it")
    if behind > 1 or (behind and tied):
        parts.append(f"it is significantly ahead of {_rest(behind, behind == len(others))}")
    return parts


def _rest(number: int, everyone: bool) -> str:
    if number == 1:
        return "the other cell"
    if everyone:
        return "both other cells" if number == 2 else f"all {number} other cells"
    return f"the other {number} cells"
