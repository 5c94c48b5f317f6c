"""A study of one cell on a Ray cluster that runs already, then anew on a Ray of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.stages.small_study import CPUS, ONE_PROBE, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@contextmanager
def cluster() -> Iterator[tuple[str, dict[str, str]]]:
    """A Ray head on loopback that asks for a token: its address, and the environment to join it."""
    ray = Path(sys.executable).with_name("ray")
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "t" * 32}
    port = "26411"
    # A short path: the names of Ray's sockets must not exceed 107 letters.
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [ray, "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}",
             f"--num-cpus={CPUS}", "--include-dashboard=false", f"--temp-dir={folder}",
             "--disable-usage-stats"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        ) as head,
    ):  # fmt: skip
        said = ""
        while "Ray runtime started" not in said:
            line = head.stdout.readline() if head.stdout else ""
            assert line, said
            said += line
        try:
            yield f"127.0.0.1:{port}", environment
        finally:
            # On SIGTERM it waits half a minute for its parts, which end with it.
            os.killpg(head.pid, signal.SIGKILL)
            head.wait(60)


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study of 20 trials that a cluster ran, as many at once as it has processors."""
    folder = tmp_path_factory.mktemp("twenty")
    with cluster() as (address, environment):
        several = ("--set", "resources={cpus_per_trial: 1}")
        given = (*ONE_PROBE, *several, "--set", "trials_per_cell=20", "--address", address)
        done = run(folder, *given, environment=environment)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_running_cluster_is_joined_by_its_address(twenty: Path) -> None:
    assert (twenty / "out" / "report.html").is_file()
    manifest = json.loads((twenty / "out" / "manifest.json").read_text())
    assert manifest["nodes"] == 1


def test_twenty_probe_trials_run_the_encoder_once(twenty: Path) -> None:
    trials = pd.read_parquet(twenty / "out" / "trials.parquet")
    manifest = json.loads((twenty / "out" / "manifest.json").read_text())
    assert len(trials) == 20
    assert trials["duplicate_of"].isna().sum() > 3
    assert manifest["forwards"] == 106, "rows of the task, and each of them once"


def test_fresh_sets_the_earlier_run_aside(twenty: Path) -> None:
    """Of the run under its name only: that of before is looked at last."""
    earlier = (twenty / "out" / "scores.csv").read_text()
    done = run(twenty, *ONE_PROBE, "--set", "trials_per_cell=2", "--fresh")
    assert done.returncode == 0, done.stderr
    aside = next(twenty.glob("out.before-*"))
    assert (aside / "scores.csv").read_text() == earlier
    manifest = json.loads((twenty / "out" / "manifest.json").read_text())
    assert manifest["forwards"] == 106


def test_a_wrong_address_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "--address", "127.0.0.1:26499")
    assert done.returncode == 2
    assert "no Ray cluster answers" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
