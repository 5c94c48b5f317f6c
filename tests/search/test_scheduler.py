from types import SimpleNamespace

from ray.tune.schedulers import TrialScheduler

from engine.records import Cell, TrialRecord, TrialResult
from engine.search.rungs import Rungs
from engine.search.scheduler import EPOCH, SCORE, CellScheduler

CONTINUE, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


def scheduler_of(records: dict | None = None, cells: tuple[str, ...] = ("a", "b")) -> CellScheduler:
    return CellScheduler(
        rules={cell: Rungs(grace=1, factor=3, longest=9) for cell in cells},
        maximize=dict.fromkeys(cells, True),
        records=records or {},
    )


def tell(
    scheduler: CellScheduler, cell: str, number: int, scores: list[float], epochs: int = 9
) -> str:
    """Report epochs until the scheduler stops the trial; its last decision."""
    config = {"cell": cell, "number": number, "epochs": epochs}
    trial = SimpleNamespace(trial_id=f"{cell}{number}", config=config)
    decision = CONTINUE
    for epoch, score in enumerate(scores, start=1):
        decision = scheduler.on_trial_result(None, trial, {EPOCH: epoch, SCORE: score})
        if decision == STOP:
            break
    return decision


def test_a_poor_trial_is_stopped() -> None:
    scheduler = scheduler_of()
    for number, score in enumerate([0.9, 0.8, 0.7], start=1):
        tell(scheduler, "a", number, [score])
    assert tell(scheduler, "a", 4, [0.5]) == STOP


def test_rungs_of_two_cells_are_not_compared() -> None:
    scheduler = scheduler_of()
    for number in range(1, 6):
        tell(scheduler, "a", number, [0.9])
    assert tell(scheduler, "b", 1, [0.5]) == CONTINUE


def test_the_default_configuration_is_never_stopped() -> None:
    scheduler = scheduler_of()
    for number in range(1, 6):
        tell(scheduler, "a", number, [0.9])
    assert tell(scheduler, "a", 0, [0.1, 0.1, 0.1]) == CONTINUE


def test_rungs_are_rebuilt_from_records() -> None:
    cell = Cell("a", "t", "lora")
    records = [
        TrialRecord(cell, "k", n, "key", {}, TrialResult("complete", 0.9, curve=(0.9, 0.9)))
        for n in range(5)
    ]
    assert tell(scheduler_of({"a": records}), "a", 7, [0.5]) == STOP
    assert tell(scheduler_of(), "a", 7, [0.5]) == CONTINUE


def test_duplicates_are_not_told_to_the_rule() -> None:
    cell = Cell("a", "t", "lora")
    result = TrialResult("complete", 0.9, curve=(0.9,))
    records = [
        TrialRecord(cell, "k", n, "key", {}, result, duplicate_of=None if n == 0 else 0)
        for n in range(6)
    ]
    told = []
    CellScheduler({"a": lambda *of: bool(told.append(of))}, {"a": True}, {"a": records})
    assert told == [(0, 1, 0.9)]


def test_a_loss_is_told_with_its_sign_turned() -> None:
    scheduler = CellScheduler({"a": Rungs(1, 3, 9)}, {"a": False}, {})
    for number in range(1, 4):
        tell(scheduler, "a", number, [0.1])
    assert tell(scheduler, "a", 4, [0.9]) == STOP


def test_cells_without_a_rule_are_left_alone() -> None:
    scheduler = CellScheduler({}, {"a": True}, {})
    for number in range(1, 6):
        tell(scheduler, "a", number, [0.9])
    assert tell(scheduler, "a", 6, [0.1]) == CONTINUE


def test_a_trial_is_not_stopped_after_its_last_epoch() -> None:
    scheduler = scheduler_of()
    for number in range(1, 6):
        tell(scheduler, "a", number, [0.9, 0.9, 0.9])
    assert tell(scheduler, "a", 6, [0.95, 0.95, 0.1], epochs=3) == CONTINUE
    assert tell(scheduler, "a", 7, [0.95, 0.95, 0.1], epochs=4) == STOP
