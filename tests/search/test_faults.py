"""A study on two nodes that loses a node, or its driver, ends as an undisturbed one does.

``FAULT_TRIALS=20`` makes it that of docs/results.md: so many trials of a cell, on real tasks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import ray
import yaml
from ray.cluster_utils import Cluster

from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHARED = REPOSITORY.parent / "shared" / "data"
REAL = ("meth_5hmc_human", "ori_yeast", "splice_uci_primate")
TRIALS = int(os.environ.get("FAULT_TRIALS", "6"))


def study(store: Path, tracked: bool) -> dict:
    """Six cells; trials of the smallest task take a fraction of what a worker takes to begin."""
    small = {
        "encoders": ["kmer", "onehot", {"name": "tiny-bert", "weights": "random"}],
        "tasks": ["promoters_ecoli"],
        "methods": {
            "probe": "search_spaces/probe.yaml",
            "forest": "search_spaces/probes/random_forest.yaml",
        },
    }
    real = {
        "encoders": ["kmer", "onehot"],
        "tasks": [{"path": str(SHARED / f"{name}.parquet")} for name in REAL],
        "methods": {"probe": "search_spaces/probe.yaml"},
    }
    return {
        "name": "faults",
        "trials_per_cell": TRIALS,
        "seeds": [0],
        "search": {"storage": None},
        "tracking": {"enabled": tracked},
        "store": str(store),
        **(real if "FAULT_TRIALS" in os.environ and SHARED.is_dir() else small),
    }


class Node2:
    """Two nodes of one machine, the second of which can be lost."""

    def __init__(self) -> None:
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        self.node = self.cluster.add_node(num_cpus=1)

    def lose(self) -> None:
        self.cluster.remove_node(self.node, allow_graceful=False)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Node2]:
    """For all tests, the last of which loses one."""
    made = Node2()
    yield made
    ray.shutdown()
    made.cluster.shutdown()


def trials_of(folder: Path) -> int:
    return len(list((folder / "out" / "trials").glob("*.json")))


def run(
    folder: Path,
    address: str,
    at_half: Callable[[subprocess.Popen], None] | None = None,
    tracked: bool = False,
) -> subprocess.Popen:
    """Run the study; call `at_half` with the driver once half of the trials are on disk."""
    folder.mkdir(exist_ok=True)
    file = folder / "faults.yaml"
    file.write_text(yaml.safe_dump(study(folder.parent / "faults-store", tracked)))
    command = [sys.executable, "run_search.py", str(file), "--address", address]
    log = folder / f"log-{time.monotonic_ns()}.txt"
    with log.open("w") as said:
        process = subprocess.Popen(
            [*command, "--out", str(folder / "out")],
            cwd=REPOSITORY, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + 800
    while process.poll() is None:
        assert time.monotonic() < deadline, log.read_text()
        if at_half and trials_of(folder) >= 6 * TRIALS // 2:
            at_half(process)
            at_half = None
        time.sleep(0.05)
    assert at_half is None, log.read_text()
    return process


def table_of(folder: Path) -> pd.DataFrame:
    table = pd.read_parquet(folder / "out" / "trials.parquet")
    return table.sort_values(["cell", "number"]).reset_index(drop=True)


@pytest.fixture(scope="module")
def undisturbed(nodes: Node2, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run(folder, nodes.cluster.address)
    assert done.returncode == 0
    return table_of(folder)


def check(table: pd.DataFrame, undisturbed: pd.DataFrame) -> None:
    """All trials, none twice, the same configurations, the same scores."""
    assert table.groupby("cell")["number"].apply(list).tolist() == [list(range(TRIALS))] * 6
    assert (table["status"] == "complete").all(), table["error"].tolist()
    columns = ["cell", "number", "params", "score"]
    pd.testing.assert_frame_equal(table[columns], undisturbed[columns])


def runs_in_mlflow(folder: Path) -> int:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("faults")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], max_results=5000)
    # A cell's run has no parent, a trial's has its cell.
    return sum("mlflow.parentRunId" in run.data.tags for run in found)


def test_a_killed_driver_is_started_again_and_goes_on(
    nodes: Node2, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    address = nodes.cluster.address
    killed = run(tmp_path, address, lambda d: os.killpg(d.pid, signal.SIGKILL), tracked=True)
    assert killed.returncode == -signal.SIGKILL
    before = {p.name: p.stat().st_mtime for p in (tmp_path / "out" / "trials").iterdir()}
    assert len(before) < 6 * TRIALS
    done = run(tmp_path, address, tracked=True)
    assert done.returncode == 0
    after = {p.name: p.stat().st_mtime for p in (tmp_path / "out" / "trials").iterdir()}
    assert {name: after[name] for name in before if name in after} == before, "none ran again"
    check(table_of(tmp_path), undisturbed)
    assert runs_in_mlflow(tmp_path) == 6 * TRIALS, "each trial once"


def test_a_lost_node_costs_nothing_that_is_finished(
    nodes: Node2, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    done = run(tmp_path, nodes.cluster.address, lambda driver: nodes.lose())
    assert done.returncode == 0
    check(table_of(tmp_path), undisturbed)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert not manifest["failures"]
