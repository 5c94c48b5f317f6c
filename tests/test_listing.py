"""What a study can name, and what a study comes to, as tables."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from engine.encoders import cards
from engine.errors import UserError
from engine.listing import Listing, listing, plan_table
from engine.methods import methods
from engine.plan import Plan, make_plan
from engine.study import load_study, study_names
from engine.tasks import task_cards


def shown(table: RenderableType) -> str:
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("encoders", cards),
        ("tasks", task_cards),
        ("methods", methods),
        ("studies", study_names),
    ],
)
def test_everything_registered_is_listed(what: str, names):
    table = listing(what)
    assert [row["name"] for row in table.rows] == list(names())
    assert len({tuple(row) for row in table.rows}) == 1  # equal keys
    text = shown(table.rich())
    for name in names():
        assert name in text
    assert json.loads(json.dumps(table.rows)) == table.rows


def test_an_unknown_word_names_the_nearest():
    with pytest.raises(UserError, match=r"^list encoder: did you mean 'encoders'\?$"):
        listing("encoder")


def test_a_size_that_depends_on_the_task_is_told_as_such():
    rows = {row["name"]: row for row in listing("encoders").rows}
    assert rows["onehot"]["hidden_size"] == "by task"
    assert rows["kmer"]["max_tokens"] == "no limit"
    assert rows["tiny-bert"]["hidden_size"] == 128


def test_numbers_have_thousands_separators_and_brackets_stay():
    text = shown(Listing([{"name": "[/odd] [bold]", "parameters": 1318784}]).rich())
    assert "[/odd] [bold]" in text
    assert "1,318,784" in text


def test_an_empty_listing_is_an_empty_table():
    assert shown(Listing([]).rich()).strip() == ""


@pytest.fixture
def demo(in_repository: Path) -> Plan:
    return make_plan(load_study(Path("studies/demo.yaml"), ["trials_per_cell=3"]))


def test_the_plan_tells_tasks_cells_trials_forwards_disk_and_folder(demo: Plan):
    text = shown(plan_table(demo, Path("runs/demo")))
    assert "14 cells (5 encoders, 2 tasks, 2 methods) x 3 trials = 42 trials" in text
    assert "then 3 seeds each" in text
    # Every encoder reads every row of both tasks: 3,186 in mlbench's DNA, 106 in promotergene.
    assert f"{5 * (3186 + 106):,} sequences to embed" in text
    assert "output in runs/demo" in text
    for name in demo.tasks:
        assert name in text


def test_the_plan_tells_what_is_skipped_and_how_often(demo: Plan):
    text = shown(plan_table(demo, Path("runs/demo")))
    for name in ("kmer", "onehot"):
        assert f"skipped: {name} has no network that lora could adapt (2 cells)" in text


def test_the_plan_tells_the_warnings_of_every_task(demo: Plan):
    task = replace(demo.tasks["promoters_ecoli"], warnings=("class [/a] has no rows in test",))
    text = shown(plan_table(replace(demo, tasks={"promoters_ecoli": task}), Path("out")))
    assert "warning: promoters_ecoli: class [/a] has no rows in test" in text


def test_a_description_is_shown_as_it_was_written(demo: Plan):
    study = replace(demo.study, description="is [/x] better than [bold]?")
    text = shown(plan_table(replace(demo, study=study), Path("out")))
    assert "demo  is [/x] better than [bold]?" in text
