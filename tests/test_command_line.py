"""The command line: a user's mistake is one line and exit code 2, before any work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd
import pytest

from engine.yamlio import dump_yaml
from tests.exported import export

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "ray", "mlflow", "optuna", "pandas", "sklearn", "scipy", "pyarrow")
ROWS = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(40)]


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    import run_search

    return run_search


@pytest.fixture
def run(
    command: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command in an empty folder that holds a good study and a good data file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(command.out_console, "width", 300)
    data("mine.csv", [(s, i % 2) for i, s in enumerate(ROWS)])
    study("mine.yaml")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["run_search.py", *arguments])
        capsys.readouterr()
        try:
            command.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def data(name: str, rows: list[tuple[object, ...]], header: str = "sequence,label") -> None:
    lines = [",".join(map(str, row)) for row in rows]
    Path(name).write_text("\n".join([header, *lines]) + "\n")


def space(parameters: dict[str, Any], **default: Any) -> dict[str, Any]:
    pooling = {"pooling": {"constant": "mean"}}
    return {
        "method": "probe",
        "parameters": pooling | parameters,
        "default": {"pooling": "mean", **default},
    }


def study(name: str, **changes: Any) -> None:
    keys = {
        "name": "mine",
        "encoders": ["kmer"],
        "tasks": [{"path": "mine.csv"}],
        "methods": {"probe": "search_spaces/probe.yaml"},
        "trials_per_cell": 2,
    }
    Path(name).write_text(dump_yaml({**keys, **changes}))


def bad_data(rows: list[tuple[object, ...]], header: str = "sequence,label") -> None:
    data("bad.csv", rows, header)
    study("s.yaml", tasks=[{"path": "bad.csv"}])


def write(text: str) -> None:
    Path("s.yaml").write_text(text)


GOOD = [(s, i % 2) for i, s in enumerate(ROWS)]
THREE = [(s, i % 3, ("train", "validation", "test")[i // 3 % 3]) for i, s in enumerate(ROWS)]

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


def assert_told(done: Done, parts: list[str]) -> None:
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err


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
        (["report", "nowhere"], ["nowhere"]),
        (["status", "nowhere"], ["nowhere: is not the folder of a study"]),
        (["best", "nowhere"], ["nowhere: has no winners"]),
        (["predict", "nowhere", "mine.csv"], ["nowhere: holds no exported model"]),
    ],
)
def test_a_bad_argument_is_one_line_and_exit_code_2(run: Run, arguments, parts):
    assert_told(run(*arguments), parts)


def test_a_dry_run_shows_the_plan_runs_nothing_and_leaves_nothing(
    run: Run, command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def forbidden(*_: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr(command, "log_to", forbidden)
    monkeypatch.setattr(command, "set_aside", forbidden)
    before = sorted(tmp_path.rglob("*"))
    for arguments in (["mine.yaml"], ["run", "mine.yaml"], ["mine.yaml", "--fresh"]):
        done = run(*arguments, "--dry-run", "--out", "out", "--set", "trials_per_cell=7")
        assert (done.code, done.err) == (0, "")
        assert "1 cells (1 encoders, 1 tasks, 1 methods) x 7 trials = 7 trials" in done.out
        assert "output in out" in done.out
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_study_the_demo_is_meant(run: Run):
    for arguments in (["--dry-run"], ["run", "--dry-run"]):
        done = run(*arguments)
        assert done.code == 0
        assert "14 cells" in done.out
        assert "output in runs/demo" in done.out


def test_a_class_missing_from_the_test_split_is_a_warning_where_it_can_go_on(run: Run):
    bad_data([r for r in THREE if r[1:] != (2, "test")], "sequence,label,split")
    done = run("s.yaml", "--dry-run")
    assert done.code == 0
    assert "warning: bad: class '2' has no rows in test" in done.out


def test_a_cell_that_cannot_be_is_told(run: Run):
    methods = {"probe": "search_spaces/probe.yaml", "lora": "search_spaces/lora.yaml"}
    study("s.yaml", methods=methods)
    assert "skipped: kmer has no network" in run("s.yaml", "--dry-run").out


@pytest.mark.parametrize("what", ["encoders", "tasks", "methods", "studies"])
def test_lists_are_tables_for_people_and_json_for_programs(run: Run, what: str):
    for_programs = run("list", what, "--json")
    rows = json.loads(for_programs.out)
    assert for_programs.code == 0
    assert rows
    for_people = run("list", what)
    assert for_people.code == 0
    for row in rows:
        assert row["name"] in for_people.out


def test_compare_tests_files_and_writes_the_table(run: Run, tmp_path: Path):
    frame = pd.DataFrame({"label": [0, 1] * 20, "a": range(40), "b": [0.5, 0.6] * 20})
    frame.to_csv("p.csv", index=False)
    done = run("compare", "p.csv", "--correction", "none", "--csv", "out/pairs.csv")
    assert done.code == 0
    assert "p (none)" in done.out
    (pair,) = pd.read_csv(tmp_path / "out" / "pairs.csv").to_dict("records")
    assert (pair["a"], pair["b"], pair["test"]) == ("a", "b", "DeLong")


def test_a_winner_is_shown_and_scores_new_sequences(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("engine.compare_fits.RESAMPLES", 50)
    export(tmp_path, "classification", monkeypatch)
    shown = run("best", "out")
    assert shown.code == 0
    assert "tiny-bert@random/mine/stub" in shown.out
    folder = "out/best/tiny-bert@random--mine--stub"
    assert f"python run_search.py predict {folder} " in shown.out
    assert json.loads(run("best", "out", "--json").out)[0]["model"] == folder
    assert "test, seed 3" in run("best", "out", "tiny-bert@random/mine/stub").out
    Path("new.fa").write_text(">a\nACGU\n>b\nGGGG\n")
    screen = run("predict", folder, "new.fa")
    assert screen.code == 0
    assert screen.err.startswith("note: U (RNA) is read as T")
    lines = screen.out.splitlines()
    assert lines[0] == "id,prediction,score_low,score_mid,score_top"
    assert [line.split(",")[0] for line in lines[1:]] == ["a", "b"]
    done = run("predict", folder, "new.fa", "--out", "said/new.csv", "--batch", "1")
    assert (done.code, done.out) == (0, "")
    assert "2 sequences scored: said/new.csv" in done.err
    assert Path("said/new.csv").read_text() == screen.out
    assert_told(run("predict", folder, "new.fa", "--batch", "0"), ["batch is 0; give 1 or more"])
    assert_told(run("predict", folder, "old.fa"), ["old.fa: no such file", "new.fa"])
    assert_told(run("predict", "out", "new.fa"), ["out: is a run with several models", folder])
    assert_told(run("best", "out", "kmer/mine/stub"), ["no winner of a cell 'kmer/mine/stub'"])


def test_an_earlier_run_is_set_aside_and_not_lost(
    command: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("earlier")
    command.set_aside(folder)
    (aside,) = folder.parent.iterdir()
    assert aside.name.startswith("mine.before-")
    assert (aside / "report.html").read_text() == "earlier"
    assert aside.name in capsys.readouterr().out
    command.set_aside(folder)  # nothing there, nothing to do
    assert list(folder.parent.iterdir()) == [aside]


def test_the_command_that_goes_on_is_the_same_without_fresh(command: ModuleType):
    argv = ["run_search.py", "a.yaml", "--fresh", "--set", "tasks=[{path: my file.csv}]"]
    assert command.continuing(argv) == (
        "python run_search.py a.yaml --set 'tasks=[{path: my file.csv}]'"
    )


def test_the_doctor_shows_remedies_as_they_are_and_fails_where_something_is_bad(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    from engine import doctor
    from engine.doctor import Check

    note = Check("MLflow", "note", "1.0", "pip install 'dnasweep[ui]'")
    bad = Check("torch", "bad", "No module named [torch]", "make install")
    monkeypatch.setattr(doctor, "checks", lambda: iter([note]))
    done = run("doctor")
    assert done.code == 0
    assert "pip install 'dnasweep[ui]'" in done.out
    monkeypatch.setattr(doctor, "checks", lambda: iter([note, bad]))
    done = run("doctor")
    assert done.code == 1
    assert "No module named [torch]" in done.out


def test_help_names_every_command(run: Run):
    done = run("--help")
    assert done.code == 0
    for name in ("run", "list", "status", "best", "predict", "compare", "report", "doctor"):
        assert name in done.out
    options = run("run", "--help").out
    for name in ("--set", "--out", "--address", "--dry-run", "--resume", "--fresh"):
        assert name in options


def test_help_and_a_bad_study_import_nothing_heavy(tmp_path: Path):
    """They answer in well under a second, since none of the libraries that take long is loaded."""
    (tmp_path / "key.yaml").write_text("nme: x\n")
    (tmp_path / "encoder.yaml").write_text(
        "name: x\nencoders: [kmr]\ntasks: [splice_junctions]\n"
        "methods: {probe: search_spaces/probe.yaml}\n"
    )
    (tmp_path / "task.yaml").write_text(
        "name: x\nencoders: [kmer]\ntasks: [splice]\nmethods: {probe: search_spaces/probe.yaml}\n"
    )
    (tmp_path / "method.yaml").write_text(
        "name: x\nencoders: [kmer]\ntasks: [splice_junctions]\n"
        "methods: {probe: {method: prob, parameters: {}, default: {}}}\n"
    )
    bad = ["nosuch", "key.yaml", "encoder.yaml", "task.yaml", "method.yaml"]
    lookers = [["status", "."], ["best", "."]]
    commands = [["--help"], *([study] for study in bad), *lookers]
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import run_search
for arguments in {commands!r}:
    sys.argv = ["run_search.py", *arguments]
    try:
        run_search.main()
    except SystemExit as end:
        found = [name for name in {HEAVY!r} if name in sys.modules]
        print("ended", end.code, *found)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    ends = [line for line in done.stdout.splitlines() if line.startswith("ended")]
    assert ends == ["ended 0", *["ended 2"] * (len(bad) + len(lookers))], done.stderr
