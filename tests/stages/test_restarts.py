"""A study that fine-tunes and is stopped, then killed, ends as if it had been left alone."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import REPOSITORY
from tests.stages.small_study import ONE_WORKER, command, run, trial_files

#: A study takes a minute on a quiet machine; beside another one, several.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TRIALS = 8
LORA = (
    "{method: lora, parameters: {rank: {int: [2, 4]}, pooling: {choice: [mean, max]}, "
    "epochs: {constant: 2}, learning_rate: {loguniform: [1.0e-4, 1.0e-2]}}, "
    "default: {rank: 2, pooling: mean, epochs: 2, learning_rate: 1.0e-3}}"
)
OPTIONS = (
    *("--set", f"trials_per_cell={TRIALS}"),
    *("--set", f"methods={{probe: search_spaces/probe.yaml, lora: {LORA}}}"),
    *("--set", "seeds=[0]"),
    *ONE_WORKER,
)


def test_a_study_that_is_stopped_and_then_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Trials that finished before a signal are neither lost nor run again."""
    before: dict[str, float] = {}
    for sent in (signal.SIGINT, signal.SIGKILL):
        code, screen = stopped(tmp_path, sent, trials=len(before) + 4)
        if sent == signal.SIGINT:
            assert code == 130, screen
            assert "To go on:" in screen
        now = trial_files(tmp_path)
        assert {name: now[name] for name in before} == before
        assert len(before) + 4 <= len(now) < 3 * TRIALS
        before = now
    done = run(tmp_path, *OPTIONS)
    assert done.returncode == 0, done.stderr
    after = trial_files(tmp_path)
    assert {name: after[name] for name in before} == before
    out = tmp_path / "out"
    table = pd.read_parquet(out / "trials.parquet")
    assert table.groupby("cell")["number"].apply(list).tolist() == [list(range(TRIALS))] * 3
    assert table["status"].isin(["complete", "pruned"]).all(), table["error"].tolist()
    assert (out / "report.html").is_file()
    winner = out / "best" / "tiny-bert@random--promoters_ecoli--lora" / "model"
    assert (winner / "adapter_config.json").is_file()


def stopped(folder: Path, sent: signal.Signals, trials: int) -> tuple[int, str]:
    """Send a signal to a study once it has so many trials; its exit code and what it said."""
    with subprocess.Popen(
        command(folder, *OPTIONS),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        files = folder / "out" / "trials"
        deadline = time.monotonic() + 240
        while not (files.is_dir() and len(list(files.glob("*.json"))) >= trials):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(process.pid, sent)
        screen, _ = process.communicate(timeout=60)
    return process.returncode, screen
