"""A whole study of a regression and a multilabel task, on a Ray of its own; its winners predict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from engine.select.predict import predict
from engine.tasks import load_task
from tests.conftest import REPOSITORY, Run
from tests.stages.small_study import ONE_WORKER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 150
STUDY = """
name: kinds
encoders: [kmer, {name: tiny-bert, weights: random}]
tasks: [{path: content.csv}, {path: motifs.csv}]
methods:
  probe:
    method: probe
    parameters: {pooling: {choice: [mean, max]}, C: {loguniform: [0.01, 10]}}
    default: {pooling: mean, C: 1.0}
trials_per_cell: 2
seeds: [0]
tracking: {enabled: false}
"""
MOTIFS = {"tata": "TATAAT", "caat": "GGCCAATCT", "gc": "GGGCGG"}


def write_data(folder: Path) -> None:
    """The share of G and C of a sequence, and which motifs stand in it."""
    rng = np.random.default_rng(0)
    content, motifs = ["sequence,label"], ["sequence,label"]
    for _ in range(ROWS):
        share = rng.uniform(0.2, 0.8)
        half = [(1 - share) / 2, share / 2]
        sequence = "".join(rng.choice(list("ACGT"), 60, p=[half[0], half[1], half[1], half[0]]))
        content.append(f"{sequence},{(sequence.count('G') + sequence.count('C')) / 60!r}")
        held = [name for name in MOTIFS if rng.random() < 0.4]
        letters = rng.choice(list("ACGT"), 60)
        for place, name in enumerate(held):
            motif = MOTIFS[name]
            letters[20 * place : 20 * place + len(motif)] = list(motif)
        motifs.append(f"{''.join(letters)},{';'.join(held) or ';'}")
    (folder / "content.csv").write_text("\n".join(content))
    (folder / "motifs.csv").write_text("\n".join(motifs))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    write_data(folder)
    (folder / "kinds.yaml").write_text(STUDY)
    done = subprocess.run(
        [sys.executable, REPOSITORY / "run_search.py", "kinds.yaml", "--out", "out", *ONE_WORKER],
        cwd=folder, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "content, test Spearman's rho" in done.stdout
    assert "motifs, test AUROC" in done.stdout
    return folder


def predictions(folder: Path, task: str) -> pd.DataFrame:
    table = pd.read_parquet(folder / "out" / "predictions.parquet")
    chosen = table[table["cell"].str.split("/").str[1] == task]
    return chosen[(chosen["variant"] == "tuned") & (chosen["seed"] == 0)]


def test_scores_are_those_of_the_predictions(finished: Path) -> None:
    scores = pd.read_csv(finished / "out" / "scores.csv")
    first = scores[(scores["variant"] == "tuned") & (scores["seed"] == 0)].set_index("cell")
    for cell, rows in predictions(finished, "content").groupby("cell"):
        expected = spearmanr(rows["label"], rows["score_0"]).statistic
        assert first.loc[cell, "value"] == pytest.approx(expected)
        assert (first.loc[cell, "metric"], first.loc[cell, "spearman"]) == (
            "spearman",
            first.loc[cell, "value"],
        )
    for cell, rows in predictions(finished, "motifs").groupby("cell"):
        truth, said = (rows[[f"{name}_{k}" for k in range(3)]] for name in ("label", "score"))
        assert first.loc[cell, "value"] == pytest.approx(roc_auc_score(truth, said))
    # What GC content is, k-mers tell.
    assert first.loc["kmer/content/probe", "value"] > 0.9
    comparisons = pd.read_csv(finished / "out" / "comparisons.csv")
    assert set(comparisons["test"]) == {"paired bootstrap"}
    assert comparisons["p"].notna().all()


def test_the_report_names_the_kinds(finished: Path) -> None:
    text = (finished / "out" / "report.md").read_text()
    assert "Spearman's rho" in text
    assert "caat, gc, tata" in text


@pytest.mark.parametrize("encoder", ["kmer", "tiny-bert@random"])
@pytest.mark.parametrize("task", ["content", "motifs"])
def test_an_exported_winner_predicts_what_the_run_did(
    encoder: str, task: str, finished: Path
) -> None:
    test = load_task(str(finished / f"{task}.csv")).unseal_test()
    predicted = predict(finished / "out" / "best" / f"{encoder}--{task}--probe", test.sequences)
    run = predictions(finished, task)
    run = run[run["cell"] == f"{encoder}/{task}/probe"].set_index("id").loc[list(test.ids)]
    expected = run[[f"score_{k}" for k in range(predicted.scores.shape[1])]].to_numpy()
    np.testing.assert_allclose(predicted.scores, expected, atol=1e-5)


def test_status_and_best_look_at_the_finished_run(
    finished: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    status, best = run_here("status", "out"), run_here("best", "out")
    assert (status.code, best.code) == (0, 0)
    assert status.out.count("2/2") == 4
    assert "out/best/kmer--content--probe" in best.out
