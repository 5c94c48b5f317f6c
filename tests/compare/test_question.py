"""Metrics, tests and options of `compare` that go together, and those that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.compare.files import compare_files
from tests.compare.prediction_tables import IDS, LABEL, ROWS, A, B, C, csv, predictions, refused


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.compare.question.RESAMPLES", 50)


def two_models() -> Path:
    return csv("p.csv", id=IDS, label=LABEL, a=A, b=B, gene=np.arange(ROWS) // 5)


SENSELESS = {
    "unknown metric": ({"metric": "aurok"}, "--metric aurok: did you mean 'auroc'?"),
    "metric of measured values": ({"metric": "r2"}, "--metric r2: valid: accuracy, "),
    "unknown test": ({"test": "mcnemer"}, "--test mcnemer: did you mean 'mcnemar'?"),
    "DeLong of MCC": (
        {"metric": "mcc", "test": "delong"},
        "--test delong: not for --metric mcc; valid: bootstrap, permutation",
    ),
    "McNemar of AUROC": (
        {"test": "mcnemar"},
        "--test mcnemar: not for --metric auroc; valid: delong, bootstrap, permutation",
    ),
    "DeLong of accuracy": (
        {"metric": "accuracy", "test": "delong"},
        "--test delong: not for --metric accuracy; valid: bootstrap, permutation, mcnemar",
    ),
    "a rate without partial AUROC": (
        {"max_fpr": 0.2},
        "--max-fpr: not for --metric auroc; give --metric partial_auroc",
    ),
    "a rate in percent": (
        {"metric": "partial_auroc", "max_fpr": 10},
        "--max-fpr 10: give a rate above 0 and up to 1, for example 0.1",
    ),
    "one-sided permutation": (
        {"test": "permutation", "alternative": "less"},
        "--alternative less: --test permutation is two-sided; give --test delong",
    ),
    "groups that McNemar does not know": (
        {"metric": "accuracy", "test": "mcnemar", "groups": "gene"},
        "--groups: --test mcnemar counts every row alone; give --test bootstrap",
    ),
    "all MCCs at once": (
        {"metric": "mcc", "omnibus": True},
        "--omnibus: goes with --metric auroc and --test delong only",
    ),
    "contrast by bootstrap": (
        {"test": "bootstrap", "contrast": ["a=1", "b=-1"]},
        "--contrast: goes with --metric auroc and --test delong only",
    ),
    "unpaired bootstrap": (
        {"test": "bootstrap", "unpaired": True},
        "--unpaired: goes with --metric auroc and --test delong only",
    ),
    "all equal on different rows": (
        {"omnibus": True, "unpaired": True},
        "--omnibus: not with --unpaired, whose models have different rows",
    ),
    "one file unpaired": (
        {"unpaired": True},
        "--unpaired: give two files, one for each set of sequences; got 1",
    ),
    "a weight without model": (
        {"contrast": ["aa=1", "b=-1"]},
        "--contrast aa=1: write MODEL=WEIGHT; did you mean 'a'?",
    ),
    "a word for a weight": ({"contrast": ["a=x", "b=-1"]}, "--contrast a=x: 'x' is no number"),
    "weights that do not cancel": (
        {"contrast": ["a=1", "b=-0.5"]},
        "--contrast: weights must sum to 0 and not be 0, but are 1, -0.5",
    ),
    "no weight": ({"contrast": ["a=0", "b=0"]}, "--contrast: weights must sum to 0 and not be 0"),
}


@pytest.mark.parametrize(("options", "said"), SENSELESS.values(), ids=SENSELESS.keys())
def test_what_makes_no_sense_is_one_line_that_names_what_does(
    options: dict[str, object], said: str
) -> None:
    assert refused(two_models(), columns=["a", "b"], **options).startswith(said)


def test_partial_auroc_is_of_two_classes() -> None:
    said = refused(predictions(), metric="partial_auroc")
    assert said.startswith("--metric partial_auroc: of two classes, and x/t3/probe has 3; name")
    cells = ["x/suite/t2/probe", "y/suite/t2/probe"]
    found = compare_files([predictions()], metric="partial_auroc", columns=cells)
    assert found.scores["model"].tolist() == cells
    assert refused(predictions(), columns=["x/t2/probe"]).startswith("predictions.parquet: --score")


def test_a_column_alone_must_be_a_probability_where_it_has_to_tell_classes() -> None:
    said = refused(csv("p.csv", label=LABEL, a=A), metric="accuracy")
    assert said.startswith("p.csv: column 'a', row ")
    assert said.endswith("is no probability, and the metric needs those of the second class")
    three = np.abs(np.column_stack([A, B, C]))
    columns = {f"score_{k}": three[:, k] for k in range(3)}
    said = refused(csv("q.csv", label=np.arange(ROWS) % 3, **columns), metric="log_loss")
    assert said.startswith("q: log_loss needs probabilities that sum to 1, but row 0 is")


def test_different_rows_are_of_two_classes_and_share_no_id() -> None:
    first, second = two_models(), csv("q.csv", id=IDS, label=LABEL, a=C)
    said = refused(first, second, unpaired=True)
    assert said.startswith("--unpaired: id s0 has a row in both files; leave --unpaired away")
    three = {f"score_{k}": np.arange(ROWS) for k in range(3)}
    of_three = csv("r.csv", label=np.arange(ROWS) % 3, **three)
    assert refused(csv("s.csv", label=LABEL, a=A), of_three, unpaired=True).startswith(
        "--unpaired: of two classes, and r has 3"
    )
