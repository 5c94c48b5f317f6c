"""64 configurations of the batched logistic head against one, and against 64 of scikit-learn.

    python benchmarks/logistic_head.py [--quick]

Prints one JSON object per measurement and, last, `ratio NAME VALUE`. The features are like
embeddings: correlated, with variances that fall off as 1 / rank. The 64 differ in C (1e-4 to 1e2)
and class weight, on one matrix of features or on two of the same width (poolings). `64_over_one` is
the time of the 64 over that of one alone (C = 1, unweighted, one matrix): less is better. Fits are
timed, scores are not; each time is the lowest of three (scikit-learn: of one).
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info

from engine.kinds.classification import KIND as CLASSES
from engine.methods.probes.base import Batch, Request
from engine.methods.probes.logistic_head import fit_many


def features(rows, width, rng):
    """Correlated features, standardized, shape (N, H)."""
    axes = np.linalg.qr(rng.normal(size=(width, width)))[0] / np.sqrt(np.arange(1, width + 1))
    X = rng.normal(size=(rows, width)) @ axes.T
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)


def labels(X, rng):
    """A quarter positive, from a third of the features and noise."""
    logits = X[:, ::3] @ rng.normal(size=X[:, ::3].shape[1])
    logits = logits / logits.std() + rng.logistic(size=len(X)) / 2
    return (logits > np.quantile(logits, 0.75)).astype(np.int64)


def configurations(designs):
    """64 of (design, C, class weight)."""
    strengths = np.logspace(-4, 2, 32 // len(designs))
    return [(X, C, w) for X in designs for C in strengths for w in ("none", "balanced")]


def weights(y, name):
    counts = np.bincount(y)
    return None if name == "none" else len(y) / (2 * counts[y])


def ours(chosen, y):
    requests = tuple(Request({"C": C}, CLASSES, y, np.arange(len(y)), 0) for _, C, _ in chosen)
    designs = tuple(X for X, _, _ in chosen)
    return fit_many(Batch(requests, designs, y, tuple(weights(y, w) for _, _, w in chosen)))


def theirs(chosen, y):
    return [
        LogisticRegression(C=C, max_iter=1000).fit(X, y, sample_weight=weights(y, weight))
        for X, C, weight in chosen
    ]


def scores(models, chosen):
    return [model.predict_proba(X)[:, 1] for model, (X, _, _) in zip(models, chosen, strict=True)]


def timed(function, *arguments, repeats):
    """Result and lowest wall and processor time of some runs."""
    wall, processor = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        result = function(*arguments)
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    return result, min(wall), min(processor)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small matrices, under a minute")
    quick = parser.parse_args().quick
    shapes = [(2000, 256)] if quick else [(2000, 256), (5000, 768)]
    warnings.simplefilter("ignore")
    threads = max(pool["num_threads"] for pool in threadpool_info())
    ratios = []
    for rows, width in shapes:
        rng = np.random.default_rng(0)
        X = features(rows, width, rng)
        y = labels(X, rng)
        other = (X @ np.linalg.qr(rng.normal(size=(width, width)))[0]).astype(np.float32)
        one = [(X, 1.0, "none")]
        ours(one, y)  # warm
        runs = {
            "one": (ours, one),
            "64": (ours, configurations([X])),
            "64_two_poolings": (ours, configurations([X, other])),
            "sklearn_64": (theirs, configurations([X])),
        }
        times, models = {}, {}
        for name, (function, chosen) in runs.items():
            repeats = 1 if name == "sklearn_64" else 3
            models[name], wall, processor = timed(function, chosen, y, repeats=repeats)
            times[name] = {"wall": wall, "processor": processor}
            told = {"what": name, "rows": rows, "width": width, "threads": threads}
            print(json.dumps(told | {"seconds": wall, "processor_seconds": processor}), flush=True)
        pairs = zip(*(scores(models[n], runs[n][1]) for n in ("64", "sklearn_64")), strict=True)
        gaps = [float(np.abs(a - b).max()) for a, b in pairs]
        print(
            json.dumps(
                {
                    "what": "largest difference from scikit-learn at its tolerance",
                    "value": max(gaps),
                }
            )
        )
        for clock in ("wall", "processor"):
            size = f"{rows}x{width}_{clock}"
            ratios += [
                (f"{above}_over_{below}_{size}", times[above][clock] / times[below][clock])
                for above, below in (
                    ("64", "one"),
                    ("64_two_poolings", "one"),
                    ("sklearn_64", "64"),
                )
            ]
    for name, value in ratios:
        print(f"ratio {name} {value:.2f}")


if __name__ == "__main__":
    main()
