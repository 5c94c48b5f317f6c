"""What a study can name, and what a study comes to, as tables."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from engine.basics.errors import UserError
from engine.commands.listing import Count, Listing, listing
from engine.commands.plan_tables import plan_table
from engine.encoders import cards, find_card
from engine.methods import methods
from engine.plan.cells import Plan, make_plan
from engine.plan.space import Parameter
from engine.plan.study import load_study, study_names
from engine.tasks import task_cards


def shown(table: RenderableType, width: int = 300) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
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


def test_methods_are_listed_with_what_they_take_its_range_and_its_default():
    rows = {row["name"]: row["hyperparameters"] for row in listing("methods").rows}
    (rank,) = (one for one in rows["vera"] if one["hyperparameter"] == "rank")
    assert (rank["default"], rank["values"]) == ("64", "a whole number of at least 1")
    trees = {o["taken_by"]: o["default"] for o in rows["probe"] if "trees" in o["about"]}
    assert trees["random_forest"] == "300"
    assert trees["xgboost"] == "200"
    lines = shown(listing("methods").rich()).splitlines()
    (rates,) = (line for line in lines if "head_learning_rate" in line)  # what all share: once
    assert "a number above 0" in rates


def test_an_unknown_word_names_the_nearest():
    with pytest.raises(UserError, match=r"^list encoder: did you mean 'encoders'\?$"):
        listing("encoder")


def test_a_size_that_depends_on_the_task_is_told_as_such():
    rows = {row["name"]: row for row in listing("encoders").rows}
    assert rows["onehot"]["hidden_size"] == "by task"
    assert rows["kmer"]["max_tokens"] == "no limit"
    assert rows["tiny-bert"]["hidden_size"] == 128


def test_every_encoder_says_where_its_weights_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    card = find_card("dnabert2")
    folder = f"models--{card.hub.replace('/', '--')}/snapshots/{card.revision}"
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "pytorch_model.bin").touch()
    rows = {row["name"]: row for row in listing("encoders").rows}
    found = {name: row["weights"] for name, row in rows.items()}
    assert found["tiny-bert"] == "shipped"
    assert found["kmer"] == "none"
    assert found["dnabert2"] == "cached"
    assert found["dnabert-s"] == "no"
    assert found["evo2-7b"] == "by evo2"
    assert (rows["dnabert2"]["hub"], rows["dnabert2"]["revision"]) == (card.hub, card.revision)


def test_encoders_fit_a_terminal_of_120_columns():
    lines = shown(listing("encoders").rich(), width=120).splitlines()
    assert max(map(len, lines)) <= 120
    assert "\u2026" not in "".join(lines)
    for name, card in cards().items():
        (line,) = [line for line in lines if line.split(" ")[0] == name]
        assert line.split()[1][:8] == card.family[:8]
    row = next(line for line in lines if line.startswith("hyenadna-1m "))
    # 6,550,784 weights of 256 a token; a million and two tokens.
    assert row.split()[2:] == ["6.6M", "256", "base", "1.0M", "1.0M", "BSD-3-Clause", "no"]


def test_encoders_are_listed_without_torch_or_transformers(in_repository: Path):
    code = (
        "import sys\nfrom engine.commands.listing import listing\nlisting('encoders').rich()\n"
        "sys.exit(', '.join({'torch', 'transformers', 'httpx', 'httpx2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "any"),
        (512, "512"),
        (99_999, "99,999"),
        (131_072, "131k"),
        (1_000_002, "1.0M"),
        (116_477_952, "116M"),
        (6_578_765_824, "6.6B"),
        (41_108_373_504, "41B"),
    ],
)
def test_a_count_is_a_few_characters(value: int, text: str):
    assert str(Count(value, "any")) == text


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


def test_the_plan_tells_which_methods_would_read_one_strand_though_both_are_asked_for(demo: Plan):
    embedding = demo.study.embedding.model_copy(update={"both_strands": True})
    asked = replace(demo, study=replace(demo.study, embedding=embedding))
    told = "warning: embedding.both_strands is for stored embeddings; lora reads one strand: "
    assert told in shown(plan_table(asked, Path("out")))
    assert told not in shown(plan_table(demo, Path("out")))
    both = Parameter("conjoined", "constant", choices=(True,))
    cells = tuple(
        replace(c, space=replace(c.space, parameters=(*c.space.parameters, both)))
        for c in demo.cells
    )
    assert told not in shown(plan_table(replace(asked, cells=cells), Path("out")))


def test_a_description_is_shown_as_it_was_written(demo: Plan):
    study = replace(demo.study, description="is [/x] better than [bold]?")
    text = shown(plan_table(replace(demo, study=study), Path("out")))
    assert "demo  is [/x] better than [bold]?" in text


def test_the_plan_tells_what_is_to_be_downloaded_and_what_is_not_pinned(
    in_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    ours = {"name": "ours", "family": "dnabert2", "weights": "hub:a/b@v1"}
    sets = [
        f"encoders={json.dumps(['kmer', 'dnabert2', ours])}",
        "methods={probe: search_spaces/probe.yaml}",
        "skip=[]",
    ]
    text = shown(plan_table(make_plan(load_study(Path("studies/demo.yaml"), sets)), Path("out")))
    # 116,477,952 weights of 4 bytes, twice.
    assert "2 encoders to download from the hub, about 0.9 GB: dnabert2, ours" in text
    assert "warning: weights of no pinned commit: ours (a/b at v1); " in text


def test_shipped_weights_are_neither_downloaded_nor_warned_of(demo: Plan):
    text = shown(plan_table(demo, Path("out")))
    assert "download" not in text
    assert "pinned" not in text
