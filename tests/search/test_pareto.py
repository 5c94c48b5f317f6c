import optuna
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Cell, TrialRecord, TrialResult
from engine.search.pareto import pareto_front

CELL = Cell("a", "t", "lora")
VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=15)


def records(points: list[tuple[float, int]]) -> list[TrialRecord]:
    return [
        TrialRecord(CELL, "k", n, "key", {}, TrialResult("complete", s, trainable_parameters=p))
        for n, (s, p) in enumerate(points)
    ]


@given(points=VALUES)
def test_the_front_is_optunas(points: list[tuple[int, int]]) -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for score, size in points:
        study.add_trial(optuna.create_trial(values=[score, size]))
    expected = {trial.number for trial in study.best_trials}
    objectives = ("score", "trainable_parameters")
    assert pareto_front(records(points), objectives, maximize=True) == expected


def test_a_loss_is_better_when_small() -> None:
    made = records([(0.2, 5), (0.1, 5), (0.3, 1)])
    assert pareto_front(made, ("score", "trainable_parameters"), maximize=False) == {1, 2}


def test_what_did_not_complete_is_not_on_the_front() -> None:
    made = [TrialRecord(CELL, "k", 0, "key", {}, TrialResult("pruned", 0.9))]
    assert pareto_front(made, ("score",), maximize=True) == set()
