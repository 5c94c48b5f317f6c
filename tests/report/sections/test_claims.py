"""What the report claims of its tests."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from engine.report.facts.duels import duels
from engine.report.facts.references import references
from engine.report.facts.standings import leaderboard
from engine.report.finished_run import read_run
from engine.report.sections.claims import claims
from engine.report.sections.methods import methods_paragraph

Maker = Callable[..., Path]


@pytest.mark.parametrize(
    ("groups", "heading"),
    [
        ({}, "Test sequences count as independent"),
        ({"t": 24, "u": 7}, "Groups of test sequences count as independent"),
        ({"t": 24}, "Test sequences, or groups of them, count as independent"),
    ],
)
def test_what_counts_as_independent_follows_the_groups(
    make_run: Maker, groups: dict[str, int], heading: str
) -> None:
    cells = {("a", "probe"): (0.9, 0.9), ("b", "probe"): (0.8, 0.8)}
    out = make_run(cells=cells, tasks=("t", "u"))
    pairs = pd.read_csv(out / "comparisons.csv")
    pairs["n_groups"] = pairs["task"].map(groups)
    pairs.to_csv(out / "comparisons.csv", index=False)
    run = read_run(out)
    told = dict(claims(run, leaderboard(run), duels(run)))
    for task, number in groups.items():
        assert f"{task} ({number} groups)" in told[heading]


def pairs_of_methods(out: Path, **columns: object) -> None:
    """Give every pair of a run a test over seeds, with these columns changed."""
    pairs = pd.read_csv(out / "comparisons.csv")
    pairs = pairs.assign(claim="methods", agreement="significant", margin=0.01, equivalence_p=0.5)
    for name in ("delta", "ci_low", "ci_high", "p", "log10_p", "p_adjusted"):
        pairs[f"method_{name}"] = pairs[name]
    pairs.assign(**columns).to_csv(out / "comparisons.csv", index=False)


def told_of(out: Path) -> str:
    run = read_run(out)
    return " ".join(text for _, text in claims(run, leaderboard(run), duels(run)))


def test_the_share_of_seeds_is_told_where_it_is_known(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
    out = make_run(cells=cells, tasks=("t",), per_cell=2)
    pairs_of_methods(out, var_seed=1e-5, var_test=3e-5)
    assert "seeds make up 25 % of the variance" in told_of(out)
    # Two methods whose fits are all equal: no variance, and no share of it.
    pairs_of_methods(out, var_seed=0, var_test=0)
    told = told_of(out)
    assert "nan" not in told
    assert "(3 seeds a method)" in told


def test_the_test_of_single_models_has_its_own_name(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
    out = make_run(cells=cells, tasks=("t",), metric="mcc", per_cell=2)
    pairs_of_methods(out, test="paired bootstrap")
    told = told_of(out)
    assert "models of seed 0 (paired bootstrap)" in told
    assert "DeLong" not in told


@pytest.mark.parametrize(
    ("correction", "wanted", "unwanted"),
    [
        (
            "holm",
            ("adjusted by Holm over all pairs of one task", "adjusted likewise"),
            "of 20 pairs",
        ),
        ("none", ("of 20 pairs without any difference one is expected",), "adjusted likewise"),
    ],
)
def test_what_is_not_adjusted_is_not_said_to_be(
    make_run: Maker, correction: str, wanted: tuple[str, ...], unwanted: str
) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.899,)}
    out = make_run(cells=cells, tasks=("t",), per_cell=2)
    pairs_of_methods(out, correction=correction)
    told = told_of(out)
    assert all(words in told for words in wanted)
    assert unwanted not in told
    run = read_run(out)
    paragraph = methods_paragraph(run, None, references(run))
    assert ("not adjusted over" in paragraph, "adjusted likewise" in paragraph) == (
        False,
        correction == "holm",
    )


def test_a_bootstrap_is_told_with_its_number_of_resamples(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}
    out = make_run(cells=cells, tasks=("t",), metric="mcc", per_cell=2)
    pairs_of_methods(out, test="paired bootstrap")
    run = read_run(out)
    said = methods_paragraph(run, None, references(run))
    assert "percentiles of 2,000 bootstrap resamples" in said


def test_one_pair_is_and_two_pairs_are(make_run: Maker) -> None:
    for cells, words in (
        ({("a", "probe"): (0.9,), ("b", "probe"): (0.899,)}, "1 pair that is not"),
        (
            {("a", "probe"): (0.9,), ("b", "probe"): (0.899,), ("c", "lora"): (0.9,)},
            "3 pairs that are",
        ),
    ):
        assert words in told_of(make_run(cells=cells, tasks=("t",), per_cell=2))


def test_intervals_of_few_groups_are_students_and_not_called_too_narrow(make_run: Maker) -> None:
    out = make_run(cells={("a", "probe"): (0.9,), ("b", "probe"): (0.8,)}, tasks=("t",))
    pairs = pd.read_csv(out / "comparisons.csv")
    pairs.assign(n_groups=8).to_csv(out / "comparisons.csv", index=False)
    assert "too narrow" not in told_of(out)


def test_the_paper_says_how_several_classes_and_labels_are_averaged(make_run: Maker) -> None:
    cells = {("a", "probe"): (0.9, 0.9), ("b", "probe"): (0.8, 0.8)}
    run = read_run(make_run(cells=cells, tasks=("t", "promoters")))
    several = "AUROC (of more than two classes the mean over classes, each against the rest)"
    assert several in methods_paragraph(run, None, references(run))
    run.manifest["tasks"]["t"]["kind"] = "multilabel"
    text = methods_paragraph(run, None, references(run))
    assert "AUROC (of several labels the mean over labels) on" in text
    del run.manifest["tasks"]["t"]
    assert "AUROC on the test split" in methods_paragraph(run, None, references(run))
