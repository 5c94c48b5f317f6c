"""Embeddings kept as CSV, as the original study does, against the store, in one process.

    python benchmarks/store.py [--quick]

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: baseline time / our time. Both
write (N, 768) float32 and read every value back. `store_read` is a read of a probe study: 20 trials
of one process read the same embeddings, of which the first checks their SHA-256 (time per trial);
`store_read_first` is that first one alone.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from engine.basics.files import content_key
from engine.store import Store

WIDTH = 768  # of DNABERT-2
REPEATS = 3
TRIALS = 20


def measure(name: str, run: Callable[[int], object], repeats: int, rows: int):
    """Best of several runs in seconds, printed with what was run; and the last result."""
    seconds = []
    for number in range(repeats):
        start = time.perf_counter()
        result = run(number)
        seconds.append(time.perf_counter() - start)
    best = min(seconds)
    facts = {"rows": rows, "width": WIDTH, "megabytes": round(rows * WIDTH * 4 / 1e6, 1)}
    line = {"name": name, "seconds": round(best, 4), "runs": repeats, **facts}
    print(json.dumps(line), flush=True)
    return best, result


def against_csv(rows: int, folder: Path) -> dict[str, float]:
    """Ratios of writing and reading."""
    embeddings = np.random.default_rng(0).normal(size=(rows, WIDTH)).astype(np.float32)
    store, csv = Store(folder / "store"), folder / "embeddings.csv"
    keys = [content_key(rows, number) for number in range(2 * REPEATS)]

    def read(key: str) -> np.ndarray:
        return np.array((store.load(key) or {})["mean"])

    def trials(number: int) -> np.ndarray:
        for _ in range(TRIALS):
            last = read(keys[REPEATS + number])
        return last

    csv_write, _ = measure(
        "csv_write", lambda _: pd.DataFrame(embeddings).to_csv(csv, index=False), 1, rows
    )
    our_write, _ = measure(
        "store_write", lambda n: store.save(keys[n], {"mean": embeddings}, {}), len(keys), rows
    )
    csv_read, from_csv = measure(
        "csv_read", lambda _: pd.read_csv(csv).to_numpy(np.float32), REPEATS, rows
    )
    our_first, from_store = measure("store_read_first", lambda n: read(keys[n]), REPEATS, rows)
    our_trials, _ = measure(f"store_read_{TRIALS}_trials", trials, REPEATS, rows)
    np.testing.assert_array_equal(from_store, embeddings)
    np.testing.assert_allclose(from_csv, embeddings, rtol=1e-6)
    return {
        "store_write": csv_write / our_write,
        "store_read": csv_read / (our_trials / TRIALS),
        "store_read_first": csv_read / our_first,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    rows = 5_000 if parser.parse_args().quick else 20_000
    with tempfile.TemporaryDirectory() as folder:
        ratios = against_csv(rows, Path(folder))
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.1f}")


if __name__ == "__main__":
    main()
