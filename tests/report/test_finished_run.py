from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.basics.errors import UserError
from engine.report.finished_run import read_run

Maker = Callable[..., Path]
ONE = {("kmer", "probe"): (0.9,), ("onehot", "probe"): (0.8,)}
TASK = ("promoters",)


@pytest.mark.parametrize(
    "name", ["study.yaml", "manifest.json", "trials.parquet", "scores.csv", "comparisons.csv"]
)
def test_a_missing_file_is_named_with_its_folder(make_run: Maker, name: str) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    (out / name).unlink()
    with pytest.raises(
        UserError, match=rf"{name} is missing: .*out is not the folder of a finished"
    ):
        read_run(out)


def test_a_missing_column_is_named(make_run: Maker) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    pd.read_csv(out / "scores.csv").drop(columns="ci_low").to_csv(out / "scores.csv")
    with pytest.raises(UserError, match=r"scores\.csv lacks the column 'ci_low'"):
        read_run(out)


def test_text_in_a_column_of_numbers_is_named_with_its_row(make_run: Maker) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    lines = (out / "scores.csv").read_text().splitlines()
    lines[2] = lines[2].replace("638", "many")
    (out / "scores.csv").write_text("\n".join(lines))
    with pytest.raises(
        UserError, match=r"scores\.csv: column 'n_test', row 3: 'many' is not a numb"
    ):
        read_run(out)


@pytest.mark.parametrize("content", ["{", "[1, 2]"])
def test_a_broken_manifest_is_one_line(make_run: Maker, content: str) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    (out / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"manifest\.json .*; run the study again") as raised:
        read_run(out)
    assert "\n" not in str(raised.value)


def test_a_broken_table_of_trials_is_one_line(make_run: Maker) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    (out / "trials.parquet").write_bytes(b"not parquet")
    with pytest.raises(UserError, match=r"trials\.parquet is not a readable Parquet file"):
        read_run(out)


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_of_comparisons_means_none(make_run: Maker, content: str) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    (out / "comparisons.csv").write_text(content)
    assert read_run(out).comparisons.empty


def test_names_that_look_like_numbers_or_nothing_stay_names(make_run: Maker) -> None:
    names = {("NA", "probe"): (0.9,), ("1e5", "probe"): (0.8,), ("nan", "probe"): (0.7,)}
    run = read_run(make_run(cells=names, tasks=TASK))
    assert run.encoders == ["NA", "1e5", "nan"]
    assert list(run.scores["encoder"].unique()) == ["NA", "1e5", "nan"]


def test_winners_are_found_by_the_cell_they_name(demo_run: Path) -> None:
    run = read_run(demo_run)
    assert len(run.best) == 14
    assert run.best["tiny-bert/promoters/lora"]["rank"] == 8


def test_a_task_without_any_score_is_still_a_task(make_run: Maker) -> None:
    out = make_run(cells=ONE, tasks=TASK)
    scores = pd.read_csv(out / "scores.csv")
    scores.iloc[:0].to_csv(out / "scores.csv", index=False)
    run = read_run(out)
    assert run.tasks == ["promoters"]
    assert run.metric("promoters") == "auroc"


def test_a_loss_is_better_when_smaller(make_run: Maker) -> None:
    assert read_run(make_run(cells=ONE, tasks=TASK, metric="log_loss")).sign("promoters") == -1
