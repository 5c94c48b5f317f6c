"""What happened in the search of a cell."""

import json
from collections.abc import Callable
from pathlib import Path

from engine.report.facts.searches import searches
from engine.report.finished_run import read_run
from tests.report.trials import change_trials

Maker = Callable[..., Path]


def test_peak_memory_is_the_largest_of_the_trials(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,)}, tasks=("t",), per_cell=2)
    costs = [json.dumps({"peak_memory_bytes": 3e9}), "{}"]
    (found,) = searches(read_run(change_trials(out, lambda t: t.assign(cost=costs))))["t"]
    assert found.peak_bytes == 3e9
