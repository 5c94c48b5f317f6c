"""Logistic baselines on real tasks reach what is known of them (docs/results.md)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.embedding.stored import PrepareRequest, prepare
from engine.methods.probe import fit_many
from engine.metrics import compute
from engine.records import Cell, EncoderSpec, TaskSpec, TrialSpec
from engine.tasks import load_task

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoder", "least"),
    [
        ("meth_5hmc_human", "onehot", 0.95),
        ("splice_uci_primate", "onehot", 0.97),
        ("tf_human_0", "kmer5", 0.86),
    ],
)
def test_the_best_of_eight_strengths_on_validation_reaches_its_mark_on_test(
    name: str, encoder: str, least: float, tmp_path: Path
) -> None:
    file = SHARED / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"{file} is absent")
    task = TaskSpec(name, str(file))
    loaded = load_task(task)
    splits = ("train", "validation", "test")
    request = PrepareRequest(
        EncoderSpec(encoder, encoder), task, loaded.fingerprint, ("features",), (-1,), splits
    )
    prepared = prepare(request, str(tmp_path))
    spec = TrialSpec(
        cell=Cell(encoder, name, "probe"),
        number=0,
        method="probe",
        params={},
        encoder=request.encoder,
        task=task,
        encoder_fingerprint=prepared.encoder_fingerprint,
        task_fingerprint=loaded.fingerprint,
        metric="auroc",
        seed=0,
        store=str(tmp_path),
        embeddings=prepared.embeddings,
    )
    params = {"pooling": "features", "classifier": "logistic_head"}
    strengths = np.logspace(-5, 1, 8)
    fits = fit_many([replace(spec, params={**params, "C": float(C)}) for C in strengths])
    best = max(fits, key=lambda fitted: fitted.curve[0])
    score = compute("auroc", loaded.unseal_test().labels, best.test(), loaded.kind)
    print(f"{encoder} {name}: validation {best.curve[0]:.4f}, test {score:.4f}")
    assert score >= least
