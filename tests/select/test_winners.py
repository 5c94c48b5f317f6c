"""The winner of a cell, and fits that are not done twice."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.methods import methods
from engine.plan.cells import CellPlan
from engine.plan.space import parse_space
from engine.records import Cell, EncoderSpec, TaskSpec, TrialRecord, TrialResult, TrialSpec
from engine.select.winners import FinalFit, FitRequest, final_fits, pick, requests_of

CELL = Cell("e", "t", "probe")
SPACE = parse_space(
    {
        "method": "probe",
        "parameters": {"pooling": {"choice": ["mean", "max"]}},
        "default": {"pooling": "mean"},
    },
    "s",
)


def plan(metric: str = "auroc") -> CellPlan:
    return CellPlan(CELL, EncoderSpec("e", "e"), TaskSpec("t"), methods()["probe"], SPACE, metric)


def record(number: int, score: float | None, status: str = "complete") -> TrialRecord:
    result = TrialResult(status, score)  # type: ignore[arg-type]
    return TrialRecord(CELL, "k", number, f"key{number}", {"pooling": "mean"}, result)


def spec(params: dict, seed: int) -> TrialSpec:
    return TrialSpec(
        CELL, 0, "probe", params, EncoderSpec("e", "e"), TaskSpec("t"), "f", "g", "auroc", seed, ""
    )


def test_the_best_completed_trial_wins_and_the_earlier_of_equals() -> None:
    records = [record(0, 0.7), record(1, 0.9), record(2, 0.9), record(3, 0.99, "pruned")]
    winner = pick(plan(), records)
    assert winner is not None
    assert (winner.best.number, winner.default) == (1, records[0])


def test_a_loss_is_won_by_the_lowest() -> None:
    winner = pick(plan("log_loss"), [record(0, 0.7), record(1, 0.2)])
    assert winner is not None
    assert winner.best.number == 1


def test_a_cell_without_a_completed_trial_has_no_winner() -> None:
    assert pick(plan(), [record(0, None, "failed"), record(1, 0.9, "pruned")]) is None


@pytest.mark.parametrize("seeds", [(0,), (3, 1, 2)])
def test_the_winner_is_fitted_with_every_seed_and_the_default_with_the_first(
    seeds: tuple[int, ...],
) -> None:
    winner = pick(plan(), [record(0, 0.7), record(1, 0.9)])
    assert winner is not None
    made = requests_of(winner, seeds, spec, "root", "models", "checkpoints")
    assert [(r.variant, r.spec.seed) for r in made] == [
        *(("tuned", seed) for seed in seeds),
        ("default", seeds[0]),
    ]
    # The model that the tests are about is kept, and no other.
    assert [r.models for r in made] == ["models", *[None] * len(seeds)]
    assert len({r.checkpoint for r in made}) == len({r.key for r in made})
    assert all(r.checkpoint == Path("checkpoints", r.key) for r in made)


def test_equal_requests_are_fitted_once(tmp_path: Path) -> None:
    """Where the winner is the default, its first seed serves both."""
    asked: list[str] = []

    def fit_all(requests: Sequence[FitRequest]) -> Iterator[tuple[FitRequest, FinalFit]]:
        for request in requests:
            asked.append(request.key)
            scores = np.full((2, 2), 0.5)
            yield request, FinalFit(CELL, request.variant, request.spec.seed, 0.5, scores, 1.0, 0)

    winner = pick(plan(), [record(0, 0.9)])
    assert winner is not None
    requests = requests_of(winner, (0, 1), spec, str(tmp_path), str(tmp_path / "models"), "")
    fits = list(final_fits(requests, fit_all))
    assert len(asked) == 2
    assert sorted((f.variant, f.seed) for f in fits) == [("default", 0), ("tuned", 0), ("tuned", 1)]
