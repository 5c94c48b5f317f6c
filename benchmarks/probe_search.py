"""A probe search that embeds once, against one whose every trial embeds and then fits.

    python benchmarks/probe_search.py [--quick] [--task FILE] [--encoder NAME] [--space FILE]

64 trials on tf_human_0 (33,378 sequences of 101 bases), where the file is, else on the shipped
splice junctions. Ours is the command itself, from its first embedding to its last trial. The naive
form is not run to its end: it embeds a slice of the train and validation rows in this process, with
the same batches and one pooling; that time is scaled to all rows and trials, and the fits of our
own run are added (fitted together, so that they take less than they would alone), spread over as
many workers. Prints one JSON object per measurement and, last, `ratio NAME VALUE`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

from engine.embedding.embed import embed
from engine.encoders import load_encoder
from engine.plan.paths import PROJECT
from engine.tasks import load_task

REAL = PROJECT.parent / "shared" / "data" / "tf_human_0.parquet"
SLICE = 1024


def search(
    task: str, encoder: str, space: str, trials: int, folder: Path
) -> tuple[dict, pd.DataFrame]:
    """Run the command; its stages' seconds and its trials."""
    study = {
        "name": "probe_search",
        "encoders": [encoder],
        "tasks": [{"path": task} if task.endswith(".parquet") else task],
        "methods": {"probe": space},
        "trials_per_cell": trials,
        "seeds": [0],
        "tracking": {"enabled": False},
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study))
    out = folder / "out"
    subprocess.run(
        [sys.executable, str(PROJECT / "run_search.py"), str(file), "--out", str(out)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    manifest = json.loads((out / "manifest.json").read_text())
    return manifest["stages"], pd.read_parquet(out / "trials.parquet")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute on two cores")
    parser.add_argument("--task", default=str(REAL) if REAL.is_file() else "splice_junctions")
    parser.add_argument("--encoder", default="tiny-hyena")
    parser.add_argument("--space", default=str(PROJECT / "search_spaces/probes/logistic_head.yaml"))
    given = parser.parse_args()
    task_name = "splice_junctions" if given.quick else given.task
    trials = 16 if given.quick else 64
    task = load_task(task_name)
    sequences = [*task.train.sequences, *task.validation.sequences]
    encoder = load_encoder(given.encoder)
    embed(encoder, sequences[:64])
    started = time.perf_counter()
    embed(encoder, sequences[:SLICE])
    embed_all = (time.perf_counter() - started) / min(SLICE, len(sequences)) * len(sequences)
    with tempfile.TemporaryDirectory() as folder:
        stages, table = search(task_name, given.encoder, given.space, trials, Path(folder))
    ran = table[table["duplicate_of"].isna()]
    workers = 2
    naive = (len(ran) * embed_all + ran["seconds"].sum()) / workers
    ours = stages["embed"] + stages["search"]
    rows = {"task": task.name, "rows": len(sequences), "encoder": given.encoder}
    print(json.dumps({
        "name": "naive", **rows, "trials": len(ran), "seconds": round(naive, 1),
        "embed_once": round(embed_all, 1), "measured_rows": min(SLICE, len(sequences)),
        "workers": workers,
    }))  # fmt: skip
    print(json.dumps({
        "name": "dnasweep", **rows, "trials": len(ran), "seconds": round(ours, 1),
        "embed": stages["embed"], "search": stages["search"],
        "fits": round(float(ran["seconds"].sum()), 1),
    }))  # fmt: skip
    print(f"ratio probe_search {naive / ours:.2f}")


if __name__ == "__main__":
    main()
