from collections.abc import Callable

from engine.plan import CellPlan
from engine.records import TrialResult
from engine.search.searcher import CellSearch, Proposal
from engine.search.stopping import StopRules
from engine.search.turns import Turns

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


def test_turns_wait_for_the_trial_that_could_lift_a_plateau(cell_plan: Make) -> None:
    search = search_of(cell_plan(), 9, rules=StopRules(plateau=1))
    turns = Turns({"a": search}, {"network": 1, "embeddings": 9})
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
