"""What each command shows, writes and leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from rich.console import Console

from engine.basics.errors import UserError
from engine.commands.run import TABLES, set_aside
from tests.commands.conftest import THREE, assert_told, bad_data, study
from tests.conftest import REPOSITORY, Run
from tests.stages.exported import export

HEAVY = ("torch", "ray", "mlflow", "optuna", "pandas", "sklearn", "scipy", "pyarrow")


def test_a_dry_run_shows_the_plan_runs_nothing_and_leaves_nothing(
    run: Run, command: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def forbidden(*_: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr("engine.commands.run.logs_in", forbidden)
    monkeypatch.setattr("engine.commands.run.set_aside", forbidden)
    before = sorted(tmp_path.rglob("*"))
    for arguments in (["mine.yaml"], ["run", "mine.yaml"], ["mine.yaml", "--fresh"]):
        done = run(*arguments, "--dry-run", "--out", "out", "--set", "trials_per_cell=7")
        assert (done.code, done.err) == (0, "")
        assert "1 cell (1 encoder, 1 task, 1 method) x 7 trials = 7 trials" in done.out
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
    wide = (frame / frame.max()).assign(label=frame["label"])
    wide.to_csv("q.csv", index=False)
    done = run("compare", "q.csv", "--metric", "accuracy", "--test", "mcnemar")
    assert done.code == 0
    assert "test: exact McNemar" in done.out
    done = run("compare", "q.csv", "--metric", "partial_auroc", "--max-fpr", "0.5")
    assert "AUROC to FPR 0.5" in done.out
    done = run("compare", "q.csv", "p.csv", "--unpaired", "--alternative", "less")
    assert "test: unpaired DeLong" in done.out
    done = run("compare", "p.csv", "--contrast", "a=1", "--contrast", "b=-1")
    assert "contrast +1 a -1 b: " in done.out


def test_a_winner_is_shown_and_scores_new_sequences(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)
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
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    console = Console(width=300)
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("earlier")
    set_aside(folder, console)
    (aside,) = folder.parent.iterdir()
    assert aside.name.startswith("mine.before-")
    assert (aside / "report.html").read_text() == "earlier"
    assert aside.name in capsys.readouterr().out
    set_aside(folder, console)  # nothing there, nothing to do
    assert list(folder.parent.iterdir()) == [aside]


def test_tables_given_in_memory_stay_and_a_file_that_is_needed_is_not_moved(tmp_path: Path):
    folder = tmp_path / "mine"
    (folder / TABLES).mkdir(parents=True)
    table, own = folder / TABLES / "t.parquet", folder / "own.csv"
    table.touch()
    set_aside(folder, Console(quiet=True), [table])
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]  # nothing but the tables
    own.touch()
    with pytest.raises(UserError, match=r"--fresh would set .*mine aside, where own.csv lies"):
        set_aside(folder, Console(quiet=True), [table, own])
    set_aside(folder, Console(quiet=True), [table])
    assert table.is_file()
    assert not own.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_an_output_that_is_a_file_or_a_folder_is_one_line(run: Run):
    Path("file").touch()
    Path("folder").mkdir()
    study("mine.yaml")
    assert_told(run("mine.yaml", "--out", "file"), ["file: is a file, or lies in one"])
    assert_told(run("mine.yaml", "--out", "file/x"), ["file/x: is a file, or lies in one"])
    Path("p.csv").write_text("label,a,b\n0,1,2\n1,2,1\n0,3,3\n1,4,4\n")
    told = run("compare", "p.csv", "--csv", "folder")
    assert told.code == 2
    assert "folder: is a folder; name a file" in told.err


def test_the_command_that_goes_on_is_the_same_without_fresh(command: ModuleType):
    argv = ["run_search.py", "a.yaml", "--fresh", "--set", "tasks=[{path: my file.csv}]"]
    assert command.continuing(argv) == (
        "python run_search.py a.yaml --set 'tasks=[{path: my file.csv}]'"
    )


def test_the_doctor_shows_remedies_as_they_are_and_fails_where_something_is_bad(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    from engine.commands import doctor
    from engine.commands.doctor import Check

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
sys.path.insert(0, {str(REPOSITORY)!r})
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
