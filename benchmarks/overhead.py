"""What a trial costs beside its own work: this engine against Ray Tune with OptunaSearch.

    python benchmarks/overhead.py [--quick]

Trials that do nothing, two workers. Baselines: (a) Ray Tune with OptunaSearch as its documentation
shows it, a new actor for each trial; the same with ``reuse_actors=True``; (b) Optuna alone in one
process. Ours: six cells of equal size through `engine.search.runner.run_trials`, every record on
disk. Prints one JSON object per measurement and, last, `ratio NAME VALUE`: baseline time / ours.
Seconds a trial are those of the whole run over its trials, what it takes to begin included.
"""

import argparse
import json
import logging
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import optuna
import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from engine.basics.yaml_files import read_yaml
from engine.cluster.capacity import Capacity, Node, Shape
from engine.methods import methods
from engine.plan.cells import CellPlan
from engine.plan.paths import PROJECT
from engine.plan.space import Space, parse_space
from engine.plan.study import Study, load_study
from engine.records import Cell, EncoderSpec, TaskSpec, TrialRecord, TrialResult, TrialSpec
from engine.search.ledger import Ledger
from engine.search.runner import run_trials
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns

CELLS = 6
WORKERS = 2


def score_of(params: dict) -> float:
    """A score that a sampler can learn from, without work."""
    return float(params.get("C", 0.5)) / 100


def nothing(
    specs: Sequence[TrialSpec], report: Callable, checkpoints: Path
) -> Iterator[tuple[int, TrialResult]]:
    """Trials without work."""
    for index, spec in enumerate(specs):
        yield index, TrialResult("complete", score_of(dict(spec.params)), seconds=1e-4)


def ours(study: Study, space: Space, trials: int) -> float:
    """Six cells, so many trials together."""
    plans = [
        CellPlan(
            Cell(f"e{n}", "t", "probe"), EncoderSpec(f"e{n}", "kmer"), TaskSpec("t"),
            methods()["probe"], space, "auroc",
        )
        for n in range(CELLS)
    ]  # fmt: skip
    searches = {
        p.cell.id: CellSearch(p, p.cell.id, trials // CELLS, "tpe", True, []) for p in plans
    }

    def spec_of(search: CellSearch, proposal: Proposal) -> TrialSpec:
        plan = search.plan
        return TrialSpec(
            plan.cell, proposal.number, "probe", proposal.params, plan.encoder, plan.task,
            plan.cell.id, "t", "auroc", 0, "store",
        )  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        ledger = Ledger(out / "trials")
        written: list[TrialRecord] = []

        def keep(record: TrialRecord) -> None:
            ledger.write(record)
            written.append(record)

        one = Shape(1.0)
        machine = (Node("", "this machine", WORKERS, 0.0),)
        capacity = Capacity(machine, dict.fromkeys(searches, one), frozenset(), one)
        started = time.perf_counter()
        run_trials(study, Turns(searches), capacity, spec_of, keep, out, nothing)
        seconds = time.perf_counter() - started
        assert len(written) == trials, f"{len(written)} of {trials} trials finished"
    return seconds


class Defined:
    """A space as OptunaSearch takes it: it is pickled with the search."""

    def __init__(self, space: Space):
        self.space = space

    def __call__(self, trial: optuna.Trial) -> None:
        """Draw a configuration."""
        self.space.draw(trial)


def ray_tune(space: Space, trials: int, reuse: bool) -> float:
    """Ray Tune with OptunaSearch, as its documentation shows it."""

    def objective(config: dict) -> None:
        tune.report({"score": score_of(config)})

    search = OptunaSearch(space=Defined(space), metric="score", mode="max")
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(objective, {"cpu": 1}),
            tune_config=tune.TuneConfig(search_alg=search, num_samples=trials, reuse_actors=reuse),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        started = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - started
    assert len(results) == trials
    return seconds


def plain_optuna(space: Space, trials: int) -> float:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    started = time.perf_counter()
    study.optimize(lambda trial: score_of(space.draw(trial)), n_trials=trials)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    quick = parser.parse_args().quick
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = PROJECT / "search_spaces/probe.yaml"
    space = parse_space(read_yaml(path, "search space"), str(path))
    study = load_study(PROJECT / "studies/demo.yaml")
    ray.init(
        address="local", num_cpus=WORKERS, log_to_driver=False, logging_level=logging.ERROR,
        include_dashboard=False,
    )  # fmt: skip
    few, many = (8, 120) if quick else (24, 600)
    runs: dict[str, tuple[int, Callable[[int], float]]] = {
        "tune_new_actors": (few, lambda n: ray_tune(space, n, reuse=False)),
        "tune_reuse_actors": (120, lambda n: ray_tune(space, n, reuse=True)),
        "optuna_alone": (many, lambda n: plain_optuna(space, n)),
        "dnasweep": (120, lambda n: ours(study, space, n)),
        "dnasweep_long": (many, lambda n: ours(study, space, n)),
    }
    each: dict[str, float] = {}
    for name, (trials, run) in runs.items():
        seconds = run(trials)
        each[name] = seconds / trials
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        line = {"name": name, "trials": trials, "seconds": round(seconds, 3)}
        line |= {"ms_per_trial": round(1000 * each[name], 2), "driver_mb": round(peak)}
        print(json.dumps(line), flush=True)
    ray.shutdown()
    for name in ("tune_new_actors", "tune_reuse_actors", "optuna_alone"):
        print(f"ratio {name} {each[name] / each['dnasweep']:.2f}")
    print(f"ratio tune_new_actors_long {each['tune_new_actors'] / each['dnasweep_long']:.2f}")


if __name__ == "__main__":
    main()
