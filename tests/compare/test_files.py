"""DeLong over anybody's prediction files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from engine.compare.by_area import Areas
from engine.compare.files import compare_files
from engine.stats import adjust, auc_ci, delong_omnibus, delong_test, macro_auc_test
from tests.compare.fits import welch_df
from tests.compare.prediction_tables import (
    IDS,
    LABEL,
    ROWS,
    A,
    B,
    C,
    csv,
    predictions,
    refused,
    shown,
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_columns_of_a_file_are_models():
    result = compare_files([csv("p.csv", label=LABEL, a=A, b=B, c=C)])
    assert result.scores["model"].tolist() == ["a", "b", "c"]
    for row, values in zip(result.scores.to_dict("records"), (A, B, C), strict=True):
        assert row["auroc"] == pytest.approx(roc_auc_score(LABEL, values), abs=1e-12)
        expected = auc_ci(LABEL, values)
        assert (row["ci_low"], row["ci_high"]) == (expected.ci_low, expected.ci_high)
        assert row["rows"] == ROWS
    pairs = result.pairs.to_dict("records")
    assert [(p["a"], p["b"]) for p in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair, (first, second) in zip(pairs, ((A, B), (A, C), (B, C)), strict=True):
        expected = delong_test(LABEL, first, second)
        assert (pair["delta"], pair["p"]) == (expected.delta, expected.p)
    np.testing.assert_array_equal(result.pairs["p_adjusted"], adjust(result.pairs["p"], "holm"))


@pytest.mark.parametrize("correction", ["holm", "bh", "by", "none"])
def test_the_correction_runs_over_all_pairs(correction: str):
    result = compare_files([csv("p.csv", label=LABEL, a=A, b=B, c=C)], correction)
    np.testing.assert_array_equal(result.pairs["p_adjusted"], adjust(result.pairs["p"], correction))


def test_the_level_widens_the_intervals():
    file = csv("p.csv", label=LABEL, a=A, b=B)
    narrow, wide = compare_files([file], level=0.5), compare_files([file], level=0.99)
    for table in ("scores", "pairs"):
        assert (getattr(wide, table)["ci_low"] < getattr(narrow, table)["ci_low"]).all()
    expected = delong_test(LABEL, A, B, level=0.99)
    assert wide.pairs["ci_high"][0] == expected.ci_high


def test_the_predictions_of_a_run_give_its_tuned_cells_at_their_first_seed():
    path = predictions()
    result = compare_files([path])
    cells = ["x/suite/t2/probe", "y/suite/t2/probe", "x/t3/probe", "y/t3/probe"]
    assert result.scores["model"].tolist() == cells
    # Models of different tasks are not compared.
    assert list(zip(result.pairs["a"], result.pairs["b"], strict=True)) == [
        (cells[0], cells[1]),
        (cells[2], cells[3]),
    ]
    table = pd.read_parquet(path)
    chosen = table[(table["variant"] == "tuned") & (table["seed"] == 5)]
    two = {c: chosen[chosen["cell"] == c]["score_1"].to_numpy() for c in cells[:2]}
    expected = delong_test(LABEL, two[cells[0]], two[cells[1]])
    assert result.pairs["p"][0] == expected.p
    assert result.pairs["test"].tolist() == ["DeLong", "macro DeLong"]
    three = {
        c: chosen[chosen["cell"] == c][["score_0", "score_1", "score_2"]].to_numpy()
        for c in cells[2:]
    }
    expected = macro_auc_test(np.arange(ROWS) % 3, three[cells[2]], three[cells[3]])
    assert result.pairs["p"][1] == expected.p


def test_rows_of_a_group_count_together():
    groups = np.repeat(["chr1", "chr2", "chr3", "chr4", "chr5", "chr6"], 10)
    result = compare_files(
        [csv("p.csv", label=LABEL, a=A, b=B, chromosome=groups)], groups="chromosome"
    )
    expected = delong_test(LABEL, A, B, groups=groups)
    # Six chromosomes tell the standard error.
    both = [np.column_stack([-s, s]) for s in (A, B)]
    df = welch_df(LABEL, groups, *both)
    assert result.pairs["z"][0] == expected.z != delong_test(LABEL, A, B).z
    assert result.pairs["p"][0] == pytest.approx(2 * stats.t.sf(abs(expected.z), df))
    half_width = stats.t.ppf(0.975, df) * expected.se
    assert result.pairs["ci_low"][0] == pytest.approx(expected.delta - half_width)
    area = auc_ci(LABEL, A, groups=groups)
    half_width = stats.t.ppf(0.975, welch_df(LABEL, groups, both[0])) * area.se
    assert result.scores["ci_low"][0] == pytest.approx(area.auc - half_width)
    assert result.scores["model"].tolist() == ["a", "b"]
    assert "Rows of one 'chromosome' count together" in shown(result)


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_one_sided_on_request(alternative: str):
    result = compare_files([csv("p.csv", label=LABEL, a=A, b=B)], alternative=alternative)
    assert result.pairs["p"][0] == delong_test(LABEL, A, B, alternative).p
    assert f"p, a {'>' if alternative == 'greater' else '<'} b" in shown(result)


def test_all_models_at_once_on_request():
    file = csv("p.csv", label=LABEL, a=A, b=B, c=C)
    expected = delong_omnibus(LABEL, [A, B, C])
    result = compare_files([file], omnibus=True)
    assert result.omnibus["p"].tolist() == [expected.p]
    assert f"all 3 equal? chi-square {expected.chi2:.2f} with 2 degrees" in shown(result)
    assert len(compare_files([file]).omnibus) == 0
    perfect = csv("q.csv", label=LABEL, a=LABEL, b=LABEL * 0, c=A)
    assert "no p-value" in shown(compare_files([perfect], omnibus=True))
    two = csv("two.csv", label=LABEL, a=A, b=B)
    assert "no task has three models" in refused(two, omnibus=True)


def test_the_table_is_shown_and_written(elsewhere: Path):
    result = compare_files([csv("p.csv", label=LABEL, **{"a[x]": A, "[/b]": B})], "bh")
    text = shown(result)
    for part in ("a[x]", "[/b]", "p (bh)", f"{roc_auc_score(LABEL, A):.4f}"):
        assert part in text
    result.write(elsewhere / "out" / "pairs.csv")
    written = pd.read_csv(elsewhere / "out" / "pairs.csv")
    assert written["p"][0] == pytest.approx(delong_test(LABEL, A, B).p, rel=1e-12)


def test_one_model_is_shown_without_a_table_of_pairs():
    assert "difference" not in shown(compare_files([csv("p.csv", label=LABEL, a=A)]))


def test_where_no_test_is_possible_the_table_says_why():
    labels = [0] * 10 + [1]
    result = compare_files([csv("p.csv", label=labels, a=range(11), b=list(range(11))[::-1])])
    assert shown(result).count("at least two") == 3  # two models and their pair
    assert np.isnan(result.pairs["p_adjusted"][0])


def test_an_unknown_correction_and_an_impossible_level_are_told():
    file = csv("p.csv", label=LABEL, a=A)
    assert refused(file, correction="hulm") == "--correction hulm: did you mean 'holm'?"
    assert refused(file, alternative="grater") == "--alternative grater: did you mean 'greater'?"
    assert refused(file, level=95).startswith("--level 95: give a confidence between 0 and 1")


def test_the_level_is_named_where_the_intervals_stand():
    text = shown(compare_files([csv("p.csv", label=LABEL, a=A, b=B)], level=0.9))
    assert text.count("90 % CI") == 2
    assert "95" not in text.splitlines()[0]


def test_files_joined_by_position_are_said_to_be():
    first, second = csv("a.csv", label=LABEL, s=A), csv("b.csv", id=IDS, label=LABEL, s=B)
    told = "joined row by row"
    assert told in shown(compare_files([first, second]))
    assert told not in shown(compare_files([second, csv("c.csv", id=IDS, label=LABEL, s=A)]))
    assert told not in shown(compare_files([csv("p.csv", label=LABEL, a=A, b=B)]))


def test_the_written_table_stands_alone(elsewhere: Path):
    result = compare_files([csv("p.csv", label=LABEL, a=A, b=B)], "by", 0.9, "greater")
    result.write(elsewhere / "pairs.csv")
    row = pd.read_csv(elsewhere / "pairs.csv").iloc[0]
    assert row["auroc_a"] == pytest.approx(roc_auc_score(LABEL, A), abs=1e-12)
    assert row["auroc_b"] == pytest.approx(roc_auc_score(LABEL, B), abs=1e-12)
    assert (row["correction"], row["alternative"], row["level"]) == ("by", "greater", 0.9)


def test_few_groups_do_not_tell_many_models_apart_by_chance():
    # Of five models that are equal in expectation; 16 groups, each of both classes.
    rng = np.random.default_rng(0)
    groups, label = np.repeat(np.arange(16), 10), np.tile([0, 1], 80)
    claims = 0
    for _ in range(200):
        luck = rng.normal(size=(5, 16))[:, groups] * (2 * label - 1)
        scores = label + luck + rng.normal(size=(5, 160))
        models = [np.column_stack([-one, one]) for one in scores]
        claims += Areas(label, groups).omnibus(models).p < 0.05
    # In 2,000 simulations 7 % by F and 22 % by chi-square: 30 of 200 lie far from either.
    assert claims < 30


def test_all_models_at_once_over_groups_is_hotellings_test():
    groups = np.repeat(np.arange(12), 5)
    file = csv("p.csv", label=LABEL, a=A, b=B, c=C, gene=groups)
    chi2 = delong_omnibus(LABEL, [A, B, C], groups=groups).chi2
    found = compare_files([file], groups="gene", omnibus=True)
    assert found.omnibus["p"][0] == pytest.approx(stats.f.sf(chi2 * 10 / (2 * 11), 2, 10))
    assert "with 2 and 10 degrees of freedom" in shown(found)
    # For two models it is the square of Student's t.
    models = [
        np.column_stack([-one, one])
        for one in (A, B, C, np.random.default_rng(9).normal(size=ROWS))
    ]
    of_two = Areas(LABEL, groups).omnibus(models[:2])
    t = delong_test(LABEL, A, B, groups=groups).z
    assert of_two.p == pytest.approx(2 * stats.t.sf(abs(t), 11))
    # Positives of three groups only, negatives of thirty others.
    apart = np.where(LABEL == 1, np.arange(ROWS) // 2 % 3, 3 + np.arange(ROWS))
    with pytest.raises(ValueError, match="3 groups of a class cannot tell 4 models apart"):
        Areas(LABEL, apart).omnibus(models)
