"""A finished study made of chosen numbers, so that tests can expect closed-form values.

A cell's tuned models score ``mean - SPREAD, mean, mean + SPREAD`` with seeds 0, 1, 2: the mean over
seeds is ``mean`` and the standard deviation is ``SPREAD``. Its untuned models, of seeds 0 and 1,
score ``GAIN`` less. A difference of two models has the standard error ``SE``.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from engine.report import ReportPaths, write_report
from engine.report.facts import across
from engine.report.figures.drawing import Album, Drawing, Picture
from engine.report.finished_run import read_run
from tests.report import over_tasks as three_models

SPREAD = 0.004
GAIN = 0.02
SE = 0.006
SEEDS = (0, 1, 2)
SPLICE, PROMOTERS = "splice_junctions", "promoters"
CELLS = {
    ("tiny-bert", "lora"): (0.972, 0.951),
    ("tiny-hyena", "lora"): (0.966, 0.902),
    ("kmer", "probe"): (0.871, 0.958),
    ("onehot", "probe"): (0.969, 0.949),
    ("tiny-bert", "probe"): (0.938, 0.944),
    ("tiny-hyena", "probe"): (0.921, 0.915),
    ("tiny-bert-random", "probe"): (0.812, 0.781),
}
Cells = dict[tuple[str, str], tuple[float, ...]]


@dataclass(frozen=True)
class Truth:
    """The numbers behind the demo run; a cell's two means are of `splice` and `promoters`."""

    splice: str
    promoters: str
    spread: float
    gain: float
    half_interval: float
    cells: Cells


def holm(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p)
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1)
    return result


def score_rows(cells: Cells, tasks: list[str], metric: str) -> pd.DataFrame:
    rows = []
    for place, task in enumerate(tasks):
        for (encoder, method), means in cells.items():
            for variant, lost, seeds in (("tuned", 0.0, SEEDS), ("default", GAIN, SEEDS[:2])):
                for seed in seeds:
                    value = means[place] - lost + (seed - 1) * SPREAD
                    rows.append(
                        {
                            "cell": f"{encoder}/{task}/{method}",
                            "encoder": encoder,
                            "task": task,
                            "method": method,
                            "seed": seed,
                            "variant": variant,
                            "metric": metric,
                            "validation": means[place] + 0.01 - lost,
                            "value": value,
                            "ci_low": value - 0.012,
                            "ci_high": value + 0.010,
                            "auroc": value,
                            "auprc": value - 0.03,
                            "mcc": value - 0.15,
                            "f1": value - 0.08,
                            "accuracy": value - 0.07,
                            "n_test": 638,
                            "seconds": 21.5 if method == "lora" else 0.8,
                            "trainable_parameters": 41_474 if method == "lora" else 387,
                        }
                    )
    return pd.DataFrame(rows)


def comparison_rows(scores: pd.DataFrame) -> pd.DataFrame:
    first = scores[(scores["variant"] == "tuned") & (scores["seed"] == 0)]
    tables = []
    for task, models in first.groupby("task", sort=False):
        rows = []
        cells = models[["cell", "value"]].to_numpy()
        for i, (cell_a, value_a) in enumerate(cells):
            for cell_b, value_b in cells[i + 1 :]:
                delta = value_a - value_b
                z = delta / SE
                p = math.erfc(abs(z) / math.sqrt(2))
                rows.append(
                    {
                        "task": task,
                        "cell_a": cell_a,
                        "cell_b": cell_b,
                        "metric": models["metric"].iloc[0],
                        "test": "DeLong",
                        "seed": 0,
                        "value_a": value_a,
                        "value_b": value_b,
                        "delta": delta,
                        "ci_low": delta - 1.959964 * SE,
                        "ci_high": delta + 1.959964 * SE,
                        "z": z,
                        "p": p,
                        "log10_p": math.log10(p),
                    }
                )
        table = pd.DataFrame(rows)
        if len(table):
            table["p_adjusted"] = holm(table["p"].to_numpy())
            table["correction"] = "holm"
            table["family"] = "per_task"
            table["seeds_agree"] = "3/3"
            table["verdict"] = np.where(
                table["p_adjusted"] < 0.05, "significant", "not significant"
            )
            table["claim"] = "fitted models of seed 0"
            tables.append(table)
    return pd.concat(tables) if tables else pd.DataFrame()


def trial_rows(cells: Cells, tasks: list[str], per_cell: int) -> pd.DataFrame:
    random = np.random.default_rng(7)
    rows = []
    for place, task in enumerate(tasks):
        for (encoder, method), means in cells.items():
            top = means[place] + 0.01
            winner = random.integers(1, per_cell)
            for number in range(per_cell):
                status = "complete"
                if number == 0:
                    value = top - GAIN
                elif number == winner:
                    value = top
                else:
                    value = top - 0.002 - random.gamma(1.2, 0.02)
                    kinds = ["complete", "pruned", "failed"]
                    odds = [0.5, 0.45, 0.05] if method == "lora" else [0.97, 0.0, 0.03]
                    status = str(random.choice(kinds, p=odds))
                rows.append(
                    {
                        "cell": f"{encoder}/{task}/{method}",
                        "encoder": encoder,
                        "task": task,
                        "method": method,
                        "number": number,
                        "status": status,
                        "score": math.nan if status == "failed" else value,
                        "is_default": number == 0,
                        "params": json.dumps({"learning_rate": 0.001, "pooling": "mean"}),
                        "curve": json.dumps([value - 0.1, value]),
                        "epochs": 6 if method == "lora" else 0,
                        "seconds": 14.2 if method == "lora" else 0.4,
                        "trainable_parameters": 41_474 if method == "lora" else 387,
                        "error": "CUDA out of memory" if status == "failed" else "",
                    }
                )
    return pd.DataFrame(rows)


def encoder_fact(name: str) -> dict[str, object]:
    baseline = name in ("kmer", "onehot")
    return {
        "family": "baseline" if baseline else name.split("-")[1] if "-" in name else "network",
        "weights": "none" if baseline else "random" if "random" in name else "shipped",
        "weights_hash": "" if baseline else "9f2c4e7710ab5533d0c1" + "0" * 44,
        "parameters": 0 if baseline else 1_254_912,
        "hidden_size": 256 if name == "kmer" else 240 if baseline else 128,
        "tokens": "base" if "hyena" in name or name == "onehot" else "6-mer",
        "licence": "Apache-2.0",
        "source": "shipped with dnasweep",
        "citation": "This repository." if not baseline else "",
        "truncated": {SPLICE: 12} if name == "tiny-bert" else {},
    }


def task_fact(name: str, metric: str) -> dict[str, object]:
    known = {
        SPLICE: "Splice-junction gene sequences (primates)",
        PROMOTERS: "Promoter gene sequences (E. coli)",
    }
    promoters = name == PROMOTERS
    return {
        "title": known.get(name, name),
        "source": "UCI Machine Learning Repository, by way of Debian r-cran-mlbench",
        "licence": "CC BY 4.0",
        "citation": "Towell G, Noordewier M. Molecular Biology (Splice-junction Gene Sequences). "
        "UCI Machine Learning Repository, 1991. doi:10.24432/C5M888",
        "metric": metric,
        "fingerprint": "4be0c1d2a9f35e71" * 4,
        "n_train": 2233,
        "n_validation": 319,
        "n_test": 638,
        "classes": ["negative", "promoter"] if promoters else ["EI", "IE", "N"],
        "counts": {
            "train": {"EI": 537, "IE": 538, "N": 1158},
            "validation": {"EI": 77, "IE": 77, "N": 165},
            "test": {"EI": 153, "IE": 153, "N": 332},
        },
        "max_bases": 60,
        "warnings": ["3 test sequences are reverse complements of train sequences; left out."]
        if promoters
        else [],
    }


def write_run(
    folder: Path,
    cells: Cells = CELLS,
    tasks: tuple[str, ...] = (SPLICE, PROMOTERS),
    metric: str = "auroc",
    per_cell: int = 12,
) -> Path:
    """Write a whole OUT folder with chosen means per cell and task."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(tasks)
    encoders = list(dict.fromkeys(encoder for encoder, _ in cells))
    scores = score_rows(cells, names, metric)
    study = {
        "name": "demo",
        "encoders": encoders,
        "tasks": names,
        "methods": {"probe": "search_spaces/probe.yaml", "lora": "search_spaces/lora.yaml"},
        "metric": metric,
        "trials_per_cell": per_cell,
        "seeds": list(SEEDS),
        "compare": {"family": "per_task", "correction": "holm", "equivalence_margin": 0.01},
    }
    trials = trial_rows(cells, names, per_cell)
    failed = trials[trials["status"] == "failed"]
    manifest = {
        "dnasweep": "0.1.0",
        "study": "demo",
        "created": "2026-11-22T12:41:07+00:00",
        "finished": "2026-11-22T12:44:31+00:00",
        "command": "python run_search.py studies/demo.yaml",
        "git_commit": "e92278a1c0ffee00aa55bb66cc77dd88ee99ff00",
        "versions": {"python": "3.11.2", "torch": "2.13.0", "ray": "2.60.0", "optuna": "5.0.0"}
        | {"peft": "0.21.2", "scikit-learn": "1.9.1", "mlflow": "3.17.2", "numpy": "2.4.6"},
        "hardware": {"cpu": "AMD EPYC 7B13", "cores": 2, "memory_gb": 15.6, "gpus": []},
        "seeds": list(SEEDS),
        "stages": {"embed": 14.2, "search": 131.0, "select": 47.5, "compare": 1.3},
        "encoders": {name: encoder_fact(name) for name in encoders},
        "tasks": {name: task_fact(name, metric) for name in names},
        "notes": ["Embeddings of 3 encoders were reused from an earlier run."],
        "skipped": [
            {"cell": f"kmer/{names[0]}/lora", "reason": "lora needs a network; kmer is features"}
        ],
        "failures": [
            {"cell": row.cell, "number": row.number, "error": row.error}
            for row in failed.itertuples()
        ],
        "unsealed": dict.fromkeys(names, "2026-11-22T12:43:20+00:00"),
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    trials.to_parquet(folder / "trials.parquet")
    scores.to_csv(folder / "scores.csv", index=False)
    comparison_rows(scores).to_csv(folder / "comparisons.csv", index=False)
    for cell in scores["cell"].unique():
        path = folder / "best" / f"{cell}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        params = {"learning_rate": 0.001, "rank": 8, "pooling": "mean"}
        path.write_text(yaml.safe_dump({"cell": cell, "params": params}))
    return folder


@pytest.fixture(scope="session")
def truth() -> Truth:
    """What the tables must say."""
    return Truth(SPLICE, PROMOTERS, SPREAD, GAIN, 1.959964 * SE, CELLS)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an OUT folder; see `write_run`."""

    def make(**changes: object) -> Path:
        return write_run(tmp_path / "out", **changes)

    return make


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OUT folder of the demo study; tests write nothing but its report into it."""
    return write_run(tmp_path_factory.mktemp("demo") / "out")


@pytest.fixture(scope="session")
def demo_report(demo_run: Path) -> ReportPaths:
    """The demo study's report."""
    return write_report(demo_run)


@pytest.fixture(scope="session")
def over_tasks(tmp_path_factory: pytest.TempPathFactory) -> three_models.OverTasks:
    """A run of seven tasks, which nothing changes, and its models over them."""
    out = tmp_path_factory.mktemp("over") / "out"
    run = read_run(write_run(out, three_models.CELLS, three_models.TASKS, per_cell=2))
    found = across.of_run(run)
    assert found is not None
    return run, found


@pytest.fixture
def unsaved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn and not saved, which is most of a report's time."""

    def add(album: Album, drawing: Drawing, name: str, task: str = "") -> Picture:
        return Picture(name, drawing.title, drawing.caption, "", ())

    monkeypatch.setattr(Album, "add", add)
