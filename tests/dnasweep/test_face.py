"""The public face: what it takes, what it gives, and what it loads."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import dnasweep
from engine.basics.yaml_files import dump_yaml
from engine.encoders.families.tiny import SHIPPED
from engine.plan.cells import Plan
from engine.plan.study import load_study
from engine.report import write_report
from tests.conftest import REPOSITORY
from tests.report.conftest import write_run

ROWS = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(40)]
LABELS = [i % 2 for i in range(40)]
FRAME = pd.DataFrame({"sequence": ROWS, "label": LABELS})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is not the project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small(**changes: Any) -> dict[str, Any]:
    return {"encoders": ["kmer"], "tasks": {"mine": FRAME}, "methods": ["probe"], **changes}


def refused(**changes: Any) -> str:
    with pytest.raises(dnasweep.UserError) as caught:
        dnasweep.plan(**small(**changes))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_importing_it_loads_nothing_heavy_and_names_are_listed():
    heavy = ("torch", "ray", "mlflow", "optuna", "pandas", "numpy", "scipy", "pydantic", "rich")
    code = (
        "import sys, dnasweep; assert set(dnasweep.__all__) <= set(dir(dnasweep)); "
        f"print(*set({heavy!r}) & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", sorted(set(dnasweep.__all__) - {"__version__"}))
def test_every_name_is_there_and_says_what_it_is(name: str):
    value = getattr(dnasweep, name)
    assert inspect.getdoc(value)
    if inspect.isfunction(value):
        assert ">>>" in (inspect.getdoc(value) or ""), "no example"


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'dnasweep' has no attribute 'runn'"):
        _ = dnasweep.runn


def test_a_plan_is_what_a_dry_run_shows_and_leaves_nothing(elsewhere: Path):
    plan = dnasweep.plan(**small(encoders=["kmer", "tiny-bert"], methods=["probe", "lora"]))
    assert plan.cells == ("kmer/mine/probe", "tiny-bert/mine/probe", "tiny-bert/mine/lora")
    assert plan.skipped == {"kmer/mine/lora": "kmer has no network that lora could adapt"}
    assert plan.trials == 48
    assert "3 cells (2 encoders, 1 task, 2 methods) x 16 trials = 48" in repr(plan)
    assert "output in runs/mine" in repr(plan)
    assert list(elsewhere.iterdir()) == []


def test_a_study_is_a_name_a_path_a_dict_or_a_study():
    demo = dnasweep.plan("demo")
    resolved = demo.plan.study.to_dict()
    Path("s.yaml").write_text("name: x\n")
    for given in (resolved, demo.plan.study):
        assert dnasweep.plan(given).cells == demo.cells
    fewer = dnasweep.plan("demo", trials_per_cell=1, compare={"correction": "none"}, seeds=(7,))
    assert (fewer.trials, fewer.plan.study.seeds) == (14, (7,))
    assert fewer.plan.study.compare.equivalence_margin == 0.01  # as the study says
    with pytest.raises(dnasweep.UserError, match=r"^s\.yaml: encoders: this key is missing"):
        dnasweep.plan("s.yaml")
    with pytest.raises(dnasweep.UserError, match=r"^keyword metric: metric 'mmc' is unknown"):
        dnasweep.plan("demo", metric="mmc")
    with pytest.raises(dnasweep.UserError, match="trials_per_cell: a Study is whole"):
        dnasweep.plan(demo.plan.study, trials_per_cell=1)


def test_tasks_are_tables_sequences_with_labels_paths_and_names():
    FRAME.to_csv("data.csv", index=False)
    tasks = {
        "table": FRAME,
        "pair": (ROWS, np.array(LABELS)),
        "file": Path("data.csv"),
        "promoters_ecoli": "promoters_ecoli",
        "more": {"path": FRAME, "metric": "mcc"},
    }
    plan = dnasweep.plan(**small(tasks=tasks))
    assert list(plan.plan.tasks) == list(tasks)
    prints = {name: task.fingerprint for name, task in plan.plan.tasks.items()}
    assert prints["table"] == prints["pair"] == prints["file"] == prints["more"]
    assert [cell.metric for cell in plan.plan.cells][-1] == "mcc"
    named = {"path": "data.csv", "name": "x"}
    listed = dnasweep.plan(**small(tasks=["data.csv", "promoters_ecoli", named]))
    assert list(listed.plan.tasks) == ["data", "promoters_ecoli", "x"]
    assert listed.out == Path("runs/data-promoters_ecoli-x")


def test_encoders_are_names_folders_and_mappings():
    encoders = ["kmer", SHIPPED / "tiny-bert", {"name": "tiny-hyena", "weights": "random"}]
    plan = dnasweep.plan(**small(encoders=encoders))
    assert [spec.name for spec in plan.plan.study.encoders] == [
        "kmer",
        "tiny-bert",
        "tiny-hyena@random",
    ]


def test_methods_are_names_files_and_spaces():
    space = {
        "method": "probe",
        "parameters": {"pooling": {"constant": "mean"}},
        "default": {"pooling": "mean"},
    }
    Path("my.yaml").write_text(dump_yaml(space))
    as_list = ["probe", "search_spaces/probes.yaml", Path("my.yaml"), {"own": space}]
    as_mapping = {"probe": "probe", "probes": "probes", "my": "my.yaml", "own": space}
    for methods in (as_list, as_mapping):
        spaces = dnasweep.plan(**small(methods=methods)).plan.study.methods
        assert list(spaces) == ["probe", "probes", "my", "own"]
        assert spaces["my"].to_dict() == spaces["own"].to_dict()


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"encoders": ["kmre"]}, ["keyword encoders: ", "'kmer'?"]),
        ({"encoders": ["./nowhere"]}, ["keyword encoders: ", "no such folder"]),
        ({"methods": ["prob"]}, ["keyword methods: ", "'prob'", "'probe'?"]),
        ({"methods": ["probe", "probe"]}, ["keyword methods: ", "'probe' is listed twice"]),
        ({"methods": [3]}, ["keyword methods: ", "list names of search spaces"]),
        ({"metrc": "mcc"}, ["keyword metrc: unknown key", "'metric'?"]),
        ({"tasks": [FRAME]}, ["keyword tasks: give a table a name"]),
        ({"tasks": 3}, ["keyword tasks: int: give a list"]),
        ({"tasks": {"mine": 3}}, ["keyword tasks.mine: int is no task"]),
        (
            {"tasks": {"mine": (ROWS, LABELS[1:])}},
            ["keyword tasks.mine: 40 sequences and labels"],
        ),
        ({"tasks": {"mine": FRAME.rename(columns={"label": "y"})}}, ["no column 'label'", "'y'"]),
        ({"tasks": {"mine": FRAME.assign(x=[{1}, "a"] * 20)}}, ["tasks.mine: ", "be stored"]),
        ({"tasks": ["splice"]}, ["keyword tasks: ", "'splice' is unknown"]),
    ],
)
def test_a_mistake_is_a_user_error_of_one_line(changes: dict[str, Any], parts: list[str]):
    message = refused(**changes)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"tasks": FRAME}, "DataFrame: give a list of names"),
        ({"tasks": {3: FRAME.set_axis(["label", "label"], axis=1)}}, "two columns are called"),
        ({"tasks": {"m": (ROWS, [[0], [0, 1]])}}, "give (sequences, labels), a list each"),
        ({"tasks": {"m": (3, 4)}}, "give (sequences, labels), a list each"),
        ({"tasks": {"m": FRAME.assign(x=10**30)}}, "cannot be stored"),
    ],
)
def test_a_table_that_is_none_is_a_user_error(changes: dict[str, Any], part: str):
    assert part in refused(**changes)


def test_what_is_no_study_or_no_list_of_sequences_is_told(tmp_path: Path):
    with pytest.raises(dnasweep.UserError, match="a study is a mapping"):
        dnasweep.plan(3)
    with pytest.raises(dnasweep.UserError, match="give a list of sequences"):
        dnasweep.embed("kmer", "ACGT")
    encoder = dnasweep.load_encoder(SHIPPED / "tiny-bert")
    assert dnasweep.embed(SHIPPED / "tiny-bert", ["ACGT"]).shape == (1, encoder.hidden_size)


def test_starting_anew_keeps_the_tables_that_were_given(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr("engine.stages.study.run_study", lambda run: seen.append(run.plan))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            dnasweep.run(**small(), out="runs/new", resume=False, progress=False)
    for made in seen:
        assert Path(made.tasks["mine"].file).is_file()
    assert len(seen) == 2


def test_a_table_is_a_file_of_its_content_so_that_a_run_goes_on(monkeypatch: pytest.MonkeyPatch):
    seen: list[Plan] = []

    def run_plan(plan: Plan, folder: Path, *_: object) -> Path:
        seen.append(plan)
        write_run(folder)
        return folder

    monkeypatch.setattr("engine.commands.run.run_plan", run_plan)
    for frame in (FRAME, FRAME.copy(), FRAME[::-1]):
        run = dnasweep.run(**small(tasks={"my task": frame}), out="out")
        assert isinstance(run, dnasweep.Results)
    first, same, other = (plan.study.tasks[0].path for plan in seen)
    assert first == same != other
    assert {Path(path).parent for path in (first, other)} == {Path("out/data").absolute()}
    assert Path(first).name.startswith("my-task-")
    # What is written beside the results is a study file of the same study.
    Path("again.yaml").write_text(dump_yaml(seen[0].study.to_dict()))
    assert load_study(Path("again.yaml")).tasks == seen[0].study.tasks


def test_an_interrupt_is_raised_and_tells_that_the_same_call_goes_on(monkeypatch):
    monkeypatch.setattr("engine.commands.run.run_plan", lambda *_: None)
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        dnasweep.run(**small(), out="out")


def test_results_are_tables_an_answer_and_a_leaderboard(tmp_path: Path):
    folder = write_run(tmp_path / "out")
    report = write_report(folder)
    run = dnasweep.Results(str(folder))
    assert len(run.scores) == 70
    assert {"cell_a", "cell_b", "verdict"} <= set(run.comparisons)
    assert {"cell", "score", "status"} <= set(run.trials)
    assert run.report == report.html
    page, text = run._repr_html_(), repr(run)
    assert page.count("<table>") == 2
    assert "scores highest" in page or "leads" in page
    assert "tiny-bert" in text
    assert len(page) < 10_000
    with pytest.raises(dnasweep.UserError, match="has no winners"):
        run.best("kmer/splice_junctions/probe")
    with pytest.raises(dnasweep.UserError):
        dnasweep.Results("nowhere")


def test_encoders_are_loaded_by_name_and_folder_and_embed():
    by_folder = dnasweep.load_encoder(str(SHIPPED / "tiny-bert"))
    assert by_folder.weights_hash == dnasweep.load_encoder("tiny-bert").weights_hash
    vectors = dnasweep.embed(by_folder, ["acgu" * 4, "GGC"])
    assert (vectors.shape, vectors.dtype) == ((2, 128), np.float32)
    np.testing.assert_array_equal(vectors, dnasweep.embed("tiny-bert", ["ACGT" * 4, "GGC"]))
    assert dnasweep.embed("onehot", ["ACGT", "GG"]).shape == (2, 16)
    with pytest.raises(dnasweep.UserError, match="row 2"):
        dnasweep.embed("kmer", ["ACGT", "JJ"])


def test_statistics_are_there_by_name():
    labels, a, b = [0, 1] * 10, np.arange(20.0), np.arange(20.0) % 7
    assert dnasweep.auc_ci(labels, a).auc == dnasweep.delong_test(labels, a, b).auc_a
    assert dnasweep.stats.delong_test is dnasweep.delong_test
