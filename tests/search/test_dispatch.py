"""What Ray Tune is told and tells, without Ray: calls, lost workers, results told twice."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from engine.plan.cells import CellPlan
from engine.records import TrialRecord, TrialResult, TrialSpec
from engine.search import dispatch
from engine.search.dispatch import ATTEMPTS, LOST, Dispatcher
from engine.search.scheduler import EPOCH, SCORE
from engine.search.searcher import CellSearch, Proposal
from engine.search.turns import Turns
from engine.search.worker import RESULTS

Make = Callable[..., CellPlan]


class Bench:
    """A dispatcher over some cells, with what it kept."""

    def __init__(self, plans: list[CellPlan], folder: Path, budget: int = 6, sampler: str = "tpe"):
        self.searches = {
            p.cell.id: CellSearch(p, p.cell.id, budget, sampler, True, []) for p in plans
        }
        self.kept: list[TrialRecord] = []
        self.dispatcher = Dispatcher(
            Turns(self.searches), {"network": 1, "embeddings": 2}, spec_of, self.kept.append, folder
        )

    def ask(self, name: str) -> list[TrialSpec]:
        told = self.dispatcher.suggest(name)
        return [TrialSpec.from_json(t) for t in told["specs"]] if isinstance(told, dict) else []

    def tell(self, name: str, results: list[tuple[int, TrialResult]], last: bool = True) -> None:
        told = {RESULTS: json.dumps([(index, asdict(result)) for index, result in results])}
        self.dispatcher.on_trial_result(name, told)
        if last:
            # Tune gives the last word twice.
            self.dispatcher.on_trial_complete(name, told)


def spec_of(search: CellSearch, proposal: Proposal) -> TrialSpec:
    plan = search.plan
    return TrialSpec(
        plan.cell, proposal.number, plan.method.name, proposal.params, plan.encoder, plan.task,
        plan.cell.id, "t", "auroc", 0, "store",
    )  # fmt: skip


def done(seconds: float = 0.01) -> TrialResult:
    return TrialResult("complete", 0.5, seconds=seconds)


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "FIRST_WAIT", 0.0)


def test_a_cell_nobody_knows_runs_alone_and_cheap_trials_share_a_call(
    cell_plan: Make, tmp_path: Path
) -> None:
    bench = Bench([cell_plan("a"), cell_plan("b")], tmp_path, budget=12)
    first, second = bench.ask("1"), bench.ask("2")
    assert [len(first), len(second)] == [1, 1]
    assert {first[0].cell.encoder, second[0].cell.encoder} == {"a", "b"}
    assert bench.ask("3") == [], "no more than two calls at once"
    bench.tell("1", [(0, done())])
    bench.tell("2", [(0, done())])
    # Three of each cell's first batch of four are left.
    assert len(bench.ask("4")) == 6


def test_dear_trials_have_a_call_each(cell_plan: Make, tmp_path: Path) -> None:
    bench = Bench([cell_plan("a")], tmp_path, budget=12)
    bench.ask("1")
    bench.tell("1", [(0, done(seconds=30.0))])
    assert len(bench.ask("2")) == 1


def test_a_network_trial_is_alone_in_its_call(cell_plan: Make, tmp_path: Path) -> None:
    bench = Bench([cell_plan("a", "lora")], tmp_path, budget=12)
    bench.ask("1")
    bench.tell("1", [(0, done())])
    assert len(bench.ask("2")) == 1


def test_results_are_kept_once_however_often_they_are_told(cell_plan: Make, tmp_path: Path) -> None:
    bench = Bench([cell_plan("a")], tmp_path)
    bench.ask("1")
    bench.tell("1", [(0, done())])
    assert [record.number for record in bench.kept] == [0]


def test_a_trial_that_tune_stops_is_pruned_with_its_best_score(
    cell_plan: Make, tmp_path: Path
) -> None:
    bench = Bench([cell_plan("a", "lora")], tmp_path)
    bench.ask("1")
    bench.dispatcher.on_trial_result("1", {EPOCH: 1, SCORE: 0.7})
    bench.dispatcher.on_trial_complete("1", {EPOCH: 2, SCORE: 0.6, "time_total_s": 5.0})
    result = bench.kept[0].result
    assert (result.status, result.score, result.curve) == ("pruned", 0.7, (0.7, 0.6))
    assert result.seconds == 5.0


def test_a_trial_that_goes_on_from_a_checkpoint_tells_its_epochs_again(
    cell_plan: Make, tmp_path: Path
) -> None:
    bench = Bench([cell_plan("a", "lora")], tmp_path)
    bench.ask("1")
    for epoch, score in [(1, 0.5), (2, 0.6), (1, 0.5), (2, 0.6), (3, 0.7)]:
        bench.dispatcher.on_trial_result("1", {EPOCH: epoch, SCORE: score})
    bench.dispatcher.on_trial_complete("1", {EPOCH: 4, SCORE: 0.4})
    assert bench.kept[0].result.curve == (0.5, 0.6, 0.7, 0.4)


@pytest.mark.usefixtures("no_wait")
def test_trials_of_a_lost_call_run_alone_and_no_attempt_is_counted(
    cell_plan: Make, tmp_path: Path
) -> None:
    bench = Bench([cell_plan("a")], tmp_path, budget=18)
    bench.ask("1")
    bench.tell("1", [(0, done())])
    call = bench.ask("2")
    assert len(call) == 5
    bench.tell("2", [(0, done())], last=False)
    bench.dispatcher.on_trial_complete("2", None, error=True)
    assert [record.number for record in bench.kept] == [0, 1], "what was told is kept"
    # Whoever killed the worker is told by running each of the others alone.
    again = [bench.ask(f"again {n}") for n in range(2)]
    assert [[spec.params for spec in one] for one in again] == [[spec.params] for spec in call[1:3]]
    assert not bench.dispatcher._attempts


@pytest.mark.usefixtures("no_wait")
def test_a_trial_that_kills_its_worker_takes_no_neighbour_with_it(
    cell_plan: Make, tmp_path: Path
) -> None:
    bench = Bench([cell_plan("a")], tmp_path, budget=30, sampler="random")
    call = 0
    while bench.dispatcher.suggest("end") is None or bench.dispatcher._calls:
        name = next(iter(bench.dispatcher._calls), None) or "end"
        trials = dict(bench.dispatcher._calls[name].trials)
        before = [(i, done()) for i, (_, spec) in trials.items() if spec.number < 7]
        if any(spec.number == 7 for _, spec in trials.values()):
            if before:
                bench.tell(name, before[:1], last=False)
            bench.dispatcher.on_trial_complete(name, None, error=True)
        else:
            bench.tell(name, [(i, done()) for i in trials])
        call += 1
        assert call < 200
    failed = [r.number for r in bench.kept if r.result.status == "failed"]
    assert failed == [7]
    assert sorted(r.number for r in bench.kept) == list(range(30))


@pytest.mark.usefixtures("no_wait")
def test_a_trial_that_loses_every_worker_fails_with_the_reason(
    cell_plan: Make, tmp_path: Path
) -> None:
    bench = Bench([cell_plan("a")], tmp_path)
    for attempt in range(ATTEMPTS):
        assert [spec.number for spec in bench.ask(str(attempt))] == [0]
        bench.dispatcher.on_trial_complete(str(attempt), None, error=True)
    assert [record.number for record in bench.kept] == [0]
    assert bench.kept[0].result.status == "failed"
    assert bench.kept[0].result.error == f"{ATTEMPTS} attempts: {LOST}"


def test_a_disturbance_is_waited_out(
    cell_plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: now[0])
    bench = Bench([cell_plan("a")], tmp_path, budget=1)
    bench.ask("1")
    bench.tell("1", [(0, TrialResult("failed", None, error="OSError: EIO", retry=True))])
    assert bench.ask("2") == []
    assert bench.dispatcher.suggest("2") is None, "waiting is not the end"
    now[0] += 1.1
    assert [spec.number for spec in bench.ask("3")] == [0]
    bench.tell("3", [(0, TrialResult("failed", None, error="OSError: EIO", retry=True))])
    now[0] += 1.1
    assert bench.ask("4") == [], "the second wait is four times as long"
    now[0] += 3.0
    assert [spec.number for spec in bench.ask("5")] == [0]
    bench.tell("5", [(0, done())])
    assert bench.kept[0].result.status == "complete"
    assert bench.dispatcher.suggest("6") == "FINISHED"


def test_a_deterministic_failure_is_final_at_once(cell_plan: Make, tmp_path: Path) -> None:
    bench = Bench([cell_plan("a")], tmp_path)
    bench.ask("1")
    bench.tell("1", [(0, TrialResult("failed", None, error="ValueError: no"))])
    assert bench.kept[0].result.error == "ValueError: no"


def test_the_end_waits_for_what_is_out(cell_plan: Make, tmp_path: Path) -> None:
    bench = Bench([cell_plan("a")], tmp_path, budget=1)
    bench.ask("1")
    assert bench.dispatcher.suggest("2") is None, "the worker may be lost"
    bench.tell("1", [(0, done())])
    assert bench.dispatcher.suggest("3") == "FINISHED"


def test_the_checkpoint_of_a_settled_trial_is_removed(cell_plan: Make, tmp_path: Path) -> None:
    bench = Bench([cell_plan("a", "lora")], tmp_path)
    (spec,) = bench.ask("1")
    folder = tmp_path / spec.key
    folder.mkdir()
    bench.dispatcher.on_trial_complete("1", None, error=True)
    assert folder.is_dir(), "it will be begun again"
    bench.dispatcher._delayed[0] = (0.0, *bench.dispatcher._delayed[0][1:])
    assert bench.ask("2") == [spec]
    bench.dispatcher.on_trial_complete("2", {EPOCH: 1, SCORE: 0.5})
    assert bench.kept[0].result.status == "pruned"
    assert not folder.exists()
