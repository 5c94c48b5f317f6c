"""The kind of a task is told by its labels or declared, and labels keep their exact values."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.basics.errors import UserError
from engine.records import TaskSpec
from engine.tasks import load_task
from engine.tasks.reading.labels import read_labels

SEQUENCES = [f"AAC{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'G' * (5 + i)}T" for i in range(40)]
NUMBERS = [round(0.37 * i - 3, 2) for i in range(40)]
SETS = [";".join(n for n, every in (("a", 2), ("b", 3), ("c", 4)) if i % every == 0) or ";"
        for i in range(40)]  # fmt: skip


def csv(**columns) -> str:
    lines = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, line)) for line in lines)]) + "\n"


def task(write, text: str, kind=None, name: str = "mine.csv"):
    return load_task(TaskSpec("mine", write(name, text), kind=kind))


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ([f"{i / 4}" for i in range(12)], "regression"),  # 12 numbers, most not whole
        (["1e-3", "2.5E2", ".5", "-1.", *map(str, range(8))], "regression"),
        ([str(i) for i in range(12)], "classification"),  # whole numbers may be classes
        ([f"{i}.0" for i in range(12)], "classification"),
        (["0.5;b", "b", "c"], "multilabel"),
        (["a;", "b", "a"], "multilabel"),
        (["a", "b", "c"], "classification"),
    ],
)
def test_labels_tell_the_kind(label, kind):
    assert read_labels({"label": label}, None, "x.csv").kind.name == kind


def test_columns_of_0_and_1_are_multilabel_whatever_their_spelling():
    columns = {
        "label_H3K4me3": ["1", "0", "1"],
        "label_x": ["true", "False", "0.0"],
    }
    labels = read_labels(columns, None, "x.csv")
    assert (labels.kind.name, labels.classes) == ("multilabel", ("H3K4me3", "x"))
    assert labels.values.dtype == np.int64
    assert labels.values.tolist() == [[1, 1], [0, 0], [1, 0]]


def test_sets_are_labels_in_a_stable_order_and_a_separator_alone_is_none():
    labels = read_labels({"label": ["b; a", "a", ";", "b;b;"]}, None, "x.csv")
    assert labels.classes == ("a", "b")
    assert labels.values.tolist() == [[1, 1], [1, 0], [0, 0], [0, 1]]


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=20))
def test_sets_and_columns_give_the_same_labels(rows):
    held = np.array(rows)
    if not ((held.sum(axis=0) > 0) & (held.sum(axis=0) < len(held))).all():
        return
    names = ("a", "b", "c")
    sets = [";".join(n for n, h in zip(names, row, strict=True) if h) + ";" for row in rows]
    columns = {f"label_{n}": [str(int(row[k])) for row in rows] for k, n in enumerate(names)}
    by_set = read_labels({"label": sets}, None, "x.csv")
    by_column = read_labels(columns, None, "x.csv")
    assert by_set.classes == by_column.classes == names
    assert by_set.values.tolist() == by_column.values.tolist() == held.astype(int).tolist()


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30, unique=True)
)
def test_numbers_are_read_to_the_last_bit(values):
    if max(values) == min(values):  # 0.0 and -0.0
        return
    labels = read_labels({"label": [repr(v) for v in values]}, "regression", "x.csv")
    assert labels.values.dtype == np.float64
    assert labels.values.tobytes() == np.array(values).tobytes()
    assert labels.classes == ("value",)


def test_whole_numbers_are_a_regression_where_declared(write):
    text = csv(sequence=SEQUENCES, label=range(40))
    declared = task(write, text, "regression")
    assert declared.kind.name == "regression"
    values = np.concatenate([declared.train.labels, declared.validation.labels])
    assert values.dtype == np.float64
    assert set(values) <= set(map(float, range(40)))


def test_a_regression_is_a_task(write):
    made = task(write, csv(sequence=SEQUENCES, label=NUMBERS))
    assert (made.kind.name, made.classes) == ("regression", ("value",))
    assert made.sizes == {"train": 28, "validation": 6, "test": 6}
    assert made.counts["train"] == {"value": 28}
    assert made.rows == 40
    by_sequence = dict(zip(SEQUENCES, NUMBERS, strict=True))
    for part in (made.train, made.validation, made.unseal_test()):
        assert part.labels.dtype == np.float64
        assert part.labels.tolist() == [by_sequence[s] for s in part.sequences]


def test_a_multilabel_task_counts_rows_once_and_labels_each(write):
    made = task(write, csv(sequence=SEQUENCES, label=SETS))
    assert (made.kind.name, made.classes) == ("multilabel", ("a", "b", "c"))
    assert made.rows == sum(made.sizes.values()) == 40
    assert {n: sum(c[n] for c in made.counts.values()) for n in "abc"} == {
        "a": 20,
        "b": 14,
        "c": 10,
    }
    by_sequence = dict(zip(SEQUENCES, SETS, strict=True))
    for part in (made.train, made.validation, made.unseal_test()):
        assert part.labels.shape == (len(part.sequences), 3)
        for row, sequence in zip(part.labels, part.sequences, strict=True):
            held = [n for n, h in zip(made.classes, row, strict=True) if h]
            assert (";".join(held) or ";") == by_sequence[sequence]


def test_every_format_gives_the_same_labels(write):
    rows = enumerate(zip(SEQUENCES, NUMBERS, strict=True))
    fasta = "".join(f">s{i} label={value}\n{sequence}\n" for i, (sequence, value) in rows)
    sink = io.BytesIO()
    ids = [f"s{i}" for i in range(40)]
    pq.write_table(pa.table({"id": ids, "sequence": SEQUENCES, "label": NUMBERS}), sink)
    made = [
        task(write, csv(id=ids, sequence=SEQUENCES, label=NUMBERS)),
        task(write, fasta, name="mine.fa"),
        load_task(TaskSpec("mine", write("mine.parquet", sink.getvalue()))),
    ]
    assert {t.kind.name for t in made} == {"regression"}
    assert len({t.fingerprint for t in made}) == 1


def test_the_fingerprint_tells_kinds_values_and_the_order_of_labels_apart(write):
    numbers = csv(sequence=SEQUENCES, label=NUMBERS)
    nearly = numbers.replace(f",{NUMBERS[7]}\n", f",{float(np.nextafter(NUMBERS[7], 9))!r}\n")
    held = {n: [int(n in s.split(";")) for s in SETS] for n in "abc"}
    columns = [
        csv(sequence=SEQUENCES, **{f"label_{n}": held[n] for n in order})
        for order in ("abc", "bac")
    ]
    whole = csv(sequence=SEQUENCES, label=[i % 3 for i in range(40)])
    prints = [
        *(task(write, text).fingerprint for text in (numbers, nearly, *columns, whole)),
        task(write, whole, "regression").fingerprint,
        task(write, whole, "multilabel").fingerprint,
    ]
    assert nearly != numbers
    assert len(set(prints)) == len(prints)
    assert task(write, csv(sequence=SEQUENCES, label=SETS)).fingerprint == prints[2]


ROWS = "sequence,label\nA,0.5\nC,1.5\nG,2.5\n"
FAULTS = {
    "few measured": (ROWS, None, "'0.5' in row 1 is a measured number, .* declare kind: regress"),
    "mixed": (
        "sequence,label\nA,0.5\nC,high\nG,2.5\n",
        None,
        "'0.5' in row 1 is a measured number, not a class; but 'high' in row 2 is none; make all",
    ),
    "text": (
        "sequence,label\nA,0.5\nC,high\nG,low\n",
        "regression",
        "are numbers, but 'high' stands in 2 rows, the first is row 2; give a number",
    ),
    "infinite": (
        "sequence,label\nA,0.5\nC,inf\nG,-Infinity\n",
        "regression",
        "'inf' in 2 rows, the first is row 2 is not finite; give a finite number",
    ),
    "overflow": ("sequence,label\nA,0.5\nC,1e999\n", "regression", "'1e999' in row 2 is not fin"),
    "NaN": ("sequence,label\nA,0.5\nC,NaN\n", "regression", "label is missing in row 2; give"),
    "constant": (
        "sequence,label\nA,2.5\nC,2.50\n",
        "regression",
        "all 2 labels are '2.5'; a regression needs values that differ",
    ),
    "never": (
        "sequence,label_a,label_b\nA,1,0\nC,0,0\n",
        None,
        "label 'b' holds in no row, so nothing can be learned of it; take it out",
    ),
    "always": ("sequence,label\nA,a;b\nC,a\n", None, "label 'a' holds in every row"),
    "one label": ("sequence,label\nA,a;\nC,;\n", None, "at least two labels, .* only 'a'; write"),
    "no label": ("sequence,label\nA,;\nC,;\n", None, "at least two labels, but there is none"),
    "empty set": ("sequence,label\nA,a;b\nC,\n", None, "label is missing in row 2; give"),
    "number in a column": (
        "sequence,label_a,label_b\nA,1,0\nC,0,0.3\n",
        None,
        r"column 'label_b' holds '0.3' in row 2; columns label_NAME hold 0 or 1",
    ),
    "missing in a column": (
        "sequence,label_a,label_b\nA,1,\nC,0,1\n",
        None,
        "column 'label_b' is missing in row 1; columns label_NAME hold 0 or 1",
    ),
    "columns of a regression": (
        "sequence,label_a,label_b\nA,1,0\nC,0,1\n",
        "regression",
        "a regression task has one column 'label', but the file has label_a, label_b; keep one",
    ),
    "one column": ("sequence,label_a\nA,1\n", None, "no column 'label'; rename one of"),
    "twice": (
        "sequence,label_a,Label_A\nA,1,0\n",
        None,
        "two columns are called 'label_a'; keep one",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_labels_is_one_line_that_says_what_to_do(fault, write):
    content, kind, message = FAULTS[fault]
    with pytest.raises(UserError, match=rf"^mine\.csv: .*{message}") as error:
        task(write, content, kind)
    assert "\n" not in str(error.value)


def test_a_column_label_goes_before_label_columns_and_they_are_told(write):
    rows = [i % 2 for i in range(40)]
    made = task(write, csv(sequence=SEQUENCES, label=rows, label_text=["x"] * 40))
    assert made.kind.name == "classification"
    assert made.warnings == ("columns that are not read: 'label_text'",)
