from collections.abc import Callable

from engine.plan.cells import CellPlan
from engine.plan.space import parse_space
from engine.records import Cell, TrialRecord, TrialResult
from engine.search.searcher import CellSearch, Drawing, Proposal
from engine.search.warm import warm_points

Make = Callable[..., CellPlan]


def record(task: str, number: int, c: float, auroc: float, **cell: str) -> TrialRecord:
    of = Cell(cell.get("encoder", "a"), task, cell.get("method", "probe"))
    params = {"pooling": "max", "classifier": "logistic_regression", "C": c}
    result = TrialResult("complete", auroc, metrics={"auroc": auroc})
    return TrialRecord(of, "k", number, "key", params, result)


def test_the_best_of_each_sibling_comes_before_the_second_best_of_any(cell_plan: Make) -> None:
    records = [
        record("easy", 0, 10.0, 0.99), record("easy", 1, 20.0, 0.98), record("easy", 2, 30.0, 0.97),
        record("hard", 0, 40.0, 0.60), record("hard", 1, 50.0, 0.61),
    ]  # fmt: skip
    points = warm_points(cell_plan(), records, 3)
    assert [point["C"] for point in points] == [10.0, 50.0, 20.0]


def test_only_siblings_speak(cell_plan: Make) -> None:
    """Another encoder, another method, the same task, a failed trial, a value out of range."""
    failed = TrialRecord(Cell("a", "t", "probe"), "k", 0, "key", {}, TrialResult("failed", None))
    records = [
        record("t", 0, 10.0, 0.9, encoder="b"),
        record("t", 0, 20.0, 0.9, method="lora"),
        record("task", 0, 30.0, 0.9),
        failed,
        record("t", 1, 1e6, 0.9),
    ]
    assert warm_points(cell_plan(), records, 3) == ()


def test_a_loss_is_ranked_from_below(cell_plan: Make) -> None:
    plan = cell_plan()
    plan = CellPlan(plan.cell, plan.encoder, plan.task, plan.method, plan.space, "log_loss")
    records = []
    for number, (c, loss) in enumerate([(10.0, 0.9), (20.0, 0.2)]):
        result = TrialResult("complete", loss, {"log_loss": loss})
        params = {"pooling": "max", "classifier": "logistic_regression", "C": c}
        records.append(TrialRecord(Cell("a", "t", "probe"), "k", number, "key", params, result))
    assert [p["C"] for p in warm_points(plan, records, 1)] == [20.0]


def test_warm_points_follow_the_default_and_equal_ones_run_once(cell_plan: Make) -> None:
    plan = cell_plan()
    default = plan.space.default_point()
    records = [record("t", 0, 10.0, 0.9), record("u", 0, 10.0, 0.8)]
    points = warm_points(plan, records, 3)
    assert [point["C"] for point in points] == [10.0]
    search = CellSearch(plan, "k", 9, "tpe", True, [], drawing=Drawing(warm_points=points))
    asked = [search.ask(), search.ask()]
    assert all(isinstance(proposal, Proposal) for proposal in asked)
    assert [p.params for p in asked] == [default, points[0]]  # type: ignore[union-attr]


def test_the_default_is_no_warm_point(cell_plan: Make) -> None:
    data = {
        "method": "probe",
        "parameters": {"pooling": {"choice": ["mean", "max"]}},
        "default": {"pooling": "mean"},
    }
    plan = cell_plan(of=parse_space(data, "s"))
    result = TrialResult("complete", 0.9, metrics={"auroc": 0.9})
    records = [TrialRecord(Cell("a", "t", "probe"), "k", 0, "key", {"pooling": "mean"}, result)]
    assert warm_points(plan, records, 3) == ()
