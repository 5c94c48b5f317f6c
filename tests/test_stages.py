"""A whole study on a Ray of its own: what it leaves, what a restart repeats, what a kill costs."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

#: A study takes a minute on a quiet machine; beside another one, several.
pytestmark = pytest.mark.timeout(900)

REPOSITORY = Path(__file__).resolve().parent.parent
STUDY = """
name: small
encoders: [onehot, {name: tiny-bert, weights: random}]
tasks: [promoters_ecoli]
methods:
  probe: search_spaces/probe.yaml
  lora:
    method: lora
    parameters:
      rank: {int: [2, 4]}
      pooling: {choice: [mean, max]}
      epochs: {constant: 2}
      learning_rate: {loguniform: [1.0e-4, 1.0e-2]}
    default: {rank: 2, pooling: mean, epochs: 2, learning_rate: 1.0e-3}
trials_per_cell: 3
seeds: [0, 1]
"""
#: The same with one cell, and without LoRA, whose imports take longer than its trials.
ONE_PROBE = (
    *("--set", "encoders=[{name: tiny-bert, weights: random}]"),
    *("--set", "methods={probe: search_spaces/probe.yaml}"),
    *("--set", "seeds=[0]"),
)


def run(folder: Path, *options: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *options),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def command(folder: Path, *options: str) -> list[str]:
    study = folder / "small.yaml"
    study.write_text(STUDY)
    out = str(folder / "out")
    return [sys.executable, "run_search.py", str(study), "--out", out, *options]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("study")
    done = run(folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def trial_files(folder: Path) -> dict[str, float]:
    return {p.name: p.stat().st_mtime for p in (folder / "out" / "trials").iterdir()}


def test_a_run_leaves_what_the_design_lists(finished: tuple[Path, str]) -> None:
    out = finished[0] / "out"
    names = {
        "study.yaml", "manifest.json", "trials.parquet", "predictions.parquet", "scores.csv",
        "comparisons.csv", "embeddings.csv", "embedding_map.parquet", "report.html", "report.md",
        "figures", "best", "run.log", "search.json",
    }  # fmt: skip
    assert names <= {p.name for p in out.iterdir()}
    cells = {"onehot--promoters_ecoli--probe", "tiny-bert@random--promoters_ecoli--probe",
             "tiny-bert@random--promoters_ecoli--lora"}  # fmt: skip
    assert {p.name for p in (out / "best").iterdir()} == cells
    for cell in cells:
        files = {p.name for p in (out / "best" / cell).iterdir()}
        assert {"config.yaml", "README.md"} <= files


def test_the_screen_ends_with_the_answer_and_the_paths(finished: tuple[Path, str]) -> None:
    folder, screen = finished
    assert "promoters_ecoli, test AUROC" in screen
    assert str(folder / "out" / "report.html") in screen
    assert "skipped: onehot has no network that lora could adapt" in screen


def test_every_trial_of_every_cell_has_its_row(finished: tuple[Path, str]) -> None:
    trials = pd.read_parquet(finished[0] / "out" / "trials.parquet")
    assert trials.groupby("cell")["number"].apply(list).tolist() == [[0, 1, 2]] * 3
    assert trials["status"].isin(["complete", "pruned"]).all(), trials["error"].tolist()


def test_the_test_split_is_scored_by_every_seed(finished: tuple[Path, str]) -> None:
    out = finished[0] / "out"
    predictions = pd.read_parquet(out / "predictions.parquet")
    counts = predictions.groupby(["cell", "variant", "seed"]).size()
    assert (counts == 22).all()
    assert set(predictions.loc[predictions["variant"] == "tuned", "seed"]) == {0, 1}
    scores = pd.read_csv(out / "scores.csv")
    assert scores["value"].between(0, 1).all()
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest["unsealed"]) == {"promoters_ecoli"}
    assert manifest["forwards"] == 2 * 106, "each probed encoder read each sequence once"


def test_every_stored_representation_is_measured_without_a_classifier(
    finished: tuple[Path, str],
) -> None:
    out = finished[0] / "out"
    table = pd.read_csv(out / "embeddings.csv")
    found = table[["encoder", "pooling", "layer"]].itertuples(index=False, name=None)
    assert set(found) == {("onehot", "features", -1)} | {
        ("tiny-bert@random", pooling, -1) for pooling in ("max", "mean", "summary")
    }
    train = json.loads((out / "manifest.json").read_text())["tasks"]["promoters_ecoli"]["n_train"]
    assert (table["n_rows"] == train).all()
    assert table["knn_purity"].between(0, 1).all()
    places = pd.read_parquet(out / "embedding_map.parquet")
    assert (places.groupby(["encoder", "pooling"]).size() == train).all()
    assert 'id="embeddings"' in (out / "report.html").read_text()


def test_the_resolved_study_is_a_study_again(finished: tuple[Path, str]) -> None:
    resolved = yaml.safe_load((finished[0] / "out" / "study.yaml").read_text())
    assert resolved["methods"]["probe"]["method"] == "probe"
    done = subprocess.run(
        [sys.executable, "run_search.py", str(finished[0] / "out" / "study.yaml"), "--dry-run"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_second_run_does_nothing_again(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = trial_files(folder)
    fits = sorted((folder / "out" / "fits").rglob("*.npy"))
    stamps = [p.stat().st_mtime for p in fits]
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert trial_files(folder) == before
    assert [p.stat().st_mtime for p in fits] == stamps
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["forwards"] == 0
    assert manifest["nodes"] == 0, "no Ray was started"


def test_more_trials_go_on_from_those_that_are_done(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = trial_files(folder)
    done = run(folder, "--set", "trials_per_cell=4")
    assert done.returncode == 0, done.stderr
    after = trial_files(folder)
    assert len(after) == len(before) + 3
    assert {name: after[name] for name in before} == before


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished study of one cell that probes."""
    folder = tmp_path_factory.mktemp("twenty")
    done = run(folder, *ONE_PROBE, "--set", "trials_per_cell=20")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_twenty_probe_trials_run_the_encoder_once(twenty: Path) -> None:
    trials = pd.read_parquet(twenty / "out" / "trials.parquet")
    manifest = json.loads((twenty / "out" / "manifest.json").read_text())
    assert len(trials) == 20
    assert trials["duplicate_of"].isna().sum() > 3
    assert manifest["forwards"] == 106, "rows of the task, and each of them once"


@pytest.mark.slow
def test_fresh_sets_the_earlier_run_aside(twenty: Path) -> None:
    """Of the run under its name only: that of before is looked at last."""
    earlier = (twenty / "out" / "scores.csv").read_text()
    done = run(twenty, *ONE_PROBE, "--set", "trials_per_cell=2", "--fresh")
    assert done.returncode == 0, done.stderr
    aside = next(twenty.glob("out.before-*"))
    assert (aside / "scores.csv").read_text() == earlier
    manifest = json.loads((twenty / "out" / "manifest.json").read_text())
    assert manifest["forwards"] == 106


@pytest.mark.slow
def test_a_study_that_is_stopped_and_then_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Trials that finished before a signal are neither lost nor run again."""
    options = ("--set", "trials_per_cell=14", "--set", "seeds=[0]")
    before: dict[str, float] = {}
    for sent in (signal.SIGINT, signal.SIGKILL):
        code, screen = stopped(tmp_path, options, sent, trials=len(before) + 5)
        if sent == signal.SIGINT:
            assert code == 130, screen
            assert "To go on:" in screen
        now = trial_files(tmp_path)
        assert {name: now[name] for name in before} == before
        assert len(before) + 5 <= len(now) < 42
        before = now
    done = run(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    after = trial_files(tmp_path)
    assert {name: after[name] for name in before} == before
    table = pd.read_parquet(tmp_path / "out" / "trials.parquet")
    assert table.groupby("cell")["number"].apply(list).tolist() == [list(range(14))] * 3


def stopped(
    folder: Path, options: tuple[str, ...], sent: signal.Signals, trials: int
) -> tuple[int, str]:
    """Send a signal to a study once it has so many trials; its exit code and what it said."""
    with subprocess.Popen(
        command(folder, *options),
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


@pytest.fixture
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
             "--num-cpus=2", "--include-dashboard=false", f"--temp-dir={folder}",
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


@pytest.mark.slow
def test_a_running_cluster_is_joined_by_its_address(
    cluster: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    address, environment = cluster
    done = subprocess.run(
        command(tmp_path, *ONE_PROBE, "--set", "trials_per_cell=2", "--address", address),
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["nodes"] == 1


@pytest.mark.slow
def test_a_wrong_address_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "--address", "127.0.0.1:26499")
    assert done.returncode == 2
    assert "no Ray cluster answers" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
