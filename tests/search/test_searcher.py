import math
import statistics
from collections.abc import Callable

import pytest

from engine.plan import CellPlan
from engine.records import TrialRecord, TrialResult
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.space import parse_space

Make = Callable[..., CellPlan]


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
    assert search.left == [3]


@pytest.mark.parametrize("status", ["pruned", "failed", "infeasible"])
def test_unfinished_trials_are_not_told_as_complete(cell_plan: Make, status: str) -> None:
    search = search_of(cell_plan(), 4)
    proposal = search.ask()
    assert isinstance(proposal, Proposal)
    result = TrialResult(status, 0.9 if status == "pruned" else None, curve=(0.8, 0.9))  # type: ignore[arg-type]
    search.tell(proposal.number, "key", result)
    trial = search._study.trials[0]
    assert trial.state.name == ("PRUNED" if status == "pruned" else "FAIL")
    assert trial.intermediate_values == {1: 0.8, 2: 0.9}
    assert not search._study.get_trials(states=(type(trial.state).COMPLETE,))


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
    """The plumbing carries values: a sampler that learns does better than one that does not."""
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


def test_cells_take_turns_and_networks_go_first(cell_plan: Make) -> None:
    searches = {n: search_of(cell_plan(n), 6, key=n) for n in ("a", "b")}
    searches["net"] = search_of(cell_plan("net", "lora"), 6, key="net")
    turns = Turns(searches, {"network": 1, "embeddings": 4})
    order = []
    while (search := turns.next()) is not None:
        order.append(search.plan.cell.encoder)
        assert isinstance(search.ask(), Proposal)
    assert order[0] == "net"
    assert order.count("net") == 1, "one network trial at a time was allowed"
    assert sorted(order[1:]) == ["a", "a", "b", "b"]


def test_turns_are_finished_when_no_cell_has_a_trial_left(cell_plan: Make) -> None:
    searches = {"a": search_of(cell_plan(), 3)}
    turns = Turns(searches, {"network": 1, "embeddings": 1})
    assert not turns.finished
    run(searches["a"])
    assert turns.finished
    assert turns.next() is None
