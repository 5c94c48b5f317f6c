"""A small study, run by the command line in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

STUDY = """
name: small
encoders: [onehot, {name: tiny-bert, weights: random}]
tasks: [promoters_ecoli]
methods:
  probe: search_spaces/probe.yaml
  bitfit:
    method: bitfit
    parameters:
      pooling: {choice: [mean, max]}
      epochs: {constant: 2}
      learning_rate: {loguniform: [1.0e-4, 1.0e-2]}
    default: {pooling: mean, epochs: 2, learning_rate: 1.0e-3}
trials_per_cell: 3
seeds: [0, 1]
"""
CPUS = len(os.sched_getaffinity(0))
#: One trial at a time: a worker takes seconds to begin, most of them imports, and a trial none.
#: (Several at a time run in test_cluster and in tests/search/test_faults.)
ONE_WORKER = ("--set", f"resources={{cpus_per_trial: {CPUS}}}")
#: The same with one cell, which is not tracked.
ONE_PROBE = (
    *("--set", "encoders=[{name: tiny-bert, weights: random}]"),
    *("--set", "methods={probe: search_spaces/probe.yaml}"),
    *("--set", "seeds=[0]"),
    *("--set", "tracking={enabled: false}"),
    *ONE_WORKER,
)


def command(folder: Path, *options: str) -> list[str]:
    """Command that runs the study, with its output in ``folder/out``."""
    study = folder / "small.yaml"
    study.write_text(STUDY)
    return [sys.executable, "run_search.py", str(study), "--out", str(folder / "out"), *options]


def run(
    folder: Path, *options: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the study to its end; the environment is this one unless given."""
    return subprocess.run(
        command(folder, *options), cwd=REPOSITORY, env=environment,
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def trial_files(folder: Path) -> dict[str, float]:
    """When the record of each trial was written."""
    return {p.name: p.stat().st_mtime for p in (folder / "out" / "trials").iterdir()}
