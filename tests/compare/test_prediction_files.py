"""Anybody's prediction files: what is read, joined, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from engine.compare.by_area import Areas
from engine.compare.files import compare_files
from engine.stats import delong_test, macro_auc_test
from tests.compare.prediction_tables import IDS, LABEL, ROWS, A, B, C, csv, predictions, refused


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_groups_are_brought_into_the_order_of_the_ids():
    order = np.random.default_rng(1).permutation(ROWS)
    groups = np.arange(ROWS) // 6  # numbers are no model here
    files = [
        csv("a.csv", id=IDS, label=LABEL, s=A, fold=groups),
        csv("b.csv", id=np.array(IDS)[order], label=LABEL[order], s=B[order], fold=groups[order]),
    ]
    result = compare_files(files, groups="fold")
    both = [np.column_stack([-s, s]) for s in (A, B)]
    assert result.pairs["p"][0] == pytest.approx(
        Areas(LABEL, groups).difference(*both, 0.95, "two-sided").p
    )
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
    three = Areas(np.arange(ROWS) % 3, families)
    expected = three.difference(x.to_numpy(), y.to_numpy(), 0.95, "two-sided")
    assert result.pairs["p"][1] == pytest.approx(expected.p)


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


def test_columns_of_words_and_flags_are_no_models():
    words = ["chr1", "chrX"] * (ROWS // 2)
    result = compare_files([csv("p.csv", label=LABEL, a=A, where=words, seen=LABEL == 1)])
    assert result.scores["model"].tolist() == ["p"]


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


def test_labels_that_contradict_the_ids_are_told_as_such():
    files = [csv("a.csv", id=IDS, label=LABEL, s=A), csv("b.csv", id=IDS, label=1 - LABEL, s=B)]
    message = refused(*files)
    assert "for the same ids" in message
    assert "give both" not in message


def test_rows_of_several_labels_are_no_classes():
    path = predictions()
    pd.read_parquet(path).assign(label=np.nan).to_parquet(path)
    assert refused(path).startswith("x/suite/t2/probe: its rows have several labels")


def test_a_model_is_named_once_and_columns_have_one_name_each(elsewhere: Path):
    file = csv("p.csv", label=LABEL, a=A, b=B)
    message = refused(file, columns=["a", "a"])
    assert message == "--score a: given twice; give every model once"


@pytest.mark.parametrize("spelt", [float, bool])
def test_classes_0_and_1_are_those_of_the_columns_however_they_were_written(spelt: type):
    """Not two models, one the opposite of the other."""
    chances = 1 / (1 + np.exp(-A))
    labels = LABEL.astype(spelt)
    found = compare_files([csv("p.csv", label=labels, score_0=1 - chances, score_1=chances)])
    assert found.scores["model"].tolist() == ["p"]
    assert found.scores["auroc"].tolist() == pytest.approx([roc_auc_score(LABEL, A)])


def test_files_of_other_sequences_must_name_the_same_classes():
    names = np.array(["case", "control"])[LABEL], np.array(["control", "treated"])[LABEL]
    files = [csv(f"{k}.csv", label=label, s=A) for k, label in enumerate(names)]
    message = refused(*files, unpaired=True)
    for part in (
        "--unpaired",
        "0.csv are case, control, those of 1.csv control, treated",
        "name them",
    ):
        assert part in message
