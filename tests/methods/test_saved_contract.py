"""Every method that can be loaded: a saved model scores the test split as the fitted one did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.embedding.stored import PrepareRequest, prepare
from engine.kinds import kinds
from engine.methods import methods
from engine.records import Cell, EncoderSpec, TaskSpec, TrialSpec
from engine.tasks import load_task
from engine.trial import refit

#: Files that a model may consist of; a pickle is none of them.
SUFFIXES = {".json", ".safetensors", ".skops", ".md", ".ubj"}
LABELS: dict[str, Callable[[int], str]] = {
    "classification": lambda i: "abc"[i % 3],
    "multilabel": lambda i: ("a;" if i % 2 else "") + ("b" if i % 3 else "") or ";",
    "regression": lambda i: repr(0.25 * i),
}
#: What the fast suite looks at: one method of each sort.
FAST = ("probe", "lora")
CASES = [
    pytest.param(
        method.name,
        kind,
        id=f"{method.name}-{kind}",
        marks=[] if method.name in FAST else [pytest.mark.slow],
    )
    for method in methods().values()
    if method.load
    for kind, known in kinds().items()
    if method.fits(known)
]


@pytest.fixture
def spec_of(tmp_path: Path) -> Callable[[str, str], TrialSpec]:
    """A trial of a method on 60 random sequences of one kind of labels, all splits embedded."""

    def make(name: str, kind: str) -> TrialSpec:
        rng = np.random.default_rng(0)
        rows = [
            f"{''.join(rng.choice(list('ACGT'), 24 + i % 5))},{LABELS[kind](i)},{split}"
            for i in range(60)
            for split in [("train", "train", "train", "validation", "test")[i // 3 % 5]]
        ]
        (tmp_path / "mine.csv").write_text("sequence,label,split\n" + "\n".join(rows) + "\n")
        task = TaskSpec("mine", str(tmp_path / "mine.csv"))
        assert load_task(task).kind.name == kind
        encoder = EncoderSpec("tiny-bert", "tiny-bert", "random")
        splits = ("train", "validation", "test")
        request = PrepareRequest(
            encoder, task, load_task(task).fingerprint, ("mean",), (-1,), splits
        )
        prepared = prepare(request, str(tmp_path / "store"))
        method = methods()[name]
        small = {"epochs": 1, "batch_size": 16} if method.needs == "network" else {}
        return TrialSpec(
            cell=Cell("tiny-bert", "mine", name),
            number=0,
            method=name,
            params={"pooling": "mean"} | {k: v for k, v in small.items() if k in method.parameters},
            encoder=encoder,
            task=task,
            encoder_fingerprint=prepared.encoder_fingerprint,
            task_fingerprint=request.task_fingerprint,
            metric="spearman" if kind == "regression" else "auroc",
            seed=0,
            store=str(tmp_path / "store"),
            embeddings=prepared.embeddings if method.needs == "embeddings" else {},
        )

    return make


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_loaded_model_scores_as_the_fitted_one(
    name: str, kind: str, spec_of: Callable[[str, str], TrialSpec], tmp_path: Path
) -> None:
    spec = spec_of(name, kind)
    fitted = refit(spec, tmp_path / "model")
    load = methods()[name].load
    assert load is not None
    score = load(tmp_path / "model", spec)
    sequences = load_task(spec.task).unseal_test().sequences
    np.testing.assert_allclose(score(sequences), fitted.test, atol=1e-5)
    # What a sequence scores does not depend on what it is scored with.
    np.testing.assert_allclose(score(sequences[3:5]), fitted.test[3:5], atol=1e-5)
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} <= SUFFIXES
