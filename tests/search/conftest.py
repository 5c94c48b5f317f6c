"""Cells to search, without an encoder or data behind them."""

from collections.abc import Callable

import pytest

from engine.methods import methods
from engine.plan.cells import CellPlan
from engine.plan.space import Space, parse_space
from engine.records import Cell, EncoderSpec, TaskSpec

SPACE = {
    "method": "probe",
    "parameters": {
        "pooling": {"choice": ["mean", "max"]},
        "classifier": {"choice": ["logistic_regression", "random_forest"]},
        "C": {"loguniform": [1e-4, 1e2], "when": {"classifier": ["logistic_regression"]}},
        "n_estimators": {"int": [10, 500], "when": {"classifier": ["random_forest"]}},
    },
    "default": {
        "pooling": "mean",
        "classifier": "logistic_regression",
        "C": 1.0,
        "n_estimators": 100,
    },
}


@pytest.fixture
def space() -> Space:
    return parse_space(SPACE, "space.yaml")


@pytest.fixture
def cell_plan(space: Space) -> Callable[..., CellPlan]:
    def make(name: str = "a", method: str = "probe", of: Space = space) -> CellPlan:
        return CellPlan(
            cell=Cell(name, "task", method),
            encoder=EncoderSpec(name, name),
            task=TaskSpec("task"),
            method=methods()[method],
            space=of,
            metric="auroc",
        )

    return make
