"""Rules that end a cell's search: each from its definition, and the same after a restart."""

from collections.abc import Callable, Sequence

import pytest

from engine.plan.cells import CellPlan
from engine.records import Cell, TrialRecord, TrialResult
from engine.search.searcher import CellSearch, Proposal
from engine.search.stopping import StopRules

Make = Callable[..., CellPlan]
CELL = Cell("a", "task", "probe")


def records(scores: Sequence[float | None], seconds: float = 1.0) -> list[TrialRecord]:
    """Trials with these scores; none is a trial that was pruned at 0.99."""
    return [
        TrialRecord(
            CELL, "k", number, "key", {"C": float(number)},
            TrialResult("complete", score, seconds=seconds) if score is not None
            else TrialResult("pruned", 0.99, curve=(0.99,), seconds=seconds),
        )
        for number, score in enumerate(scores)
    ]  # fmt: skip


def search_of(plan: CellPlan, rules: StopRules, earlier: list[TrialRecord] | None = None):
    return CellSearch(plan, "k", 12, "random", True, earlier or [], rules)


def run(search: CellSearch, scores: Sequence[float], seconds: float = 1.0) -> list[TrialRecord]:
    for score in scores:
        if search.done:
            break
        proposal = search.ask()
        assert isinstance(proposal, Proposal)
        result = TrialResult("complete", score, seconds=seconds)
        search.tell(proposal.number, "key", result)
    return [search.records[n] for n in sorted(search.records)]


@pytest.mark.parametrize(
    ("scores", "maximize", "stops"),
    [
        ([0.5, 0.7, 0.9], True, True),
        ([0.5, 0.7, 0.89], True, False),
        ([None, None], True, False),
        ([0.95, 0.92, 0.9], False, True),
        ([0.95, 0.92], False, False),
        ([], True, False),
    ],
)
def test_target_is_reached_by_a_complete_trial_at_or_beyond_it(scores, maximize, stops) -> None:
    reason = StopRules(target=0.9).reason(records(scores), maximize)
    assert reason == ("target 0.9 reached" if stops else None)


@pytest.mark.parametrize(
    ("scores", "maximize", "stops"),
    [
        ([0.5, 0.4, 0.4, 0.4], True, True),
        ([0.5, 0.5, 0.5, 0.5], True, True),
        ([0.5, 0.4, 0.4, 0.6], True, False),
        ([0.5, 0.4, 0.4], True, False),
        ([0.5, 0.4, None, None, 0.4], True, False),
        ([0.5, 0.4, None, None, 0.4, 0.4], True, True),
        ([0.5, 0.6, 0.6, 0.6], False, True),
        ([0.5, 0.6, 0.4, 0.6], False, False),
        ([], True, False),
    ],
)
def test_plateau_is_three_complete_trials_without_a_better_score(scores, maximize, stops) -> None:
    reason = StopRules(plateau=3).reason(records(scores), maximize)
    assert reason == ("no better score in 3 trials" if stops else None)


def test_seconds_are_those_of_the_trials_that_ran() -> None:
    ran = records([0.5, None, 0.6], seconds=2.0)
    repeat = TrialRecord(CELL, "k", 3, "key", {"C": 0.0}, ran[0].result, duplicate_of=0)
    assert StopRules(max_seconds=6).reason(ran, True) == "6 s spent"
    assert StopRules(max_seconds=6.5).reason([*ran, repeat], True) is None


def test_no_rule_stops_nothing() -> None:
    assert StopRules().reason(records([0.5] * 50, seconds=1e6), True) is None


@pytest.mark.parametrize(
    ("rules", "trials"),
    [
        (StopRules(target=0.7), 3),
        (StopRules(plateau=2), 6),
        (StopRules(max_seconds=3.5), 4),
        (StopRules(), 12),
    ],
    ids=["target", "plateau", "max_seconds", "none"],
)
def test_a_stopped_cell_is_done_and_stays_so_after_a_restart(
    cell_plan: Make, rules: StopRules, trials: int
) -> None:
    scores = [0.5, 0.6, 0.7, 0.8, 0.2, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    search = search_of(cell_plan(), rules)
    kept = run(search, scores)
    assert len(kept) == trials
    assert (search.done, search.unfinished) == (True, 0)
    assert bool(search.stopped) == (trials < 12)
    again = search_of(cell_plan(), rules, kept)
    assert (again.done, again.stopped) == (True, search.stopped)
    lifted = search_of(cell_plan(), StopRules(), kept)
    assert lifted.to_begin == 12 - trials


def test_a_rule_that_holds_with_the_last_trial_stopped_nothing(cell_plan: Make) -> None:
    search = search_of(cell_plan(), StopRules(target=0.9))
    run(search, [0.5] * 11 + [0.95])
    assert search.done
    assert search.stopped is None


def test_trials_under_way_finish_and_a_better_score_lifts_a_plateau(cell_plan: Make) -> None:
    search = search_of(cell_plan(), StopRules(plateau=2))
    numbers = []
    for _ in range(5):
        proposal = search.ask()
        assert isinstance(proposal, Proposal)
        numbers.append(proposal.number)
    for number in numbers[:3]:
        search.tell(number, "key", TrialResult("complete", 0.5))
    assert search.stopped == "no better score in 2 trials"
    assert not search.can_ask()
    assert not search.done, "two trials are under way"
    search.tell(numbers[3], "key", TrialResult("complete", 0.4))
    assert search.stopped
    search.tell(numbers[4], "key", TrialResult("complete", 0.8))
    assert search.stopped is None
    assert search.to_begin == 7


def test_time_of_a_failed_trial_counts_until_the_trial_is_repeated(cell_plan: Make) -> None:
    plan = cell_plan()
    kept = run(search_of(plan, StopRules()), [0.5, 0.5, 0.5])
    failed = TrialResult("failed", None, seconds=10.0, error="the worker died")
    kept[1] = TrialRecord(plan.cell, "k", 1, "key", kept[1].params, failed)
    assert search_of(plan, StopRules(max_seconds=12), kept).stopped == "12 s spent"
    search = search_of(plan, StopRules(max_seconds=13), kept)
    assert 1 not in search.records
    run(search, [0.5])
    assert search.stopped is None
    assert search_of(plan, StopRules(max_seconds=13), list(search.records.values())).to_begin
