"""What a suggestion costs the driver, by the number of trials that a cell has behind it.

    python benchmarks/suggest.py [--quick]

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: baseline time / our time. The
baseline is plain Optuna: one study, one sampler object, the same history, ask and tell. Ours is
`CellSearch`, which makes a sampler per trial, looks for duplicates and marks trials. Seconds are
the median of suggestions, each with its tell, the two forms in turn; `rebuild` is the time a
restart takes to come back to so many trials, `megabytes` what the search then holds.
"""

import argparse
import json
import math
import random
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import optuna

from engine.basics.yaml_files import read_yaml
from engine.methods import methods
from engine.plan.cells import CellPlan
from engine.plan.paths import PROJECT
from engine.plan.space import Space, parse_space
from engine.records import Cell, EncoderSpec, TaskSpec, TrialRecord, TrialResult
from engine.search.optuna_terms import frozen_trial
from engine.search.samplers import sampler_of
from engine.search.searcher import STARTUP_TRIALS, CellSearch, Proposal

REPEATS = 15
#: A Gaussian process is cubic in the trials: only short histories.
GP_TRIALS = 100
#: Without conditions, which a Gaussian process would leave to chance.
NUMBERS = {
    "method": "probe",
    "parameters": {name: {"uniform": [0.0, 1.0]} for name in "abcd"},
    "default": dict.fromkeys("abcd", 0.5),
}


class Draws:
    """Proposes at random, without Optuna."""

    def __init__(self) -> None:
        self.random = random.Random(0)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number."""
        if log:
            return math.exp(self.random.uniform(math.log(low), math.log(high)))
        return self.random.uniform(low, high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Draw a whole number."""
        return self.random.randint(low, high)

    def suggest_categorical(self, name: str, choices: tuple) -> object:
        """Draw one of the choices."""
        return self.random.choice(choices)


def history(plan: CellPlan, trials: int) -> list[TrialRecord]:
    """Random trials of a cell with random scores."""
    draws = Draws()
    return [
        TrialRecord(
            plan.cell, "k", n, "key", plan.space.draw(draws),
            TrialResult("complete", draws.random.random(), curve=(0.5,), seconds=0.1),
        )
        for n in range(trials)
    ]  # fmt: skip


def ours(search: CellSearch) -> Callable[[], None]:
    def step() -> None:
        proposal = search.ask()
        if isinstance(proposal, Proposal):
            search.tell(proposal.number, "key", TrialResult("complete", 0.5, curve=(0.5,)))

    return step


def plain(space: Space, sampler: str, records: list[TrialRecord]) -> Callable[[], None]:
    study = optuna.create_study(
        direction="maximize", sampler=sampler_of(sampler, STARTUP_TRIALS, seed=0)
    )
    for record in records:
        study.add_trial(frozen_trial(record, space))

    def step() -> None:
        trial = study.ask()
        space.draw(trial)
        trial.report(0.5, 1)
        study.tell(trial, 0.5)

    return step


def megabytes_of(make: Callable[[], object]) -> float:
    tracemalloc.start()
    kept = make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return round(size / 1e6, 1)


def compare(space: Space, sampler: str, trials: int) -> float:
    """Ratio of plain Optuna's time to ours."""
    plan = CellPlan(
        Cell("encoder", "task", "probe"), EncoderSpec("encoder", "encoder"), TaskSpec("task"),
        methods()["probe"], space, "auroc",
    )  # fmt: skip
    records = history(plan, trials)

    def make() -> CellSearch:
        return CellSearch(plan, "k", trials + 100, sampler, True, records)

    started = time.perf_counter()
    search = make()
    rebuild = time.perf_counter() - started
    forms = {"plain": plain(space, sampler, records), "ours": ours(search)}
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(REPEATS):
        for form, step in forms.items():
            started = time.perf_counter()
            step()
            seconds[form].append(time.perf_counter() - started)
    median = {form: statistics.median(of) for form, of in seconds.items()}
    for form in forms:
        line = {
            "name": f"suggest_{sampler}_{trials}_{form}",
            "seconds": round(median[form], 5),
            "runs": REPEATS,
            "trials": trials,
            "parameters": len(space.parameters),
        }
        if form == "ours":
            line |= {"rebuild": round(rebuild, 2), "megabytes": megabytes_of(make)}
        print(json.dumps(line), flush=True)
    return median["plain"] / median["ours"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = PROJECT / "search_spaces/probe.yaml"
    probe = parse_space(read_yaml(Path(path), "search space"), str(path))
    numbers = parse_space(NUMBERS, "numbers")
    runs = [(probe, "tpe", n) for n in (100, 1_000)] + [(probe, "random", 1_000)]
    runs.append((numbers, "gp", GP_TRIALS))
    if not quick:
        runs += [(probe, "tpe", 10_000), (probe, "random", 10_000)]
    ratios = {f"suggest_{s}_{n}": compare(space, s, n) for space, s, n in runs}
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.2f}")


if __name__ == "__main__":
    main()
