"""An exported model scores new sequences as the run scored its test split."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from engine.basics.errors import UserError
from engine.basics.files import file_hash
from engine.encoders import load_encoder
from engine.methods.training.adaptation import Adaptation
from engine.select.predict import load_best, predict, predict_file
from tests.stages.exported import LABELS, STUB, Exported, export, sequences, shares

KINDS = tuple(LABELS)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    return export(tmp_path, "classification", monkeypatch)


@pytest.mark.parametrize("kind", KINDS)
def test_the_test_split_has_the_scores_of_the_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = export(tmp_path, kind, monkeypatch)
    test = made.run.plan.tasks["mine"].unseal_test().sequences
    predicted = predict(made.best.folder, test, batch=4)
    assert (predicted.scores == made.tasks[0].fits[0].scores).all()
    assert made.tasks[0].fits[0].seed == 3
    if kind == "regression":
        assert predicted.predictions == predicted.scores[:, 0].tolist()
    elif kind == "classification":
        named = [made.best.classes[k] for k in predicted.scores.argmax(axis=1)]
        assert predicted.predictions == named
    else:
        for said, row in zip(predicted.predictions, predicted.scores, strict=True):
            assert {c for c in said.split(";") if c} == {
                c for c, score in zip("ab", row, strict=True) if score > 0.5
            }


def test_the_loaded_model_is_the_saved_one(made: Exported) -> None:
    # The saved number decides, not the hyperparameters beside it.
    file = made.best.folder / "model" / "stub.json"
    saved = json.loads(file.read_text()) | {"weight": 2.0}
    file.unlink()
    file.write_text(json.dumps(saved))
    config = yaml.safe_load((made.best.folder / "config.yaml").read_text())
    with pytest.raises(UserError, match=r"stub\.json: is not the file that was written \(SHA-256"):
        predict(made.best, ["ACGT"])
    config["files"] = {"model/stub.json": file_hash(file)}
    (made.best.folder / "config.yaml").write_text(yaml.safe_dump(config))
    expected = shares(["AAAC"], "classification", 3, 2.0)
    assert (predict(made.best.folder, ["AAAC"]).scores == expected).all()


def test_letters_are_read_as_in_a_task(made: Exported) -> None:
    upper = predict(made.best, ["AACCGT", "NACGTR"])
    assert (predict(made.best, [" aaccgu ", "nacgtr"]).scores == upper.scores).all()
    for wrong, words in (
        ("AC-T", "no IUPAC nucleotide stand in row 2"),
        (" ", "is empty in row 2"),
    ):
        with pytest.raises(UserError, match=words):
            predict(made.best, ["ACGT", wrong])
    with pytest.raises(UserError, match="batch is 0; give 1 or more"):
        predict(made.best, ["ACGT"], batch=0)
    assert predict(made.best, []).scores.shape == (0, 3)


FILES = {
    "new.csv": b"sequence,id\nACGT,s1\nAAAC,s2\n",
    "new.tsv": b"id\tother\tsequence\ns1\tx\tACGT\ns2\ty\tAAAC\n",
    "labelled.csv": b"id,sequence,label\ns1,ACGT,low\ns2,AAAC,new\n",
    "new.fa": b">s1 some words|x\nAC\nGT\n>s2\nAAAC\n",
    "new.fa.gz": gzip.compress(b">s1\nACGT\n>s2\naaac\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_format_are_scored_in_their_order(name: str, made: Exported) -> None:
    Path(name).write_bytes(FILES[name])
    table, notes = predict_file(made.best, name)
    assert list(table) == ["id", "prediction", "score_low", "score_mid", "score_top"]
    assert table["id"].tolist() == ["s1", "s2"]
    expected = predict(made.best, ["ACGT", "AAAC"])
    assert (table.filter(like="score_").to_numpy() == expected.scores).all()
    assert table["prediction"].tolist() == expected.predictions
    assert notes == []


def test_rows_without_a_name_are_numbered_and_names_may_repeat(made: Exported) -> None:
    Path("new.fa").write_text(">\nACGT\n>a|b\nAC\n>a|b\nAG\n")
    assert predict_file(made.best, "new.fa")[0]["id"].tolist() == ["row1", "a|b", "a|b"]
    Path("new.csv").write_text("sequence\nACGU\nAC\n")
    table, notes = predict_file(made.best, "new.csv")
    assert table["id"].tolist() == ["row1", "row2"]
    assert notes == ["U (RNA) is read as T; sequences that hold it: 1"]


def test_a_regression_is_a_number_without_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = export(tmp_path, "regression", monkeypatch)
    Path("new.csv").write_text("sequence\nAAAC\n")
    table, _ = predict_file(made.best, "new.csv")
    assert list(table) == ["id", "prediction"]
    assert table["prediction"].tolist() == [0.75 * 5]


@pytest.mark.parametrize(
    ("truncate", "said"), [("start", "only their start"), ("chunk", "windows")]
)
def test_sequences_that_are_too_long_are_counted_and_said(
    truncate: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = export(tmp_path, "classification", monkeypatch, truncate=truncate)
    Path("new.csv").write_text("sequence\nACGT\n" + "ACGT" * 20000 + "\n")
    _, notes = predict_file(made.best, "new.csv")
    (note,) = notes
    assert note.startswith("1 of 2 sequences are longer than tiny-bert@random takes;")
    assert said in note


def not_called(*_: object) -> Any:
    raise AssertionError("a stub adapts nothing")


@pytest.mark.parametrize("taken", [0, 10])
def test_what_a_method_adds_to_a_sequence_takes_room_too(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sequences of as many tokens as the encoder takes, and of ten fewer."""
    adaptation = Adaptation("stub", not_called, not_called, takes=lambda params: taken)
    stub = replace(STUB, adaptation=adaptation)
    made = export(tmp_path, "classification", monkeypatch, stub)
    encoder = load_encoder("tiny-bert", weights="random")
    special = int(encoder.tokenize(["ACGTAC"]).special_tokens_mask.sum())
    longest = encoder.max_tokens - special
    rows = ["ACGTAC" * longest, "ACGTAC" * (longest - 10)]
    assert encoder.tokenize(rows[:1]).input_ids.shape[1] == encoder.max_tokens
    assert predict(made.best, rows).too_long == (1 if taken else 0)


def test_a_baseline_of_positions_tells_what_is_longer_than_what_it_was_fitted_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = replace(STUB, needs="embeddings")
    made = export(tmp_path, "classification", monkeypatch, stub, name="onehot", weights="hub")
    longest = made.best.config["max_bases"]
    Path("new.csv").write_text(f"sequence\n{'A' * longest}\n{'A' * (longest + 1)}\n")
    _, notes = predict_file(made.best, "new.csv")
    assert notes == [
        "1 of 2 sequences are longer than onehot takes; as in the study, only their middle was read"
    ]


def test_a_fault_in_a_later_batch_names_the_row_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(folder: Path, spec: object):
        def score(given):
            if "AAA" in given:
                raise UserError(f"row {given.index('AAA') + 1}: too long")
            return np.full((len(given), 3), 1 / 3)

        return score

    made = export(tmp_path, "classification", monkeypatch, replace(STUB, load=refusing))
    with pytest.raises(UserError, match=r"^row 6: too long"):
        predict(made.best, ["C", "C", "C", "C", "C", "AAA"], batch=4)


def test_a_method_that_keeps_no_model_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*arguments):
        return replace(STUB.fit(*arguments), save=None)

    made = export(tmp_path, "classification", monkeypatch, replace(STUB, fit=fit, load=None))
    assert made.best.config["files"] == {}
    assert not (made.best.folder / "model").exists()
    with pytest.raises(UserError, match="models of the method 'stub' are not kept"):
        predict(made.best, ["ACGT"])


def test_a_wrong_folder_is_one_line_that_says_what_to_do(made: Exported) -> None:
    cases = {
        "out": r"^out: is a run with several models; name one of them, out/best/tiny-bert@random",
        "out/best/tiny-bert@random--mine--stup": "did you mean 'tiny-bert@random--mine--stub'",
        "nowhere": "nowhere: holds no exported model .* give OUT/best/CELL",
    }
    for folder, message in cases.items():
        with pytest.raises(UserError, match=message) as error:
            load_best(folder)
        assert "\n" not in str(error.value)
    file = made.best.folder / "config.yaml"
    whole = file.read_text()
    for content, message in (
        ("a: [", "not valid YAML"),
        ("format: 99\n", "is no model of format 1; run the study again"),
        ("format: 1\n", r"cannot be read \('encoder'\); copy the folder anew"),
        (whole.replace("card:", "cart:"), "cannot be read .* copy the folder anew"),
    ):
        file.write_text(content)
        with pytest.raises(UserError, match=message):
            load_best(made.best.folder)
    file.write_text(whole)
    (made.best.folder / "model" / "stub.json").unlink()
    with pytest.raises(UserError, match=r"stub\.json: is missing; copy the whole folder"):
        predict(made.best.folder, sequences(3))
