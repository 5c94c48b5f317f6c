"""DeLong's covariance by definition, O(m n), against ours, O(N log N), in one process.

    python benchmarks/delong.py [--quick]

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: baseline time / our time. The
baseline is the definition written in NumPy, in blocks of positives that stay in the cache. Without
--quick, and where R has pROC, the same covariance is also timed there (start of R and reading the
file left out).
"""

import argparse
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.stats import auc_covariance, delong_test


def simulated(n_rows, n_models, seed=0):
    """Labels (N,), a third of them positive, and related scores (M, N) of three decimals: ties."""
    rng = np.random.default_rng(seed)
    y = rng.random(n_rows) < 1 / 3
    common = rng.normal(size=n_rows)
    scores = [common + rng.normal(size=n_rows) + shift * y for shift in np.linspace(1, 2, n_models)]
    return y, np.round(scores, 3)


def covariance_by_definition(y, scores, block=32):
    """DeLong et al. (1988) as written: placements by comparing all pairs."""
    v10, v01 = [], []
    for row in scores:
        positives, negatives = row[y], row[~y]
        of_positives = np.empty(len(positives))
        of_negatives = np.zeros(len(negatives))
        for start in range(0, len(positives), block):
            some = positives[start : start + block, np.newaxis]
            pairs = (some > negatives) + 0.5 * (some == negatives)
            of_positives[start : start + block] = pairs.mean(axis=1)
            of_negatives += pairs.sum(axis=0)
        v10.append(of_positives)
        v01.append(of_negatives / len(positives))
    aucs = np.mean(v10, axis=1)
    return aucs, np.cov(v10) / y.sum() + np.cov(v01) / (~y).sum()


PROC = """
suppressMessages(library(pROC))
data <- read.csv(commandArgs(trailingOnly = TRUE)[1], header = FALSE)
elapsed <- system.time({
  curves <- lapply(data[-1], function(score) {
    roc(data[[1]], score, levels = c(0, 1), direction = "<", quiet = TRUE)
  })
  covariance <- sapply(curves, function(a) sapply(curves, function(b) cov(a, b)))
})[["elapsed"]]
cat(elapsed)
"""


def seconds_of_proc(y, scores):
    """Time of pROC's covariance matrix, or None where there is no pROC."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "data.csv"), Path(folder, "proc.R")
        np.savetxt(data, np.column_stack([y, scores.T]), fmt="%.6g", delimiter=",")
        script.write_text(PROC)
        done = subprocess.run(
            ["Rscript", script, data], capture_output=True, text=True, check=False
        )
    return float(done.stdout) if done.returncode == 0 else None


def all_pairs(y, scores):
    """The test of every pair of models."""
    return [delong_test(y, a, b) for a, b in itertools.combinations(scores, 2)]


def measure(name: str, run: Callable[[], object], repeats: int, **facts):
    """Best of several runs in seconds, printed with what was run; and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    best = min(seconds)
    line = {"name": name, "seconds": round(best, 4), "runs": repeats, **facts}
    print(json.dumps(line), flush=True)
    return best, result


def against_definition(y, scores):
    """Time both on the same rows, check that they agree, and return the ratio."""
    facts = {"models": len(scores), "rows": len(y)}
    ours, (aucs, covariance) = measure("ours", lambda: auc_covariance(y, scores), 3, **facts)
    baseline, (their_aucs, their_covariance) = measure(
        "definition", lambda: covariance_by_definition(y, scores), 1, **facts
    )
    np.testing.assert_allclose(aucs, their_aucs, atol=1e-12)
    np.testing.assert_allclose(covariance, their_covariance, atol=1e-14)
    return baseline / ours


def against_proc(y, scores):
    """Time both on the same rows; the ratio, or None where there is no pROC."""
    baseline = seconds_of_proc(y, scores)
    if baseline is None:
        return None
    facts = {"models": len(scores), "rows": len(y)}
    print(json.dumps({"name": "proc", "seconds": baseline, "runs": 1, **facts}), flush=True)
    ours, _ = measure("ours", lambda: auc_covariance(y, scores), 3, **facts)
    return baseline / ours


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    quick = parser.parse_args().quick
    ratios = {"delong_20000x5": against_definition(*simulated(20_000, 5))}
    if not quick:
        largest = simulated(67_157, 5)
        ratios["delong_67157x5"] = against_definition(*largest)
        ratios["delong_67157x5_proc"] = against_proc(*largest)
    y, scores = simulated(200_000, 5)
    measure("covariance", lambda: auc_covariance(y, scores), 3, models=5, rows=200_000)
    measure("all_pairs", lambda: all_pairs(y, scores), 3, models=5, rows=200_000, pairs=10)
    y, scores = simulated(1_000_000, 2)
    measure("paired_test", lambda: delong_test(y, *scores), 3, models=2, rows=1_000_000)
    for name, ratio in ratios.items():
        if ratio is not None:
            print(f"ratio {name} {ratio:.1f}")


if __name__ == "__main__":
    main()
