"""``python -m engine.encoders.pretrain.evaluate NAME --data DIR``: shipped against random weights.

A logistic regression on mean-pooled hidden states; the table goes into the model card.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.basics.errors import UserError
from engine.encoders.base import Encoder
from engine.encoders.registry import load_encoder

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

TASKS = (
    "splice_uci_primate",
    "tf_mouse_0",
    "meth_6ma_drosophila",
    "prom_ecoli_sigma",
    "histone_h3_yeast",
    "ori_yeast",
)
MOST_TRAIN = 4000
BATCH = 32


@dataclass(frozen=True)
class Split:
    """Sequences and labels of a task."""

    train: list[str]
    test: list[str]
    train_labels: Labels
    test_labels: Labels


def read_task(path: Path) -> Split:
    """Read a Parquet file with the columns sequence, label, split; at most 4,000 train rows."""
    if not path.is_file():
        raise UserError(f"data '{path}': no such file; give the folder of the tasks")
    table = pd.read_parquet(path)
    train, test = table[table["split"] == "train"], table[table["split"] == "test"]
    if len(train) > MOST_TRAIN:
        train = train.sample(MOST_TRAIN, random_state=0)
    return Split(
        list(train["sequence"]),
        list(test["sequence"]),
        train["label"].to_numpy(dtype=np.int64),
        test["label"].to_numpy(dtype=np.int64),
    )


def mean_states(encoder: Encoder, sequences: list[str]) -> Floats:
    """Mean hidden state over the tokens that stand for bases, shape (N, H)."""
    pooled = []
    with torch.inference_mode():
        for start in range(0, len(sequences), BATCH):
            tokens = encoder.tokenize(sequences[start : start + BATCH])
            hidden = encoder(tokens.input_ids, tokens.attention_mask)
            weight = (1 - tokens.special_tokens_mask)[..., None].to(hidden.dtype)
            pooled.append((hidden * weight).sum(1) / weight.sum(1).clamp(min=1))
    values: Floats = torch.cat(pooled).numpy()
    return values


def probe_auroc(train: Floats, test: Floats, split: Split) -> float:
    """Test AUROC of a logistic regression whose C is tuned on a fifth of the train rows.

    With more classes, the mean one-against-rest AUROC over the classes that the test set has.
    """

    def fit(C: float, x: Floats, y: Labels) -> Pipeline:
        return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000)).fit(x, y)

    def auroc(model: Any, x: Floats, y: Labels) -> float:
        scores = model.predict_proba(x)
        if scores.shape[1] == 2:
            return float(roc_auc_score(y, scores[:, 1]))
        present = [c for c in model.classes_ if 0 < (y == c).sum() < len(y)]
        return float(np.mean([roc_auc_score(y == c, scores[:, c]) for c in present]))

    x_fit, x_val, y_fit, y_val = train_test_split(
        train, split.train_labels, test_size=0.2, stratify=split.train_labels, random_state=0
    )
    best = max(
        (0.001, 0.01, 0.1, 1.0, 10.0), key=lambda C: auroc(fit(C, x_fit, y_fit), x_val, y_val)
    )
    return auroc(fit(best, train, split.train_labels), test, split.test_labels)


def score(name: str, weights: str, seed: int, split: Split) -> float:
    """Test AUROC of an encoder on a task."""
    encoder = load_encoder(name, weights=weights, seed=seed)
    if not isinstance(encoder, Encoder):
        raise UserError(f"encoder '{name}' has no weights; give a network")
    return probe_auroc(mean_states(encoder, split.train), mean_states(encoder, split.test), split)


def table(name: str, data: Path, weights: str, seeds: int, tasks: Sequence[str] = TASKS) -> str:
    """Markdown table: a line per task."""
    lines = [
        "| task | pre-trained | random weights (mean ± sd) | difference |",
        "|---|---|---|---|",
    ]
    for task in tasks:
        split = read_task(data / f"{task}.parquet")
        trained = score(name, weights, 0, split)
        random = [score(name, "random", seed, split) for seed in range(seeds)]
        mean, sd = np.mean(random), np.std(random, ddof=1)
        lines.append(f"| {task} | {trained:.3f} | {mean:.3f} ± {sd:.3f} | {trained - mean:+.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tasks' Parquet")
    parser.add_argument("--weights", default="hub", help="'hub' or a folder")
    parser.add_argument("--seeds", type=int, default=5, help="random networks per task")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(table(args.name, args.data, args.weights, args.seeds))


if __name__ == "__main__":
    main()
