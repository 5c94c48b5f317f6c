"""DeLong over anybody's prediction files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats
from sklearn.metrics import roc_auc_score

from engine.compare_files import Comparison, compare_files
from engine.compare_fits import auc_test, omnibus_test
from engine.errors import UserError
from engine.stats import adjust, auc_ci, delong_omnibus, delong_test, macro_auc_test
from tests.fits import welch_df

ROWS = 60
LABEL = np.arange(ROWS) % 2
RNG = np.random.default_rng(0)
#: Three models from good to useless, with ties.
A, B, C = (np.round(LABEL * strength + RNG.normal(size=ROWS), 1) for strength in (2.0, 1.0, 0.0))
IDS = [f"s{i}" for i in range(ROWS)]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def csv(file: str, **columns: object) -> Path:
    pd.DataFrame(columns).to_csv(file, index=False)
    return Path(file)


def refused(*files: Path, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        compare_files(files, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def shown(result: Comparison) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(result.rich())
    return console.export_text()


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


@pytest.mark.parametrize("name", ["label", "y_true", "y", "target"])
@pytest.mark.parametrize("coded", [[0, 1], ["neg", "pos"], [False, True], [1, 2]])
def test_labels_go_by_several_names_and_codes(name: str, coded: list[object]):
    labels = [coded[y] for y in LABEL]
    result = compare_files([csv("p.csv", **{name: labels, "a": A})])
    assert result.scores["auroc"][0] == pytest.approx(roc_auc_score(LABEL, A), abs=1e-12)
    assert len(result.pairs) == 0


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_every_format_is_read(ending: str):
    frame = pd.DataFrame({"label": LABEL, "score": A})
    path = Path("p" + ending)
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    result = compare_files([path])
    assert result.scores["model"].tolist() == ["p"]
    assert result.scores["auroc"][0] == pytest.approx(roc_auc_score(LABEL, A), abs=1e-12)


def test_files_are_joined_by_id_in_whatever_order():
    order = np.random.default_rng(1).permutation(ROWS)
    first = csv("first.csv", id=IDS, label=LABEL, score=A)
    second = csv("second.csv", id=np.array(IDS)[order], label=LABEL[order], score=B[order])
    result = compare_files([first, second])
    assert result.scores["model"].tolist() == ["first", "second"]
    expected = delong_test(LABEL, A, B)
    # In the other order the sums may round otherwise.
    assert result.pairs["p"][0] == pytest.approx(expected.p, rel=1e-9)
    assert result.pairs["delta"][0] == pytest.approx(expected.delta, abs=1e-12)


def test_files_without_ids_are_joined_by_position():
    result = compare_files(
        [csv("a.csv", label=LABEL, score=A), csv("b.csv", target=LABEL, score=B)]
    )
    assert result.pairs["p"][0] == delong_test(LABEL, A, B).p


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


def predictions() -> Path:
    """What a run leaves: two tasks (of two and three classes), two seeds, an untuned fit."""
    rng = np.random.default_rng(3)
    parts = []
    for task, classes in (("suite/t2", 2), ("t3", 3)):
        labels = np.arange(ROWS) % classes
        for encoder in ("x", "y"):
            for variant, seed in (("tuned", 5), ("tuned", 1), ("default", 5)):
                scores = rng.dirichlet(np.ones(classes), ROWS)
                frame = pd.DataFrame(scores, columns=[f"score_{k}" for k in range(classes)])
                frame = frame.assign(
                    cell=f"{encoder}/{task}/probe", variant=variant, seed=seed, id=IDS, label=labels
                )
                parts.append(frame)
    path = Path("predictions.parquet")
    pd.concat(parts, ignore_index=True).to_parquet(path)
    return path


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


def test_groups_are_brought_into_the_order_of_the_ids():
    order = np.random.default_rng(1).permutation(ROWS)
    groups = np.arange(ROWS) // 6  # numbers are no model here
    files = [
        csv("a.csv", id=IDS, label=LABEL, s=A, fold=groups),
        csv("b.csv", id=np.array(IDS)[order], label=LABEL[order], s=B[order], fold=groups[order]),
    ]
    result = compare_files(files, groups="fold")
    both = [np.column_stack([-s, s]) for s in (A, B)]
    assert result.pairs["p"][0] == pytest.approx(auc_test(LABEL, *both, groups=groups)["p"])
    moved = csv("b.csv", id=IDS, label=LABEL, s=B, fold=groups[::-1])
    assert refused(files[0], moved, groups="fold") == "b: its groups are not those of a row by row"


def test_groups_of_a_run_go_with_their_rows():
    path = predictions()
    table = pd.read_parquet(path).assign(family=lambda t: t["id"].str[-1])
    table.to_parquet(path)
    result = compare_files([path], groups="family")
    families = np.array([name[-1] for name in IDS])
    chosen = table[(table["variant"] == "tuned") & (table["seed"] == 5)]
    x, y = (
        chosen.loc[chosen["cell"] == f"{name}/t3/probe", [f"score_{k}" for k in range(3)]]
        for name in "xy"
    )
    expected = auc_test(np.arange(ROWS) % 3, x.to_numpy(), y.to_numpy(), groups=families)
    assert result.pairs["p"][1] == pytest.approx(expected["p"])


def test_measured_labels_are_no_classes():
    path = predictions()
    table = pd.read_parquet(path).assign(score_1=np.nan, score_2=np.nan)
    table.assign(label=table["label"] + 0.5).to_parquet(path)
    assert refused(path).startswith("x/suite/t2/probe: its labels were measured")


def test_a_mistake_in_groups_is_one_line():
    file = csv("p.csv", label=LABEL, a=A, chromosome=["c1", None] * (ROWS // 2))
    assert refused(file, groups="chromosom").endswith("did you mean 'chromosome'?")
    assert refused(file, groups="chromosome") == (
        "p.csv: column 'chromosome', row 2: the group is missing"
    )


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


def test_columns_of_words_and_flags_are_no_models():
    words = ["chr1", "chrX"] * (ROWS // 2)
    result = compare_files([csv("p.csv", label=LABEL, a=A, where=words, seen=LABEL == 1)])
    assert result.scores["model"].tolist() == ["p"]


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


def spoilt(values: np.ndarray, rows: list[int], bad: float) -> np.ndarray:
    values = values.copy()
    values[rows] = bad
    return values


BAD = {
    "no label": ({"klass": LABEL, "a": A}, ["no column of labels", "klass, a", "rename"]),
    "three classes": ({"label": np.arange(ROWS) % 3, "a": A}, ["'label' has 3 classes", "two"]),
    "one class": ({"label": np.zeros(ROWS, int), "a": A}, ["'label' has 1 classes", "two"]),
    "no label value": (
        {"label": spoilt(LABEL.astype(float), [4], np.nan), "a": A},
        ["column 'label', row 5", "missing"],
    ),
    "no scores": ({"label": LABEL, "name": IDS}, ["no numeric column", "one per model"]),
    "nan": (
        {"label": LABEL, "a": A, "b": spoilt(B, [6, 9], np.nan)},
        ["column 'b', row 7", "not finite", "2 such rows"],
    ),
    "text": (
        {"label": LABEL, "a": A, "b": [*B[:8], "0.5?", *B[9:]]},
        ["column 'b', row 9", "'0.5?'", "text among numbers"],
    ),
    "infinite": ({"label": LABEL, "a": spoilt(A, [0], np.inf)}, ["column 'a', row 1"]),
}


@pytest.mark.parametrize(("columns", "parts"), BAD.values(), ids=BAD.keys())
def test_a_mistake_in_a_file_is_one_line(columns: dict[str, object], parts: list[str]):
    message = refused(csv("p.csv", **columns))
    for part in ("p.csv: ", *parts):
        assert part in message


def test_a_missing_file_names_the_nearest_that_could_be_meant():
    csv("predictions.csv", label=LABEL, a=A)
    assert refused(Path("prediction.csv")) == (
        "prediction.csv: no such file; did you mean 'predictions.csv'?"
    )
    assert refused(Path("no/p.csv")) == (
        "no/p.csv: no such file; its folder has no prediction file"
    )


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("p.csv", b"", "cannot be read"),
        ("p.csv", b"label,a\n", "has no rows"),
        ("p.csv", b"label,a\n1,2\n1,2,3\n", "cannot be read"),
        ("p.csv", b"label,a\n1,\xff\n", "cannot be read"),
        ("p.parquet", b"not parquet", "cannot be read"),
        ("p.xlsx", b"x", "give CSV, TSV or Parquet, not '.xlsx'"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, content: bytes, part: str):
    Path(name).write_bytes(content)
    message = refused(Path(name))
    assert message.startswith(f"{name}: ")
    assert part in message


def test_other_labels_are_refused():
    flipped = LABEL.copy()
    flipped[3] = 1 - flipped[3]
    message = refused(csv("a.csv", label=LABEL, s=A), csv("b.csv", label=flipped, s=B))
    assert message.startswith("b: its labels are not those of a row by row")
    assert "`id` column" in message


def test_another_number_of_rows_is_refused():
    first, second = csv("a.csv", label=LABEL, s=A), csv("b.csv", label=LABEL[:-2], s=B[:-2])
    assert "b: its labels are not those of a" in refused(first, second)


@pytest.mark.parametrize(
    "ids",
    [
        [*IDS[:-1], "other"],
        [*IDS[:-1], IDS[0]],
        IDS[:-2],
    ],
    ids=["another", "twice", "fewer"],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_other_ids_are_refused_whichever_file_comes_first(ids: list[str], swapped: bool):
    rows = len(ids)
    files = [
        csv("a.csv", id=IDS, label=LABEL, s=A),
        csv("b.csv", id=ids, label=LABEL[:rows], s=B[:rows]),
    ]
    message = refused(*(files[::-1] if swapped else files))
    assert "its ids are not those of" in message


def test_a_row_is_never_counted_twice_to_make_ids_fit():
    twice = csv("a.csv", id=["p", "p", "q", "r"], label=[0, 0, 1, 1], s=[0.1, 0.1, 0.2, 0.3])
    once = csv("b.csv", id=["p", "q", "r"], label=[0, 1, 1], s=[0.1, 0.2, 0.3])
    assert "its ids are not those of" in refused(twice, once)


def test_an_unknown_correction_and_an_impossible_level_are_told():
    file = csv("p.csv", label=LABEL, a=A)
    assert refused(file, correction="hulm") == "--correction hulm: did you mean 'holm'?"
    assert refused(file, alternative="grater") == "--alternative grater: did you mean 'greater'?"
    assert refused(file, level=95).startswith("--level 95: give a confidence between 0 and 1")


def test_a_model_of_several_classes_has_a_column_for_each():
    rng = np.random.default_rng(2)
    labels = np.arange(ROWS) % 3
    a, b = (rng.dirichlet(np.ones(3), ROWS) for _ in range(2))
    named = np.array(["EI", "IE", "N"])[labels]  # as `predict` writes them
    files = [
        csv(f"{name}.csv", label=named, score_N=m[:, 2], score_EI=m[:, 0], score_IE=m[:, 1])
        for name, m in (("a", a), ("b", b))
    ]
    result = compare_files(files)
    assert result.scores["model"].tolist() == ["a", "b"]
    assert result.pairs["p"][0] == macro_auc_test(labels, a, b).p
    two = csv("two.csv", label=LABEL, score_0=1 - A, score_1=A)
    assert compare_files([two]).scores["auroc"].tolist() == [
        pytest.approx(roc_auc_score(LABEL, A), abs=1e-12)
    ]


def test_models_of_one_name_are_told_apart_by_their_files():
    files = [Path("x/p.csv"), Path("y/p.csv")]
    for file, scores in zip(files, (A, B), strict=True):
        file.parent.mkdir()
        csv(str(file), label=LABEL, s=scores)
    assert compare_files(files).scores["model"].tolist() == ["x/p", "y/p"]
    for file, scores in zip(files, (A, B), strict=True):
        csv(str(file), label=LABEL, s=scores, t=C)
    names = compare_files(files).scores["model"].tolist()
    assert names == ["x/p:s", "x/p:t", "y/p:s", "y/p:t"]
    assert refused(files[0], files[0]) == "x/p:s: given twice; give every model once"


def test_the_columns_that_are_models_can_be_named():
    file = csv("p.csv", label=LABEL, a=A, fold=LABEL * 0 + 1, b=B)
    assert compare_files([file], columns=["b", "a"]).scores["model"].tolist() == ["b", "a"]
    assert refused(file, columns=["fol"]) == "p.csv: --score fol: did you mean 'fold'?"


def test_the_row_numbers_that_pandas_writes_are_no_model():
    pd.DataFrame({"label": LABEL, "s": A}).to_csv("p.csv")
    assert compare_files([Path("p.csv")]).scores["model"].tolist() == ["p"]


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


def test_labels_that_contradict_the_ids_are_told_as_such():
    files = [csv("a.csv", id=IDS, label=LABEL, s=A), csv("b.csv", id=IDS, label=1 - LABEL, s=B)]
    message = refused(*files)
    assert "for the same ids" in message
    assert "give both" not in message


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
        claims += omnibus_test(label, scores, groups)["p"] < 0.05
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
    of_two = omnibus_test(LABEL, np.stack([A, B]), groups)
    t = delong_test(LABEL, A, B, groups=groups).z
    assert of_two["p"] == pytest.approx(2 * stats.t.sf(abs(t), 11))
    # Positives of three groups only, negatives of thirty others.
    apart = np.where(LABEL == 1, np.arange(ROWS) // 2 % 3, 3 + np.arange(ROWS))
    with pytest.raises(ValueError, match="3 groups of a class cannot tell 4 models apart"):
        omnibus_test(LABEL, np.stack([A, B, C, np.random.default_rng(9).normal(size=ROWS)]), apart)


def test_rows_of_several_labels_are_no_classes():
    path = predictions()
    pd.read_parquet(path).assign(label=np.nan).to_parquet(path)
    assert refused(path).startswith("x/suite/t2/probe: its rows have several labels")
