import statistics
from collections.abc import Callable

import pytest
from scipy.integrate import quad
from scipy.stats import norm

from engine.plan.cells import CellPlan
from engine.records import TrialResult
from engine.search.searcher import CellSearch, Proposal
from engine.search.stopping import StopRules
from engine.search.turns import Turns, improvement_per_second

Make = Callable[..., CellPlan]


def search_of(
    plan: CellPlan, budget: int, key: str = "k", rules: StopRules | None = None
) -> CellSearch:
    return CellSearch(plan, key, budget, "tpe", True, [], rules or StopRules())


def run(search: CellSearch) -> None:
    while not search.done:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            search.tell(proposal.number, "key", TrialResult("complete", 0.5))


def test_networks_go_first_as_far_as_they_have_room(cell_plan: Make) -> None:
    searches = {n: search_of(cell_plan(n), 6, key=n) for n in ("a", "b")}
    searches["net"] = search_of(cell_plan("net", "lora"), 6, key="net")
    turns = Turns(searches)
    assert turns.next() is searches["net"]
    chosen = turns.next(["embeddings"])
    assert chosen in (searches["a"], searches["b"])
    assert turns.next([]) is None


def test_the_cell_with_most_work_before_it_is_next(cell_plan: Make) -> None:
    """Longest first, so that no worker waits at the end; the unknown before the known."""
    searches = {n: search_of(cell_plan(n), 9, key=n) for n in ("slow", "quick", "new")}
    for name, seconds in (("slow", 20.0), ("quick", 1.0)):
        proposal = searches[name].ask()
        assert isinstance(proposal, Proposal)
        searches[name].tell(proposal.number, "key", TrialResult("complete", 0.5, seconds=seconds))
    turns = Turns(searches)
    assert turns.next() is searches["new"]
    del searches["new"]
    assert turns.next() is searches["slow"]


def test_turns_are_finished_when_no_cell_has_a_trial_left(cell_plan: Make) -> None:
    searches = {"a": search_of(cell_plan(), 3)}
    turns = Turns(searches)
    assert not turns.finished
    run(searches["a"])
    assert turns.finished
    assert turns.next() is None


def test_turns_wait_for_the_trial_that_could_lift_a_plateau(cell_plan: Make) -> None:
    search = search_of(cell_plan(), 9, rules=StopRules(plateau=1))
    turns = Turns({"a": search})
    numbers = []
    for _ in range(3):
        proposal = search.ask()
        assert isinstance(proposal, Proposal)
        numbers.append(proposal.number)
    for number in numbers[:2]:
        search.tell(number, "key", TrialResult("complete", 0.5))
    assert turns.next() is None, "the plateau holds"
    assert not turns.finished, "the third trial may still bring a better score"
    search.tell(numbers[2], "key", TrialResult("complete", 0.9))
    assert turns.next() is search


def scored(plan: CellPlan, scores: list[float], seconds: float) -> CellSearch:
    """A search whose budget is spent."""
    search = search_of(plan, len(scores), key=plan.cell.encoder)
    for score in scores:
        proposal = search.ask()
        assert isinstance(proposal, Proposal)
        search.tell(proposal.number, "key", TrialResult("complete", score, seconds=seconds))
    return search


def test_expected_improvement_is_that_of_a_normal_distribution(cell_plan: Make) -> None:
    """Against the integral of max(0, x - best) over the density, by quadrature."""
    search = scored(cell_plan(), [0.5, 0.6, 0.7, 0.8], seconds=2.0)
    mean, spread, best = 0.75, statistics.stdev([0.7, 0.8]), 0.8
    expected, _ = quad(lambda x: (x - best) * norm.pdf(x, mean, spread), best, 3)
    assert improvement_per_second(search) == pytest.approx(expected / 2.0)


def test_spare_trials_go_where_most_improvement_a_second_is_expected(cell_plan: Make) -> None:
    rising, flat = [0.5, 0.6, 0.7, 0.8], [0.8, 0.8, 0.8, 0.8]
    searches = {
        "flat": scored(cell_plan("flat"), flat, 1.0),
        "slow": scored(cell_plan("slow"), rising, 100.0),
        "quick": scored(cell_plan("quick"), rising, 1.0),
    }
    turns = Turns(searches, spare=6)
    assert not turns.finished
    assert turns.next() is searches["quick"]
    assert searches["quick"].budget == 8
    run(searches["quick"])
    turns.next()
    assert turns.spare == 0
    assert sum(search.budget for search in searches.values()) == 12 + 6


def test_no_cell_has_fewer_trials_than_its_floor(cell_plan: Make) -> None:
    searches = {n: search_of(cell_plan(n), 4, key=n) for n in ("a", "b")}
    turns = Turns(searches, spare=4)
    run(searches["a"])
    while (search := turns.next()) is searches["b"]:
        run(search)
    assert len(searches["b"].records) == 4
