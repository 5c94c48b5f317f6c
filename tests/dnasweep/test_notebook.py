"""A study from a notebook and from a script of six lines, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from engine.encoders.families.tiny import SHIPPED
from engine.tasks.registry import DATA
from tests.conftest import REPOSITORY

#: A DataFrame as task, a folder as encoder; one trial at a time, for a worker takes long to begin.
STUDY = f"""
run = dnasweep.run(
    encoders=["onehot", "./my_model"], tasks={{"mine": frame}}, methods=["probe"],
    trials_per_cell=1, seeds=[0], tracking={{"enabled": False}},
    resources={{"cpus_per_trial": {len(os.sched_getaffinity(0))}}},
)
"""
FRAME = f"""
import pandas, dnasweep
frame = pandas.read_parquet({str(DATA / "promoters_ecoli.parquet")!r})
"""
PREDICT = "run.best('my_model/mine/probe').predict(['ACGT' * 15, 'TTGACA' * 9]).predictions"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of one's own."""
    shutil.copytree(SHIPPED / "tiny-bert", tmp_path / "my_model")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of_a_run(out: Path) -> None:
    scores = pd.read_csv(out / "scores.csv")
    assert set(scores["cell"]) == {"onehot/mine/probe", "my_model/mine/probe"}
    assert len(list((out / "data").iterdir())) == 1
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_a_study_from_an_executed_notebook(folder: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook()
    cells = (FRAME, STUDY, "run", PREDICT, "dnasweep.plan('dmeo')")
    notebook.cells = [nbformat.v4.new_code_cell(source.strip()) for source in cells]
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    nbclient.NotebookClient(notebook, timeout=280, kernel_name="python3").execute()
    _, study, shown, predicted, wrong = (cell.outputs for cell in notebook.cells)
    told = "".join(output["text"] for output in study if output["output_type"] == "stream")
    assert "search  2/2 trials" in told
    assert "\x1b" not in told
    (answer,) = (output["data"] for output in shown)
    assert answer["text/html"].count("<table>") == 1
    assert "my_model" in answer["text/html"]
    assert len(predicted[0]["data"]["text/plain"].split(",")) == 2
    (error,) = wrong
    assert error["ename"] == "UserError"
    assert "did you mean 'demo'?" in error["evalue"]
    files_of_a_run(folder / "runs" / "mine")


@pytest.mark.slow
def test_a_study_from_a_script_goes_on_where_it_stopped(folder: Path) -> None:
    (folder / "script.py").write_text(f"{FRAME}{STUDY}\nprint(run)\nprint({PREDICT})\n")
    told = [
        subprocess.run(
            [sys.executable, "script.py"], capture_output=True, text=True, check=True, timeout=280
        ).stdout
        for _ in range(2)
    ]
    for text in told:
        assert "my_model" in text
        assert "report: runs/mine/report.html" in text
    assert "search  2/2 trials" in told[0]
    assert "2 of 2 trials were done by an earlier run" in told[1]
    files_of_a_run(folder / "runs" / "mine")
