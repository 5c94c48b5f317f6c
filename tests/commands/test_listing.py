"""What a study can name, as tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.basics.errors import UserError
from engine.commands.listing import Count, Listing, listing
from engine.encoders import cards, find_card
from engine.methods import methods
from engine.plan.paths import study_names
from engine.tasks import task_cards
from tests.commands.conftest import shown


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
