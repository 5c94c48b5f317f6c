import numpy as np
import pytest

from engine.basics.errors import UserError
from engine.tasks import load_task
from engine.tasks.reading.files import Table
from engine.tasks.reading.rows import SPLIT_NAMES, check


def rows(**columns):
    return check(Table(columns, ()), "x.csv")


def test_sequences_become_upper_case_dna_and_keep_ambiguity_codes():
    checked = rows(sequence=["acgtn", " ACGU ", "RYSWKMBDHV"], label=["a", "b", "a"])
    assert checked.sequences == ("ACGTN", "ACGT", "RYSWKMBDHV")
    assert checked.warnings == ("U (RNA) is read as T; sequences that hold it: 1",)
    assert checked.labels.values.dtype == np.int64
    assert checked.ids == ("row1", "row2", "row3")
    assert checked.splits is None
    assert checked.groups is None


@pytest.mark.parametrize(
    ("written", "classes", "labels"),
    [
        (["10", "9", "-1"], ("-1", "9", "10"), [2, 1, 0]),  # integers: numeric order
        (["1.0", "0.0", "1"], ("0", "1"), [1, 0, 1]),  # integers that went through floats
        (["yes", "no", "yes"], ("no", "yes"), [1, 0, 1]),
        (["10", "9", "x"], ("10", "9", "x"), [0, 1, 2]),  # not all integers: sorted as text
        ([" a ", "b", "a"], ("a", "b"), [0, 1, 0]),
        (["none", "v1.5", "none"], ("none", "v1.5"), [0, 1, 0]),
    ],
)
def test_classes_have_a_stable_order(written, classes, labels):
    checked = rows(sequence=["A", "C", "G"], label=written)
    assert checked.labels.classes == classes
    assert checked.labels.values.tolist() == labels


def test_splits_are_known_under_their_usual_names():
    names = [*SPLIT_NAMES, "Train", "TEST"]
    checked = rows(
        sequence=["A"] * len(names), label=list("ab" * len(names))[: len(names)], split=names
    )
    assert checked.splits == (
        *("train", "train", "validation", "validation", "validation", "validation", "test"),
        *("train", "test"),
    )


def test_columns_that_are_not_read_are_told():
    checked = check(Table({"sequence": ["A", "C"], "label": ["a", "b"]}, ("splits", "y")), "x.csv")
    assert checked.warnings == ("columns that are not read: 'splits', 'y'",)


# Content of a CSV file, and what its one line must say: where, and what to do.
FAULTS = {
    "letters": (
        "sequence,label\nACGT,0\nACXT,1\nAC-T,1\n",
        r"no IUPAC nucleotide stand in 2 rows, the first is row 2 \('X' at base 3 of 'ACXT'\);"
        " write an unknown base as N",
    ),
    "protein": ("sequence,label\nMEEP,0\nACGT,1\n", r"in row 1 \('E' at base 2 of 'MEEP'\)"),
    "space": ("sequence,label\nAC GT,0\nACGT,1\n", r"in row 1 \(' ' at base 3"),
    "empty sequence": (
        "sequence,label\nACGT,0\n,1\n  ,1\n",
        "sequence is empty in 2 rows, the first is row 2; fill it or take the row out",
    ),
    "missing label": ("sequence,label\nA,0\nC,\n", "label is missing in row 2; give every row a"),
    "NaN label": ("sequence,label\nA,NaN\nC,NA\nG,1\n", "label is missing in 2 rows, .* row 1;"),
    "measured": (
        "sequence,label\nA,1.0\nC,0.25\n",
        "label '0.25' in row 2 is a measured number, not a class; put the values into classes",
    ),
    "one class": (
        "sequence,label\nA,on\nC,on\n",
        "all 2 labels are 'on'; a task needs at least two classes",
    ),
    "unknown split": (
        "sequence,label,split\nA,0,train\nC,1,tset\nG,1,tset\n",
        r"split 'tset' in 2 rows, the first is row 2 is unknown; did you mean 'test'\?",
    ),
    "missing split": ("sequence,label,split\nA,0,\nC,1,test\n", "split is missing in row 1; give"),
    "no test": (
        "sequence,label,split\nA,0,train\nC,1,train\n",
        "column 'split' has no test rows; mark some, or leave the column out",
    ),
    "no train": ("sequence,label,split\nA,0,test\nC,1,val\n", "has no train rows; mark some"),
    "missing group": ("sequence,label,group\nA,0,g\nC,1,\n", "group is missing in row 2; give"),
    "missing id": ("sequence,label,id\nA,0,\nC,1,x\n", "id is missing in row 1; give every row"),
    "double id": (
        "sequence,label,id\nA,0,x\nC,1,y\nG,1,x\nT,1,y\n",
        r"id 'x' stands in row 1 and in row 3 \(2 repeated in all\); make ids unique",
    ),
    "class without train": (
        "sequence,label,split\nA,0,train\nCC,1,train\nG,0,val\nGG,1,val\nT,1,test\nTT,2,test\n",
        "class '2' has no rows in train; mark some of its rows train",
    ),
    "test of one class": (
        "sequence,label,split\nA,0,train\nCC,1,train\nG,0,val\nGG,1,val\nCA,1,test\n",
        "the test split holds one class only, so nothing can be scored on it; give",
    ),
    "validation of one class": (
        "sequence,label,split\nA,0,train\nCC,1,train\nG,0,val\nCA,1,test\nCT,0,test\n",
        "the validation split holds one class only, so nothing can be scored",
    ),
    "too few": (
        "sequence,label\nA,0\nCC,1\n",
        "the validation split that was made holds no rows, .* three or more different sequences",
    ),
    "too few groups": (
        "sequence,label,group\nA,0,g\nCC,1,g\nCA,0,g\nCT,1,g\n",
        "that was made holds no rows, .* three or more different groups",
    ),
    "too few to carve": (
        "sequence,label,split\nA,0,train\nCC,1,train\nG,0,test\nGT,1,test\n",
        "the validation split that was made holds no rows",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_rows_is_one_line_that_says_what_to_do(fault, write):
    content, message = FAULTS[fault]
    with pytest.raises(UserError, match=rf"^mine\.csv: .*{message}") as error:
        load_task(write("mine.csv", content))
    assert "\n" not in str(error.value)


def test_class_missing_from_test_is_a_warning(write):
    lines = ["sequence,label,split"]
    for number, split in enumerate(["train", "val", "test"]):
        for label in "abc" if split != "test" else "ab":
            lines.append(f"{'ACG'[number] * (ord(label) - 90)}AC,{label},{split}")
    task = load_task(write("mine.csv", "\n".join(lines)))
    assert task.warnings == ("class 'c' has no rows in test, so it is not scored there",)
    assert task.counts["test"] == {"a": 1, "b": 1, "c": 0}
