"""Importance of hyperparameters: what decides the score comes first."""

from __future__ import annotations

import numpy as np
import pytest

from engine.plan.space import parse_space
from engine.search.importance import importances

SPACE = parse_space(
    {
        "method": "probe",
        "parameters": {
            "decides": {"uniform": [0.0, 1.0]},
            "idle": {"choice": ["a", "b"]},
            "fixed": {"constant": 3},
        },
        "default": {"decides": 0.5, "idle": "a", "fixed": 3},
    },
    "test",
)


def trials(number: int) -> list[tuple[dict[str, object], float]]:
    rng = np.random.default_rng(0)
    drawn = rng.random(number)
    return [({"decides": x, "idle": str(rng.choice(["a", "b"])), "fixed": 3}, x) for x in drawn]


@pytest.mark.parametrize("maximize", [True, False])
def test_what_decides_the_score_comes_first(maximize: bool):
    found = importances(SPACE, trials(40), maximize=maximize)
    assert next(iter(found)) == "decides"
    assert found["decides"] > 0.8
    assert sum(found.values()) == pytest.approx(1)
    assert "fixed" not in found


def test_few_trials_or_equal_scores_tell_nothing():
    assert importances(SPACE, trials(9), maximize=True) == {}
    flat = [(params, 0.5) for params, _ in trials(20)]
    assert importances(SPACE, flat, maximize=True) == {}


def test_values_that_an_encoder_has_of_its_own_are_no_choice():
    """Baselines have one pooling, `features`, that no search space declares."""
    made = [({**params, "idle": "features"}, score) for params, score in trials(20)]
    assert list(importances(SPACE, made, maximize=True)) == ["decides"]


def test_where_nothing_varies_nothing_is_important():
    made = [({"decides": 0.5, "idle": "a", "fixed": 3}, score) for _, score in trials(20)]
    assert importances(SPACE, made, maximize=True) == {}


def test_a_narrowed_choice_counts_with_what_is_left_of_it():
    space = parse_space(
        {
            "method": "probe",
            "parameters": {"pooling": {"choice": ["mean", "max", "summary"]}},
            "default": {"pooling": "mean"},
        },
        "test",
    )
    rng = np.random.default_rng(0)
    made = [({"pooling": p}, float(p == "max")) for p in rng.choice(["mean", "max"], 20).tolist()]
    assert importances(space, made, maximize=True) == {"pooling": 1.0}
