"""The winners of a run, by cell, and how to use them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from engine.basics.errors import UserError
from engine.commands.best import find_winner, how_to_predict, winner_text, winners, winners_table
from tests.stages.exported import Exported, export


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    monkeypatch.setattr("engine.compare.evidence.RESAMPLES", 50)
    return export(tmp_path, "classification", monkeypatch)


def test_every_cell_has_a_row_with_its_scores(made: Exported) -> None:
    (row,) = winners_table(Path("out")).rows
    values = made.scores["value"]
    assert row["cell"] == "tiny-bert@random/mine/stub"
    assert (row["metric"], row["validation"], row["seeds"]) == ("auroc", "0.7500", 2)
    assert row["test"] == f"{values.mean():.4f}"
    assert row["sd"] == f"{values.std(ddof=1):.4f}"
    assert row["model"] == "out/best/tiny-bert@random--mine--stub"


@pytest.mark.parametrize("name", ["tiny-bert@random/mine/stub", "tiny-bert@random--mine--stub"])
def test_a_cell_is_found_by_its_name_or_its_folder(name: str, made: Exported) -> None:
    best = find_winner(Path("out"), name)
    assert best.folder.resolve() == made.best.folder.resolve()
    console = Console(file=io.StringIO(), width=200)
    console.print(winner_text(best))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("weight", "0.5", "model/stub.json", "test, seed 3", how_to_predict(best)):
        assert words in shown


def test_a_wrong_cell_or_folder_is_told(made: Exported) -> None:
    with pytest.raises(UserError, match=r"cell 'tiny/mine/stub'; .*'tiny-bert@random/mine/stub'"):
        find_winner(Path("out"), "tiny/mine/stub")
    with pytest.raises(UserError, match=r"has no winners; .*dnasweep status nowhere says"):
        winners(Path("nowhere"))
