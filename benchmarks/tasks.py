"""A file of labelled sequences read as a script reads it, against a checked and split task.

    python benchmarks/tasks.py [--quick]

Prints one JSON object per measurement and, last, `ratio NAME VALUE`: baseline time / our time. The
baseline reads the table with pandas, checks the letters, drops rows that are there twice and splits
with scikit-learn, by label. The task also keeps groups and reverse complements on one side,
balances labels over the splits, and makes the fingerprint by which trials are kept.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.model_selection import train_test_split

from engine.tasks import load_task

BASES = 300
REPEATS = 3


def write(rows: int, file: Path) -> None:
    chance = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)[chance.integers(0, 4, (rows, BASES))]
    sequences = [row.tobytes().decode() for row in letters]
    pq.write_table(pa.table({"sequence": sequences, "label": np.arange(rows) % 2}), file)


def as_a_script(file: Path) -> list[pd.DataFrame]:
    table = pd.read_parquet(file).drop_duplicates("sequence")
    wrong = ~table["sequence"].str.fullmatch("[ACGTN]+")
    if wrong.any():
        raise ValueError(f"{wrong.sum()} sequences with other letters")
    train, rest = train_test_split(table, test_size=0.3, stratify=table["label"], random_state=0)
    return [train, *train_test_split(rest, test_size=0.5, stratify=rest["label"], random_state=0)]


def measure(name: str, run: Callable[[], object], rows: int) -> float:
    """Best of several runs in seconds, printed with what was run."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    line = {"name": name, "seconds": round(min(seconds), 3), "rows": rows, "bases": BASES}
    print(json.dumps(line), flush=True)
    return min(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    rows = 50_000 if parser.parse_args().quick else 500_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.parquet"
        write(rows, file)
        theirs = measure("script", lambda: as_a_script(file), rows)
        ours = measure("task", lambda: load_task(str(file)), rows)
    print(f"ratio task_load {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
