import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.records import Cell, TrialRecord, TrialResult
from engine.tracking.mlflow_runs import KEY, Tracker, check_server, tracking_uri

CELL = Cell("tiny-bert", "splice_junctions", "lora")
RECORDS = [
    TrialRecord(
        CELL,
        "cellkey",
        number,
        "key",
        {"rank": 8, "pooling": "mean"},
        TrialResult(status, score, {"auroc": 0.9}, (0.8, 0.9), 2.0, 100, error),
    )
    for number, (status, score, error) in enumerate(
        [("complete", 0.9, None), ("pruned", 0.8, None), ("failed", None, "ValueError: no")]
    )
]


def log_study(folder: Path) -> Tracker:
    tracker = Tracker(f"sqlite:///{folder / 'mlflow.db'}", "s", folder / "artifacts", {"git": "c"})
    tracker.cell("cellkey", CELL, {"encoder": CELL.encoder})
    for record in RECORDS:
        tracker.trial(record, "auroc")
    best = folder / "best.yaml"
    best.write_text("rank: 8\n")
    tracker.result("cellkey", {"test_auroc": 0.88, "nothing": float("nan")}, {"rank": 8}, [best])
    tracker.report([best])
    tracker.close()
    return tracker


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study logged twice, as after a restart."""
    folder = tmp_path_factory.mktemp("tracking")
    for _ in range(2):
        assert log_study(folder).failed is None
    return folder


def runs_of(folder: Path) -> list:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("s")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def test_a_restart_doubles_no_run(logged: Path) -> None:
    keys = [run.data.tags[KEY] for run in runs_of(logged)]
    assert sorted(keys) == ["cellkey", "cellkey:0", "cellkey:1", "cellkey:2", "report:s"]


def test_trials_are_children_of_their_cell(logged: Path) -> None:
    runs = {run.data.tags[KEY]: run for run in runs_of(logged)}
    parent = runs["cellkey"].info.run_id
    for number in range(3):
        assert runs[f"cellkey:{number}"].data.tags["mlflow.parentRunId"] == parent


def test_a_trial_keeps_parameters_curve_and_status(logged: Path) -> None:
    from mlflow.tracking import MlflowClient

    runs = {run.data.tags[KEY]: run for run in runs_of(logged)}
    complete = runs["cellkey:0"]
    assert complete.data.params == {"rank": "8", "pooling": "mean"}
    assert complete.data.metrics["score"] == 0.9
    client = MlflowClient(tracking_uri=f"sqlite:///{logged / 'mlflow.db'}")
    history = client.get_metric_history(complete.info.run_id, "epoch_auroc")
    assert [(m.step, m.value) for m in history] == [(1, 0.8), (2, 0.9)]
    statuses = [runs[f"cellkey:{n}"].info.status for n in range(3)]
    assert statuses == ["FINISHED", "KILLED", "FAILED"]
    assert runs["cellkey:2"].data.tags["error"] == "ValueError: no"


def test_the_cell_carries_what_it_came_to(logged: Path) -> None:
    run = next(r for r in runs_of(logged) if r.data.tags[KEY] == "cellkey")
    assert run.data.metrics == {"test_auroc": 0.88}
    assert run.data.params == {"rank": "8"}
    assert run.info.status == "FINISHED"


def test_a_failing_store_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tracker = Tracker(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", "s", tmp_path, {})
    tracker.cell("k", CELL, {})
    tracker.trial(replace(RECORDS[0], cell_key="k"), "auroc")
    tracker.close()
    assert tracker.failed is not None
    assert "File exists" in tracker.failed, "what went wrong, and not that it took too long"


def test_uri_of_the_study_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri(None, tmp_path) == "http://127.0.0.1:5000"
    assert tracking_uri("http://127.0.0.1:7", tmp_path) == "http://127.0.0.1:7"


def test_a_server_that_does_not_answer_is_told_before_any_work() -> None:
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9: no answer .* start it, or unset"):
        check_server("http://127.0.0.1:9")


@pytest.mark.slow
def test_two_studies_that_start_together_in_a_new_folder_are_both_tracked(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engine.tracking.mlflow_runs import Tracker\n"
        "import mlflow.tracking\n"
        "folder, name = Path(sys.argv[1]), sys.argv[2]\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "tracker = Tracker(f'sqlite:///{folder}/mlflow.db', name, folder / name, {})\n"
        "tracker.close(); print(tracker.failed)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([*command, name], **pipes) for name in ("a", "b", "c")]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:  # all at once
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=200)[0] for process in started] == ["None\n"] * 3
