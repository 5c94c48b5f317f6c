import math
import random
import statistics
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.plan.cells import CellPlan
from engine.plan.space import parse_space
from engine.records import TrialRecord, TrialResult
from engine.search.searcher import HOPELESS, CellSearch, Drawing, Proposal

Make = Callable[..., CellPlan]

#: A search takes a tenth of a second; `cell_plan` makes a plan and keeps nothing.
FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def search_of(
    plan: CellPlan, budget: int = 20, records: list[TrialRecord] | None = None, **kw: str
):
    return CellSearch(
        plan, kw.get("key", "k"), budget, kw.get("sampler", "tpe"), True, records or []
    )


def value(params: dict) -> float:
    """Best at logistic regression with C = 1."""
    if params["classifier"] == "random_forest":
        return 0.5
    return 1 - abs(math.log10(params["C"])) / 4


def run(search: CellSearch) -> list[TrialRecord]:
    while not search.done:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            search.tell(proposal.number, "key", TrialResult("complete", value(proposal.params)))
    return [search.records[n] for n in sorted(search.records)]


def test_first_trial_is_the_default_without_inactive_parameters(cell_plan: Make) -> None:
    proposal = search_of(cell_plan()).ask()
    assert proposal == Proposal(
        0, {"pooling": "mean", "classifier": "logistic_regression", "C": 1.0}
    )


def test_inactive_parameters_are_never_proposed(cell_plan: Make) -> None:
    for record in run(search_of(cell_plan(), 30)):
        forest = record.params["classifier"] == "random_forest"
        assert ("n_estimators" in record.params) == forest
        assert ("C" in record.params) != forest


def test_same_key_gives_the_same_trials(cell_plan: Make) -> None:
    first = [r.params for r in run(search_of(cell_plan()))]
    assert first == [r.params for r in run(search_of(cell_plan()))]
    assert first != [r.params for r in run(search_of(cell_plan(), key="other"))]


@pytest.mark.parametrize("kept", [1, 5, 13])
def test_a_restart_proposes_what_an_undisturbed_search_would(cell_plan: Make, kept: int) -> None:
    undisturbed = run(search_of(cell_plan()))
    restarted = run(search_of(cell_plan(), records=undisturbed[:kept]))
    assert [r.params for r in restarted] == [r.params for r in undisturbed]


def test_failed_trials_get_their_turn_again_and_others_keep_theirs(cell_plan: Make) -> None:
    plan = cell_plan()
    records = run(search_of(plan, 6))
    broken = TrialRecord(plan.cell, "k", 3, "key", records[3].params, TrialResult("failed", None))
    records[3] = broken
    search = search_of(plan, 6, records)
    assert search.to_begin == 1
    proposal = search.ask()
    assert isinstance(proposal, Proposal)
    assert proposal.number == 3


@pytest.mark.parametrize("status", ["pruned", "failed", "infeasible"])
def test_unfinished_trials_are_not_told_as_complete(cell_plan: Make, status: str) -> None:
    search = search_of(cell_plan(), 4)
    proposal = search.ask()
    assert isinstance(proposal, Proposal)
    result = TrialResult(status, 0.9 if status == "pruned" else None, curve=(0.8, 0.9))  # type: ignore[arg-type]
    search.tell(proposal.number, "key", result)
    trial = search.proposer.study.trials[0]
    # A sampler forgets what failed, and must not forget what cannot be.
    assert trial.state.name == ("FAIL" if status == "failed" else "PRUNED")
    assert trial.intermediate_values == {1: 0.8, 2: 0.9}
    assert not search.proposer.study.get_trials(states=(type(trial.state).COMPLETE,))


def test_equal_configurations_are_answered_from_the_record(cell_plan: Make) -> None:
    data = {
        "method": "probe",
        "parameters": {"pooling": {"choice": ["mean", "max"]}},
        "default": {"pooling": "mean"},
    }
    search = search_of(cell_plan(of=parse_space(data, "s")), 10)
    ran = 0
    while not search.done:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            ran += 1
            search.tell(proposal.number, "key", TrialResult("complete", 0.5 + ran / 10))
        else:
            assert proposal is not None
            assert proposal.result == search.records[proposal.duplicate_of].result
    assert ran == 2


def test_a_configuration_that_runs_is_not_started_twice(cell_plan: Make) -> None:
    data = {
        "method": "probe",
        "parameters": {"pooling": {"constant": "mean"}},
        "default": {"pooling": "mean"},
    }
    search = search_of(cell_plan(of=parse_space(data, "s")), 12)
    assert isinstance(search.ask(), Proposal)
    assert search.ask() is None


def test_concurrency_stays_within_the_startup_trials(cell_plan: Make) -> None:
    search = search_of(cell_plan(), 9)
    for _ in range(3):
        assert search.can_ask()
        assert isinstance(search.ask(), Proposal)
    assert not search.can_ask()


def test_tpe_beats_random_at_equal_budget(cell_plan: Make) -> None:
    """The plumbing carries values: TPE's later trials are better than random ones.

    The mean score of trials 20 to 39, over five searches of different seeds.
    """
    best = {
        sampler: statistics.mean(
            statistics.mean(
                r.result.score
                for r in run(search_of(cell_plan(), 40, key=str(seed), sampler=sampler))[20:]
            )
            for seed in range(5)
        )
        for sampler in ("tpe", "random")
    }
    assert best["tpe"] > best["random"] + 0.1


def test_duplicates_and_what_failed_are_marked_in_the_optuna_study(cell_plan: Make) -> None:
    data = {
        "method": "probe",
        "parameters": {"pooling": {"choice": ["mean", "max", "std"]}},
        "default": {"pooling": "mean"},
    }
    search = search_of(cell_plan(of=parse_space(data, "s")), 12)
    outcomes = {
        "mean": TrialResult("complete", 0.5),
        "max": TrialResult("infeasible", None, error="out of memory at micro-batch 1"),
        "std": TrialResult("failed", None, error="ValueError: no"),
    }
    while not search.done:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            search.tell(proposal.number, "key", outcomes[proposal.params["pooling"]])
    told = [trial.user_attrs for trial in search.proposer.study.trials]
    assert [t["number"] for t in told] == list(range(12))
    for attributes, trial in zip(told, search.proposer.study.trials, strict=True):
        expected = outcomes[trial.params["pooling"]]
        assert (attributes["status"], attributes.get("error")) == (expected.status, expected.error)
        states = {"complete": "COMPLETE", "infeasible": "PRUNED", "failed": "FAIL"}
        assert trial.state.name == states[expected.status]
    assert {t["status"] for t in told} == {"complete", "infeasible", "failed"}
    repeats = [t for t in told if "duplicate_of" in t]
    assert len(repeats) == 12 - 3
    assert all(
        search.records[t["duplicate_of"]].params == search.records[t["number"]].params
        for t in repeats
    )


def test_what_is_told_of_a_trial_is_the_same_after_a_restart(cell_plan: Make) -> None:
    search = search_of(cell_plan(), 6)
    records = run(search)
    again = search_of(cell_plan(), 6, records)
    before, after = search.proposer.study.trials, again.proposer.study.trials
    assert [t.user_attrs for t in before] == [t.user_attrs for t in after]
    assert [t.params for t in before] == [t.params for t in after]


def test_a_search_that_must_wait_is_not_asked_again_until_a_trial_has_finished(
    cell_plan: Make,
) -> None:
    data = {
        "method": "probe",
        "parameters": {"pooling": {"constant": "mean"}},
        "default": {"pooling": "mean"},
    }
    search = search_of(cell_plan(of=parse_space(data, "s")), 12)
    proposal = search.ask()
    assert isinstance(proposal, Proposal)
    assert search.ask() is None
    assert not search.can_ask()
    search.tell(proposal.number, "key", TrialResult("complete", 0.5))
    assert search.can_ask()


def finish(search: CellSearch, order: random.Random, workers: int) -> None:
    """Run a search with so many workers, whose trials end in any order."""
    out: list[Proposal] = []
    while not search.done:
        while len(out) < workers and isinstance(proposal := search.ask(), Proposal):
            out.append(proposal)
        done = out.pop(order.randrange(len(out)))
        search.tell(done.number, "key", TrialResult("complete", value(done.params)))


@given(workers=st.integers(1, 8), seed=st.integers(0, 99))
@FEW
def test_what_is_tried_depends_neither_on_the_workers_nor_on_who_is_first(
    cell_plan: Make, workers: int, seed: int
) -> None:
    alone = run(search_of(cell_plan()))
    search = search_of(cell_plan())
    finish(search, random.Random(seed), workers)
    assert [search.records[n].params for n in range(20)] == [r.params for r in alone]


@given(kept=st.sets(st.integers(0, 12)))
@FEW
def test_a_restart_with_gaps_in_a_batch_proposes_the_same(cell_plan: Make, kept: set[int]) -> None:
    """Of the batch that was under way when a driver died, any trials may be done."""
    alone = run(search_of(cell_plan()))
    # Batches are 0-5, 6-9, 10-13 ...: the third is under way.
    done = [r for r in alone if r.number < 10 or r.number in kept]
    restarted = run(search_of(cell_plan(), records=done))
    assert [r.params for r in restarted] == [r.params for r in alone]


def test_a_trial_that_is_put_back_is_proposed_again(cell_plan: Make) -> None:
    search = search_of(cell_plan())
    proposal = search.ask()
    assert isinstance(proposal, Proposal)
    search.put_back(proposal.number)
    assert search.ask() == proposal


def test_a_cell_whose_first_trials_all_fail_ends_with_the_reason(cell_plan: Make) -> None:
    search = search_of(cell_plan(), 30)
    while not search.done:
        proposal = search.ask()
        assert isinstance(proposal, Proposal)
        search.tell(proposal.number, "key", TrialResult("failed", None, error="KeyError: 'x'"))
    assert len(search.records) == HOPELESS
    assert search.stopped == "the first 5 trials all failed: KeyError: 'x'"
    again = search_of(cell_plan(), 30, list(search.records.values()))
    assert again.stopped is None, "a new run tries again"


def test_tpe_leaves_a_region_that_cannot_be(cell_plan: Make) -> None:
    """Random forests do not fit into memory: after the start, they are proposed less than half."""
    search = search_of(cell_plan(), 40)
    while not search.done:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            forest = proposal.params["classifier"] == "random_forest"
            outcome = TrialResult("complete", value(proposal.params))
            search.tell(
                proposal.number, "k", TrialResult("infeasible", None) if forest else outcome
            )
    late = [r for n, r in search.records.items() if n >= 20]
    forests = sum(r.params["classifier"] == "random_forest" for r in late)
    assert forests <= len(late) / 4


def test_several_objectives_are_told_to_the_sampler(cell_plan: Make) -> None:
    drawing = Drawing(objectives=("score", "trainable_parameters"))
    search = CellSearch(cell_plan(), "k", 15, "tpe", True, [], drawing=drawing)
    for proposal in iter(search.ask, None):
        assert isinstance(proposal, Proposal)
        result = TrialResult("complete", 0.5, curve=(0.5,), trainable_parameters=proposal.number)
        search.tell(proposal.number, "key", result)
    told = search.proposer.study.trials
    assert [trial.values for trial in told] == [[0.5, float(n)] for n in range(15)]
    assert [t.number for t in search.proposer.study.best_trials] == [0]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_budget_that_grows_within_a_batch_runs_nothing_twice(
    cell_plan: Make, restarted: bool
) -> None:
    """Batches of a budget of 20 are 0-5, 6-9, 10-13 ...; 12 ends in the middle of one."""
    drawing = Drawing(startup=6)
    search = CellSearch(cell_plan(), "k", 12, "tpe", True, [], drawing=drawing)
    first = [record.params for record in run(search)]
    if restarted:
        kept = list(search.records.values())
        search = CellSearch(cell_plan(), "k", 12, "tpe", True, kept, drawing=drawing)
    search.grow(4)
    proposed = []
    while not search.done:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            proposed.append(proposal.number)
            search.tell(proposal.number, "k", TrialResult("complete", value(proposal.params)))
    assert set(proposed) <= {12, 13, 14, 15}
    assert [search.records[n].params for n in range(12)] == first
    assert len(search.proposer.study.trials) == 16


def test_a_failed_trial_that_is_repeated_is_told_with_its_own_parameters(cell_plan: Make) -> None:
    """The budget was raised meanwhile, so that the sampler draws its number anew."""
    plan = cell_plan()
    records = run(search_of(plan, 9))
    broken = TrialRecord(plan.cell, "k", 7, "key", records[7].params, TrialResult("failed", None))
    search = search_of(plan, 30, [*records[:7], broken])
    while 7 not in search.records:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            search.tell(proposal.number, "k", TrialResult("complete", 0.5))
    assert search.records[7].params == records[7].params
    (told,) = [t for t in search.proposer.study.trials if t.user_attrs.get("number") == 7]
    assert told.params == dict(records[7].params)
