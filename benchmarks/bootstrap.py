"""A task's cells by a metric that is resampled: each interval and pair alone, against shared draws.

    python benchmarks/bootstrap.py [--quick]

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: baseline time / our time. The
baseline gives every interval, every pair of models and every pair of methods to `bootstrap_ci`,
`paired_bootstrap` and `method_metric_test`, which evaluate the metric on one resample at a time.
Ours draws once for all fits, many resamples at a time. Both take the same resamples, and the
p-values are compared.
"""

import argparse
import json
import time
from itertools import combinations

import numpy as np

from engine.compare import evidence
from engine.compare.evidence import gather, interval, method_test, paired_test
from engine.kinds.classification import KIND as CLASSES
from engine.metrics import METRICS
from engine.stats import bootstrap_ci, method_metric_test, paired_bootstrap

METRIC_NAMES = ("mcc", "auprc", "log_loss")


def fits_of(cells: int, seeds: int, rows: int) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """Labels, and the probabilities of every cell's fits."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(rows) % 2)
    logits = rng.normal(size=(cells, seeds, rows)) + (2 * labels - 1)
    positive = 1 / (1 + np.exp(-logits))
    return labels, [list(np.stack([1 - of, of], axis=-1)) for of in positive]


def alone(metric: str, labels: np.ndarray, fits: list[list[np.ndarray]], b: int) -> list[float]:
    function = METRICS[metric].function(CLASSES)
    for cell in fits:
        for scores in cell:
            bootstrap_ci(labels, scores, function, b)
    found = []
    for one, other in combinations(fits, 2):
        paired_bootstrap(labels, one[0], other[0], function, b)
        found.append(method_metric_test(labels, one, other, function, b).p)
    return found


def shared(metric: str, labels: np.ndarray, fits: list[list[np.ndarray]], b: int) -> list[float]:
    evidence.RESAMPLES = b
    known = gather(metric, CLASSES, labels, [scores for cell in fits for scores in cell])
    for cell in fits:
        for scores in cell:
            interval(known, scores)
    found = []
    for one, other in combinations(fits, 2):
        paired_test(known, one[0], other[0])
        found.append(method_test(known, one, other).result.p)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    quick = parser.parse_args().quick
    cells, rows, resamples = (3, 1_000, 200) if quick else (6, 5_000, 500)
    labels, fits = fits_of(cells, 3, rows)
    facts = {"cells": cells, "seeds": 3, "rows": rows, "resamples": resamples}
    ratios = {}
    for metric in METRIC_NAMES:
        seconds, p_values = {}, {}
        for name, work in (("alone", alone), ("shared", shared)):
            start = time.perf_counter()
            p_values[name] = work(metric, labels, fits, resamples)
            seconds[name] = time.perf_counter() - start
            line = {"name": f"{metric}_{name}", "seconds": round(seconds[name], 3), **facts}
            print(json.dumps(line), flush=True)
        np.testing.assert_allclose(p_values["shared"], p_values["alone"], rtol=1e-6)
        ratios[metric] = seconds["alone"] / seconds["shared"]
    for metric, ratio in ratios.items():
        print(f"ratio bootstrap_{metric} {ratio:.1f}")


if __name__ == "__main__":
    main()
