import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.records import TaskSpec
from engine.tasks import Split, load_task, registry, task_cards
from engine.tasks.reading.formats import file_format, find_file, task_name
from engine.tasks.registry import task_spec


def test_names_are_listed_without_heavy_imports():
    code = (
        "import sys; from engine.tasks import task_cards; assert task_cards();"
        "print([m for m in ('numpy', 'pyarrow', 'scipy', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_split_unpacks_into_sequences_and_labels():
    split = Split(("ACGT", "GG"), np.array([0, 1]), ("a", "b"))
    sequences, labels = split
    assert sequences == ("ACGT", "GG")
    assert labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("path", "ending", "name"),
    [
        ("a/mine.csv", ".csv", "mine"),
        ("mine.v2.csv.gz", ".csv.gz", "mine.v2"),
        ("MINE.FA.GZ", ".fa.gz", "MINE"),
        ("mine.bed", None, "mine.bed"),
    ],
)
def test_format_and_name_come_from_the_file_name(path, ending, name):
    assert file_format(path) == ending
    assert task_name(path) == name


def test_a_word_is_a_shipped_task_or_a_path(write):
    assert task_spec("splice_junctions") == TaskSpec("splice_junctions")
    # A path need not exist yet to be taken for one: the message is then about the file.
    assert task_spec("data/mine.csv") == TaskSpec("mine", "data/mine.csv")
    write("odd.name", "x")
    assert task_spec("odd.name").path == "odd.name"


def test_unknown_name_tells_the_nearest():
    with pytest.raises(UserError, match=r"'splice_junction' is unknown; .*'splice_junctions'"):
        load_task("splice_junction")


def test_study_overrides_the_card_and_is_json(good_csv, write):
    shipped = load_task(TaskSpec("promoters_ecoli", metric="mcc"))
    card = task_cards()["promoters_ecoli"]
    assert (shipped.metric, shipped.group) == ("mcc", card.group)
    assert (shipped.licence, shipped.citation) == (card.licence, card.citation)
    mine = load_task(TaskSpec("mine", write("x.csv", good_csv), metric="auprc", group="ours"))
    assert (mine.name, mine.metric, mine.group, mine.licence) == ("mine", "auprc", "ours", "")
    assert TaskSpec(**json.loads(json.dumps(asdict(mine.spec)))) == mine.spec


def test_missing_file_names_the_nearest_in_its_folder(write):
    write("promoters.csv", "x")
    with pytest.raises(UserError, match=r"^promoter\.csv: no such file; .*'promoters\.csv'"):
        find_file("promoter.csv")


def test_missing_file_lists_names_only_where_they_are_few(write):
    with pytest.raises(UserError, match="holds no CSV, TSV, Parquet or FASTA file"):
        find_file("far.csv" if not write("notes.txt", "x") else "zzz.csv")
    for number in range(30):
        write(f"task{number:02d}.tsv", "x")
    with pytest.raises(UserError, match="none of the 30 task files") as error:
        find_file("qqqqqqqq.parquet")
    assert len(str(error.value)) < 300


def test_missing_folder_is_named(write):
    write("x.csv", "x")
    with pytest.raises(UserError, match=r"^data/x\.csv: no such file; .* no folder 'data'"):
        find_file("data/x.csv")


def test_folder_unknown_ending_and_empty_file_are_told(write, tmp_path):
    with pytest.raises(UserError, match="is a folder; name a CSV"):
        find_file(str(tmp_path))
    with pytest.raises(UserError, match=r"^a\.bed: ending is not known; rename .*\.csv"):
        find_file(write("a.bed", "x"))
    with pytest.raises(UserError, match=r"^empty\.csv: is empty; it needs rows"):
        find_file(write("empty.csv", ""))


@pytest.mark.parametrize(
    "content", ["name: x", "[]", "name: x\nfile: x.csv\nmetrics: auroc", "file: x.csv"]
)
def test_wrong_card_is_one_line(content, tmp_path, monkeypatch):
    (tmp_path / "x.yaml").write_text(content)
    monkeypatch.setattr(registry, "DATA", Path(tmp_path))
    with pytest.raises(UserError, match=r"x\.yaml: not a task card \(.*; see docs/tasks\.md"):
        task_cards.__wrapped__()


def test_two_cards_of_one_name_are_refused(tmp_path, monkeypatch):
    card = (registry.DATA / "promoters_ecoli.yaml").read_text()
    (tmp_path / "a.yaml").write_text(card)
    (tmp_path / "b.yaml").write_text(card)
    monkeypatch.setattr(registry, "DATA", Path(tmp_path))
    with pytest.raises(UserError, match="a second task is called 'promoters_ecoli'"):
        task_cards.__wrapped__()
