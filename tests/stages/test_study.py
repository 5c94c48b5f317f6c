"""A whole study on a Ray of its own: what it leaves, what a second run repeats."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from engine.plan.cells import make_plan
from engine.plan.study import load_study
from tests.conftest import Run
from tests.stages.small_study import ONE_WORKER, command, run, trial_files

#: A study takes a minute on a quiet machine; beside another one, several.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("study")
    done = run(folder, *ONE_WORKER)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_run_leaves_what_the_design_lists(finished: tuple[Path, str]) -> None:
    out = finished[0] / "out"
    names = {
        "study.yaml", "manifest.json", "trials.parquet", "predictions.parquet", "scores.csv",
        "comparisons.csv", "embeddings.csv", "embedding_map.parquet", "report.html", "report.md",
        "figures", "best", "run.log", "search.json",
    }  # fmt: skip
    assert names <= {p.name for p in out.iterdir()}
    cells = {"onehot--promoters_ecoli--probe", "tiny-bert@random--promoters_ecoli--probe",
             "tiny-bert@random--promoters_ecoli--bitfit"}  # fmt: skip
    assert {p.name for p in (out / "best").iterdir()} == cells
    for cell in cells:
        files = {p.name for p in (out / "best" / cell).iterdir()}
        assert {"config.yaml", "README.md"} <= files


def test_the_screen_ends_with_the_answer_and_the_paths(finished: tuple[Path, str]) -> None:
    folder, screen = finished
    assert "promoters_ecoli, test AUROC" in screen
    assert str(folder / "out" / "report.html") in screen
    assert "skipped: onehot has no network that bitfit could adapt" in screen


def test_every_trial_of_every_cell_has_its_row(finished: tuple[Path, str]) -> None:
    trials = pd.read_parquet(finished[0] / "out" / "trials.parquet")
    assert trials.groupby("cell")["number"].apply(list).tolist() == [[0, 1, 2]] * 3
    assert trials["status"].isin(["complete", "pruned"]).all(), trials["error"].tolist()


def test_the_test_split_is_scored_by_every_seed(finished: tuple[Path, str]) -> None:
    out = finished[0] / "out"
    predictions = pd.read_parquet(out / "predictions.parquet")
    counts = predictions.groupby(["cell", "variant", "seed"]).size()
    assert (counts == 22).all()
    assert set(predictions.loc[predictions["variant"] == "tuned", "seed"]) == {0, 1}
    scores = pd.read_csv(out / "scores.csv")
    assert scores["value"].between(0, 1).all()
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest["unsealed"]) == {"promoters_ecoli"}
    assert manifest["forwards"] == 2 * 106, "each probed encoder read each sequence once"


def test_every_stored_representation_is_measured_without_a_classifier(
    finished: tuple[Path, str],
) -> None:
    out = finished[0] / "out"
    table = pd.read_csv(out / "embeddings.csv")
    found = table[["encoder", "pooling", "layer"]].itertuples(index=False, name=None)
    assert set(found) == {("onehot", "features", -1)} | {
        ("tiny-bert@random", pooling, -1) for pooling in ("max", "mean", "summary")
    }
    train = json.loads((out / "manifest.json").read_text())["tasks"]["promoters_ecoli"]["n_train"]
    assert (table["n_rows"] == train).all()
    assert table["knn_purity"].between(0, 1).all()
    places = pd.read_parquet(out / "embedding_map.parquet")
    assert (places.groupby(["encoder", "pooling"]).size() == train).all()
    assert 'id="embeddings"' in (out / "report.html").read_text()


def test_the_resolved_study_is_a_study_again(
    finished: tuple[Path, str], in_repository: Path
) -> None:
    resolved = finished[0] / "out" / "study.yaml"
    assert yaml.safe_load(resolved.read_text())["methods"]["probe"]["method"] == "probe"
    given = make_plan(load_study(finished[0] / "small.yaml"))
    assert [p.cell for p in make_plan(load_study(resolved)).cells] == [p.cell for p in given.cells]


def test_a_second_run_does_nothing_again(
    finished: tuple[Path, str], in_repository: Path, run_here: Run
) -> None:
    folder, _ = finished
    before = trial_files(folder)
    fits = sorted((folder / "out" / "fits").rglob("*.npy"))
    stamps = [p.stat().st_mtime for p in fits]
    done = run_here(*command(folder)[2:])
    assert done.code == 0, done.err
    assert trial_files(folder) == before
    assert [p.stat().st_mtime for p in fits] == stamps
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["forwards"] == 0
    assert manifest["nodes"] == 0, "no Ray was started"


def test_more_trials_go_on_from_those_that_are_done(
    finished: tuple[Path, str], in_repository: Path, run_here: Run
) -> None:
    folder, _ = finished
    before = trial_files(folder)
    done = run_here(*command(folder, "--set", "trials_per_cell=4", *ONE_WORKER)[2:])
    assert done.code == 0, done.err
    after = trial_files(folder)
    assert len(after) == len(before) + 3
    assert {name: after[name] for name in before} == before
