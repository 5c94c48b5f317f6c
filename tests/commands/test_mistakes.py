"""A user's mistake is one line and exit code 2, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import ROWS, THREE, assert_told, bad_data, study
from tests.conftest import Run


def space(parameters: dict[str, Any], **default: Any) -> dict[str, Any]:
    pooling = {"pooling": {"constant": "mean"}}
    return {
        "method": "probe",
        "parameters": pooling | parameters,
        "default": {"pooling": "mean", **default},
    }


def write(text: str) -> None:
    Path("s.yaml").write_text(text)


GOOD = [(s, i % 2) for i, s in enumerate(ROWS)]

BAD_STUDIES: dict[str, tuple[Callable[[], None], list[str]]] = {
    "unknown key": (
        lambda: study("s.yaml", trials_per_sell=3),
        ["s.yaml: trials_per_sell: unknown key", "'trials_per_cell'?"],
    ),
    "unknown nested key": (
        lambda: study("s.yaml", compare={"corection": "bh"}),
        ["s.yaml: compare.corection: unknown key", "'correction'?"],
    ),
    "unknown encoder": (
        lambda: study("s.yaml", encoders=["kmre"]),
        ["s.yaml: encoders: ", "'kmre' is unknown", "'kmer'?"],
    ),
    "unknown task": (
        lambda: study("s.yaml", tasks=["splice_junction"]),
        ["s.yaml: tasks: ", "'splice_junction' is unknown", "'splice_junctions'?"],
    ),
    "unknown method": (
        lambda: study("s.yaml", methods={"probe": {**space({}), "method": "prob"}}),
        ["s.yaml: methods.probe: ", "'prob' is unknown", "'probe'?"],
    ),
    "unknown metric": (
        lambda: study("s.yaml", metric="auroq"),
        ["s.yaml: metric: ", "'auroq' is unknown", "'auroc'?"],
    ),
    "unknown hyperparameter": (
        lambda: study("s.yaml", methods={"probe": space({"D": {"uniform": [0, 1]}}, D=0.5)}),
        ["methods.probe: parameters.D: ", "no such hyperparameter"],
    ),
    "unknown pooling": (
        lambda: study(
            "s.yaml",
            methods={
                "probe": {
                    "method": "probe",
                    "parameters": {"pooling": {"choice": ["maen", "max"]}},
                    "default": {"pooling": "max"},
                }
            },
        ),
        ["parameters.pooling: 'maen'", "'mean'?"],
    ),
    "missing data file": (
        lambda: study("s.yaml", tasks=[{"path": "mien.csv"}]),
        ["mien.csv: no such file", "'mine.csv'?"],
    ),
    "missing space file": (
        lambda: study("s.yaml", methods={"probe": "no.yaml"}),
        ["no.yaml: no such search space file"],
    ),
    "missing weights": (
        lambda: study("s.yaml", encoders=[{"name": "tiny-bert", "weights": "./no"}]),
        ["s.yaml: encoders.tiny-bert.weights: no such folder", "/no"],
    ),
    "empty study": (lambda: write(""), ["s.yaml: the study file is empty"]),
    "no yaml": (lambda: write("name: [mine\n"), ["s.yaml: line 2 not valid YAML"]),
    "empty data file": (
        lambda: (Path("bad.csv").touch(), study("s.yaml", tasks=[{"path": "bad.csv"}])),
        ["bad.csv: is empty"],
    ),
    "header only": (lambda: bad_data([]), ["bad.csv: has a header but no rows"]),
    "no sequence column": (
        lambda: bad_data(GOOD, "seq,label"),
        ["bad.csv: no column 'sequence'", "'seq'"],
    ),
    "no label column": (
        lambda: bad_data(GOOD, "sequence,y"),
        ["bad.csv: no column 'label'", "'y'"],
    ),
    "letters": (
        lambda: bad_data([*GOOD, ("ACGJ", 0), ("AC.T", 1)]),
        ["bad.csv: ", "no IUPAC nucleotide", "in 2 rows, the first is row 41", "'J'", "write", "N"],
    ),
    "one class": (
        lambda: bad_data([(s, 1) for s in ROWS]),
        ["bad.csv: all 40 labels are '1'", "at least two classes"],
    ),
    "class missing from train": (
        lambda: bad_data([r for r in THREE if r[1:] != (2, "train")], "sequence,label,split"),
        ["bad.csv: class '2' has no rows in train"],
    ),
    "empty choice": (
        lambda: study("s.yaml", methods={"probe": space({"C": {"choice": []}})}),
        ["s.yaml: methods.probe: parameters.C.choice: the choice is empty"],
    ),
    "condition on nothing": (
        lambda: study(
            "s.yaml",
            methods={"probe": space({"C": {"uniform": [1, 2], "when": {"classifer": ["x"]}}})},
        ),
        ["methods.probe: parameters.C.when: parameter 'classifer' does not exist"],
    ),
    "bounds": (
        lambda: study("s.yaml", methods={"probe": space({"C": {"uniform": [3, 2]}})}),
        ["parameters.C.uniform: [3.0, 2.0]", "low < high"],
    ),
    # Square brackets are markup to rich: nothing may be swallowed, nothing may raise.
    "brackets": (
        lambda: study("s.yaml", tasks=[{"path": "[/red][bold]:smile:.csv"}]),
        ["[/red][bold]:smile:.csv: no such file"],
    ),
}


@pytest.mark.parametrize(("make", "parts"), BAD_STUDIES.values(), ids=BAD_STUDIES.keys())
@pytest.mark.parametrize("dry", [True, False], ids=["dry", "real"])
def test_a_bad_study_is_one_line_and_exit_code_2_and_leaves_nothing(
    run: Run, tmp_path: Path, make: Callable[[], None], parts: list[str], dry: bool
):
    make()
    before = sorted(p.name for p in tmp_path.rglob("*"))
    done = run("s.yaml", *(["--dry-run"] if dry else []))
    assert_told(done, parts)
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["no-such"], ["study 'no-such' is neither a file nor shipped"]),
        (["dmeo"], ["'dmeo'", "'demo'?"]),
        (["mien.yaml"], ["mien.yaml: no such study file", "'mine.yaml'?"]),
        (["mine.yaml", "--set", "trials"], ["--set trials: write it as key=value"]),
        (["mine.yaml", "--set", "tria=1"], ["tria: unknown key"]),
        (["mine.yaml", "--set", "tasks=[\n["], ["--set tasks=[ [: line 2 not valid YAML"]),
        (["--set", "metric=mmc"], ["metric: metric 'mmc' is unknown", "'mcc'?"]),
        (["list", "encoder"], ["list encoder: did you mean 'encoders'?"]),
        (["compare", "no.csv"], ["no.csv: no such file"]),
        (["compare", "mine.csv"], ["mine.csv: no numeric column of scores"]),
        (["compare", "mine.csv", "--correction", "hulm"], ["--correction hulm: ", "'holm'?"]),
        (["compare", "mine.csv", "--level", "95"], ["--level 95", "between 0 and 1"]),
        (["compare", "mine.csv", "--metric", "mcc", "--test", "delong"], ["valid: bootstrap, "]),
        (["compare", "mine.csv", "--unpaired"], ["--unpaired: give two files"]),
        (["report", "nowhere"], ["nowhere"]),
        (["status", "nowhere"], ["nowhere: is not the folder of a study"]),
        (["best", "nowhere"], ["nowhere: has no winners"]),
        (["predict", "nowhere", "mine.csv"], ["nowhere: holds no exported model"]),
    ],
)
def test_a_bad_argument_is_one_line_and_exit_code_2(run: Run, arguments, parts):
    assert_told(run(*arguments), parts)
