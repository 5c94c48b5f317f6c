"""The copy in an Optuna storage: what Optuna (and so its dashboard) finds there."""

import threading
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from engine.plan.cells import CellPlan
from engine.records import TrialRecord, TrialResult
from engine.search.mirror import Mirror, open_storage
from engine.search.searcher import CellSearch, Proposal

Make = Callable[..., CellPlan]

OUTCOMES = (
    TrialResult("complete", 0.7, curve=(0.6, 0.7), seconds=90.0, trainable_parameters=12),
    TrialResult("pruned", 0.5, curve=(0.5,), seconds=1.0),
    TrialResult("failed", None, error="ValueError: no"),
    TrialResult("infeasible", None, error="out of memory at micro-batch 1"),
    TrialResult("complete", 0.8, curve=(0.8,)),
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


@pytest.fixture(params=["journal", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def search_of(plan: CellPlan, records: list[TrialRecord] | None = None) -> CellSearch:
    return CellSearch(plan, plan.cell.encoder * 8, len(OUTCOMES), "random", True, records or [])


def run(search: CellSearch, mirror: Mirror | None = None, trials: int = 5) -> list[TrialRecord]:
    for _ in range(trials):
        proposal = search.ask()
        assert isinstance(proposal, Proposal)
        record = search.tell(proposal.number, "key", OUTCOMES[proposal.number])
        if mirror:
            mirror.trial(record)
    return [search.records[n] for n in sorted(search.records)]


def read(kind: str, out: Path) -> dict[str, list[optuna.trial.FrozenTrial]]:
    """What a fresh process would load."""
    storage = open_storage(kind, out)
    return {
        s.study_name: optuna.load_study(study_name=s.study_name, storage=storage).trials
        for s in optuna.get_all_study_summaries(storage)
    }


def test_each_cell_is_a_study_and_each_trial_is_what_it_was(
    cell_plan: Make, out: Path, kind: str
) -> None:
    searches = {p.cell.id: search_of(p) for p in (cell_plan("a"), cell_plan("b"))}
    with Mirror(kind, out, searches) as mirror:
        for search in searches.values():
            run(search, mirror)
    assert mirror.failed is None
    found = read(kind, out)
    assert sorted(found) == ["mine/a/task/probe aaaaaaaa", "mine/b/task/probe bbbbbbbb"]
    trials = found["mine/a/task/probe aaaaaaaa"]
    states = ["COMPLETE", "PRUNED", "FAIL", "FAIL", "COMPLETE"]
    assert [t.state.name for t in trials] == states
    assert [t.value for t in trials] == [0.7, None, None, None, 0.8]
    assert trials[0].intermediate_values == {1: 0.6, 2: 0.7}
    assert trials[0].duration is not None
    assert trials[0].duration.total_seconds() == pytest.approx(90)
    attributes = [t.user_attrs for t in trials]
    assert [a["status"] for a in attributes] == [o.status for o in OUTCOMES]
    assert attributes[3]["error"] == "out of memory at micro-batch 1"
    assert "error" not in attributes[0]
    records = searches["a/task/probe"].records
    assert [t.params for t in trials] == [dict(records[n].params) for n in range(5)]


def test_a_restart_adds_what_is_missing_and_nothing_twice(
    cell_plan: Make, out: Path, kind: str
) -> None:
    plan = cell_plan("a")
    first = search_of(plan)
    with Mirror(kind, out, {plan.cell.id: first}) as mirror:
        run(first, mirror, 1)
    # The driver died between the second record and its copy.
    records = [TrialRecord.from_json(record.to_json()) for record in run(first, None, 1)]
    assert len(records) == 2
    again = search_of(plan, records)
    with Mirror(kind, out, {plan.cell.id: again}) as mirror:
        run(again, mirror, 3)
    (trials,) = read(kind, out).values()
    assert sorted(t.user_attrs["number"] for t in trials) == [0, 1, 2, 3, 4]


def test_a_run_that_finds_everything_done_writes_nothing(cell_plan: Make, out: Path) -> None:
    plan = cell_plan("a")
    search = search_of(plan)
    with Mirror("journal", out, {plan.cell.id: search}) as mirror:
        run(search, mirror)
    before = (out / "optuna.log").read_bytes()
    with Mirror("journal", out, {plan.cell.id: search}):
        pass
    assert (out / "optuna.log").read_bytes() == before


def test_a_repeated_failure_is_kept_beside_its_repeat(cell_plan: Make, out: Path) -> None:
    plan = cell_plan("a")
    first = search_of(plan)
    with Mirror("journal", out, {plan.cell.id: first}) as mirror:
        records = run(first, mirror)
    again = search_of(plan, records)
    assert again.to_begin == 1
    with Mirror("journal", out, {plan.cell.id: again}) as mirror:
        proposal = again.ask()
        assert isinstance(proposal, Proposal)
        assert proposal.number == 2
        mirror.trial(again.tell(2, "key", TrialResult("complete", 0.9)))
    (trials,) = read("journal", out).values()
    assert len(trials) == 6
    of_two = [t.state for t in trials if t.user_attrs["number"] == 2]
    assert of_two == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_trial_under_way_is_not_in_the_storage(cell_plan: Make, out: Path, kind: str) -> None:
    plan = cell_plan("a")
    search = search_of(plan)
    with Mirror(kind, out, {plan.cell.id: search}) as mirror:
        run(search, mirror, 2)
        assert isinstance(search.ask(), Proposal)
    (trials,) = read(kind, out).values()
    assert [t.state.name for t in trials] == ["COMPLETE", "PRUNED"]


def test_a_line_that_a_killed_writer_left_is_cut_off_and_written_again(
    cell_plan: Make, out: Path
) -> None:
    plan = cell_plan("a")
    search = search_of(plan)
    with Mirror("journal", out, {plan.cell.id: search}) as mirror:
        records = run(search, mirror)
    journal = out / "optuna.log"
    whole = journal.read_bytes()
    for cut in (1, 40, len(whole.splitlines(keepends=True)[-1]) - 1):
        journal.write_bytes(whole[:-cut])
        again = search_of(plan, [r for r in records if r.result.status != "failed"])
        with Mirror("journal", out, {plan.cell.id: again}) as mirror:
            pass
        assert mirror.failed is None
        (trials,) = read("journal", out).values()
        assert [t.user_attrs["number"] for t in trials] == [0, 1, 2, 3, 4]
    journal.write_bytes(whole.split(b"\n")[0][:20])
    with Mirror("journal", out, {plan.cell.id: search}) as mirror:
        pass
    (trials,) = read("journal", out).values()
    assert len(trials) == 5


@pytest.mark.filterwarnings("ignore:The value of `grace_period`")
def test_the_lock_of_a_killed_writer_is_broken(
    cell_plan: Make, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.search.mirror.LOCK_SECONDS", 1)
    (out / "optuna.log.lock").touch()
    plan = cell_plan("a")
    search = search_of(plan)
    with Mirror("journal", out, {plan.cell.id: search}) as mirror:
        run(search, mirror)
    assert mirror.failed is None
    (trials,) = read("journal", out).values()
    assert len(trials) == 5


def test_a_changed_search_of_a_cell_is_another_study(cell_plan: Make, out: Path) -> None:
    plan = cell_plan("a")
    for key in ("k" * 8, "l" * 8):
        search = CellSearch(plan, key, 5, "random", True, [])
        with Mirror("journal", out, {plan.cell.id: search}) as mirror:
            run(search, mirror)
    assert [len(trials) for trials in read("journal", out).values()] == [5, 5]


def test_a_storage_that_cannot_be_opened_ends_the_copy_and_not_the_search(
    cell_plan: Make, out: Path
) -> None:
    plan = cell_plan("a")
    search = search_of(plan)
    with Mirror("sqlite:////no/such/folder/x.db", out, {plan.cell.id: search}) as mirror:
        run(search, mirror)
    assert search.done
    assert mirror.failed


def test_no_storage_writes_nothing(cell_plan: Make, out: Path) -> None:
    plan = cell_plan("a")
    search = search_of(plan)
    with Mirror(None, out, {plan.cell.id: search}) as mirror:
        run(search, mirror)
    assert (mirror.failed, list(out.iterdir())) == (None, [])
    assert "optuna-mirror" not in [thread.name for thread in threading.enumerate()]
