"""Progress: what is left is told from what was measured."""

from rich.console import Console

from engine.methods import methods
from engine.plan.cells import CellPlan
from engine.plan.space import parse_space
from engine.records import Cell, EncoderSpec, TaskSpec, TrialResult
from engine.search.searcher import CellSearch, Proposal
from engine.search.stopping import NO_RULES, StopRules
from engine.stages.progress import best_score, search_table, time_left


def search(
    encoder: str,
    method: str,
    seconds: list[float],
    budget: int = 6,
    rules: StopRules = NO_RULES,
) -> CellSearch:
    """A cell whose first trials took so long and scored 0.5, 0.6, ..."""
    data = {
        "method": method,
        "parameters": {"pooling": {"choice": [f"p{i}" for i in range(50)]}},
        "default": {"pooling": "p0"},
    }
    plan = CellPlan(
        Cell(encoder, "t", method), EncoderSpec(encoder, encoder), TaskSpec("t"),
        methods()[method], parse_space(data, "s"), "auroc",
    )  # fmt: skip
    made = CellSearch(plan, encoder, budget, "random", True, [], rules)
    for number, took in enumerate(seconds):
        proposal = made.ask()
        assert isinstance(proposal, Proposal)
        made.tell(number, "key", TrialResult("complete", 0.5 + number / 10, seconds=took))
    return made


SLOTS = {"network": 1, "embeddings": 2}


def test_time_left_is_open_trials_times_mean_over_slots() -> None:
    cells = {"a": search("a", "probe", [1.0, 3.0])}
    assert time_left(cells, SLOTS) == 4 * 2.0 / 2
    cells["b"] = search("b", "lora", [10.0])
    assert time_left(cells, SLOTS) == 4.0 + 5 * 10.0


def test_a_cell_without_a_trial_is_taken_to_be_like_its_kind() -> None:
    cells = {"a": search("a", "probe", [1.0, 3.0]), "b": search("b", "probe", [])}
    assert time_left(cells, SLOTS) == 4.0 + 6 * 2.0 / 2
    cells["c"] = search("c", "lora", [])
    assert time_left(cells, SLOTS) is None


def test_the_table_has_a_row_per_cell_with_its_best() -> None:
    cells = {"a/t/probe": search("a", "probe", [1.0, 1.0]), "b/t/lora": search("b", "lora", [])}
    assert best_score(cells["a/t/probe"]) == 0.6
    console = Console(width=100, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(search_table(cells, SLOTS, 3.0))
    lines = shown.get().splitlines()
    assert "2/6" in lines[1]
    assert "0.6000" in lines[1]
    assert "0/6" in lines[2]
    assert "2/12 trials" in lines[3]


def test_a_stopped_cell_says_why_and_has_no_time_left() -> None:
    cells = {"a/t/probe": search("a", "probe", [1.0, 1.0], rules=StopRules(target=0.6))}
    assert time_left(cells, SLOTS) == 0.0
    console = Console(width=100)
    with console.capture() as shown:
        console.print(search_table(cells, SLOTS, 3.0))
    row = shown.get().splitlines()[1]
    assert "2/6" in row
    assert "target 0.6 reached" in row
