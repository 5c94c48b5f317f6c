"""A small task whose classes differ by a motif, and specs on it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.embedding.stored import fingerprint
from engine.encoders import load_encoder
from engine.records import Cell, EncoderSpec, TaskSpec, TrialSpec
from engine.tasks import load_task

LETTERS = np.array(list("ACGT"))


@pytest.fixture(scope="session")
def motif_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """180 sequences of 30 to 48 bases; class 1 carries TATAAT three times."""
    rng = np.random.default_rng(0)
    lines = ["id,sequence,label,split"]
    for row in range(180):
        letters = rng.choice(LETTERS, size=30 + 6 * int(rng.integers(4)))
        label = row % 2
        if label:
            letters[6:24] = list("TATAAT" * 3)
        split = ("train", "train", "train", "validation", "test")[(row // 2) % 5]
        lines.append(f"r{row},{''.join(letters)},{label},{split}")
    path = tmp_path_factory.mktemp("data") / "motif.csv"
    path.write_text("\n".join(lines))
    return path


@cache
def identity(encoder: EncoderSpec) -> str:
    """Which weights a study's spec would tell of; features are prepared where they are read."""
    if encoder.weights != "random":
        return "e"
    loaded = load_encoder(encoder.card, weights=encoder.weights, seed=encoder.seed)
    return fingerprint(loaded, encoder)


@pytest.fixture
def spec_of(motif_file: Path, tmp_path: Path) -> Callable[..., TrialSpec]:
    def make(
        method: str, params: dict[str, Any], encoder: str = "tiny-bert", **more: Any
    ) -> TrialSpec:
        task = TaskSpec("motif", str(motif_file))
        weights = "random" if encoder.startswith("tiny") else "hub"
        known = EncoderSpec(encoder, encoder, weights)
        fields = {
            "cell": Cell(encoder, "motif", method),
            "number": 0,
            "method": method,
            "params": params,
            "encoder": known,
            "task": task,
            "encoder_fingerprint": identity(known),
            "task_fingerprint": load_task(task).fingerprint,
            "metric": "auroc",
            "seed": 0,
            "store": str(tmp_path / "store"),
        }
        return TrialSpec(**(fields | more))

    return make
