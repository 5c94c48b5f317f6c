"""best/CELL is whole, says where it comes from, and stands for the model that was tested."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.basics.files import file_hash
from engine.methods import methods
from engine.records import TrialRecord, TrialResult
from engine.select.predict import load_best
from engine.select.winners import FitRequest, Winner, final_fits, fit_once, recall_fit
from engine.stages.export import write_best
from engine.trial import refit
from tests.stages.exported import LABELS, STUB, Exported, export

PARAMS = {"pooling": "mean", "weight": 0.5}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)
    return export(tmp_path, "classification", monkeypatch)


def test_the_folder_holds_configuration_model_and_card_and_nothing_else(made: Exported) -> None:
    folder = made.best.folder
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert files == ["README.md", "config.yaml", "model/stub.json"]
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_the_configuration_has_scores_identities_and_hashes(made: Exported) -> None:
    config = yaml.safe_load((made.best.folder / "config.yaml").read_text())
    task = made.run.plan.tasks["mine"]
    assert config["cell"] == "tiny-bert@random/mine/stub"
    assert (config["kind"], config["classes"]) == ("classification", ["low", "mid", "top"])
    assert config["params"] == PARAMS
    assert (config["seed"], config["trial"], config["metric"]) == (3, 1, "auroc")
    assert (config["validation"], config["default_validation"]) == (0.75, None)
    values = made.scores.set_index("seed")["value"].to_dict()
    assert config["test"] == values
    assert list(values) == [3, 1]
    first = made.scores.iloc[0]
    assert config["test_interval"] == [first["ci_low"], first["ci_high"]]
    assert config["task_fingerprint"] == task.fingerprint
    assert config["task_source"]["file_hash"] == task.file_hash
    assert config["files"] == {
        "model/stub.json": file_hash(made.best.folder / "model" / "stub.json")
    }
    assert config["versions"]["numpy"] == np.__version__


def test_the_spec_comes_back_as_it_was_fitted(made: Exported) -> None:
    plan = made.run.plan.cells[0]
    fitted = made.run.spec(plan, PARAMS, 3, 1)
    again = load_best(made.best.folder).spec
    assert again.key == fitted.key
    assert (again.cell, again.encoder, again.task) == (fitted.cell, fitted.encoder, fitted.task)


@pytest.mark.parametrize("kind", LABELS)
def test_the_card_says_what_it_is_and_how_good(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)
    made = export(tmp_path, kind, monkeypatch)
    text = (made.best.folder / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "dnasweep"
    assert kind in yaml.safe_load(front)["tags"]
    value = made.scores.iloc[0]["value"]
    assert f"| test, seed 3 | {value:.4f} (this model;" in body
    assert "## Intended use" in body
    assert made.best.spec.encoder_fingerprint in body
    assert made.best.config["task_source"]["file_hash"] in body
    # Its weights are random.
    assert "Trained on" not in body
    assert ("low, mid, top" in body) == (kind == "classification")
    assert not re.search(r"\bNone\b|\bnan\b", body)


def test_exporting_again_replaces_the_folder(made: Exported) -> None:
    (made.best.folder / "left over").write_text("x")
    plan = made.run.plan.cells[0]
    record = TrialRecord(plan.cell, "k", 2, "t", PARAMS, TrialResult("complete", 0.8))
    write_best(made.run, Winner(plan, record, record), made.scores)
    assert not (made.best.folder / "left over").exists()
    assert [p.name for p in made.best.folder.parent.iterdir()] == [made.best.folder.name]
    config = load_best(made.best.folder).config
    assert (config["trial"], config["default_validation"]) == (2, 0.8)


def test_a_run_that_lost_its_model_fits_it_again_and_one_that_has_it_does_not(
    made: Exported,
) -> None:
    plan = made.run.plan.cells[0]
    spec = made.run.spec(plan, PARAMS, 3)
    request = FitRequest(spec, "tuned", str(made.run.fits), str(made.run.models))
    assert recall_fit(request) is not None
    assert request.model is not None
    (request.model / "stub.json").unlink()
    request.model.rmdir()
    assert recall_fit(request) is None
    assert recall_fit(FitRequest(spec, "default", str(made.run.fits))) is not None
    fit_once(request)
    assert (request.model / "stub.json").is_file()


def test_of_two_requests_of_one_fit_the_one_that_wants_the_model_is_fitted(
    made: Exported, tmp_path: Path
) -> None:
    plan = made.run.plan.cells[0]
    spec = made.run.spec(plan, PARAMS, 9)
    fits, models = str(tmp_path / "f"), str(tmp_path / "m")
    asked = [FitRequest(spec, "default", fits), FitRequest(spec, "tuned", fits, models)]
    done = list(final_fits(asked, lambda some: ((r, fit_once(r)) for r in some)))
    assert sorted(fit.variant for fit in done) == ["default", "tuned"]
    assert len(list(Path(models).iterdir())) == 1


def test_a_fit_keeps_its_state_in_a_folder_until_its_predictions_are_stored(
    made: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refit that is killed is begun again with the same folder; one that is done leaves none."""
    given: list[Path] = []

    def fit(spec, report, checkpoint):
        given.append(checkpoint)
        checkpoint.mkdir(parents=True, exist_ok=True)
        if len(given) == 1:
            raise KeyboardInterrupt
        return STUB.fit(spec, report, checkpoint)

    monkeypatch.setitem(methods(), "stub", replace(STUB, fit=fit))
    spec = made.run.spec(made.run.plan.cells[0], PARAMS, 11)
    request = FitRequest(spec, "tuned", str(tmp_path / "fits"), checkpoints=str(tmp_path / "c"))
    with pytest.raises(KeyboardInterrupt):
        fit_once(request)
    assert given == [tmp_path / "c" / f"refit-{spec.key}"]
    assert given[0].is_dir()
    fit_once(request)
    assert given[1] == given[0]
    assert not given[0].exists()
    assert recall_fit(request) is not None


def test_a_save_that_fails_leaves_nothing_behind(
    made: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise OSError("disk full")

    def fit(*arguments):
        return replace(STUB.fit(*arguments), save=failing)

    monkeypatch.setitem(methods(), "stub", replace(STUB, fit=fit))
    spec = made.run.spec(made.run.plan.cells[0], PARAMS, 3)
    with pytest.raises(OSError, match="disk full"):
        refit(spec, tmp_path / "models" / "key")
    assert list((tmp_path / "models").iterdir()) == []
