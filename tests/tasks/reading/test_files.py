import csv
import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.basics.errors import UserError
from engine.basics.values import quote
from engine.tasks import load_task
from engine.tasks.reading.files import parse

NAMES = ("id", "sequence", "label", "split", "group")
WORD = st.text("abcXYZ019_.-", min_size=1, max_size=8)


@st.composite
def columns(draw) -> dict[str, list[str]]:
    ids = draw(st.lists(WORD, min_size=1, max_size=12, unique=True))
    size = len(ids)

    def some(values):
        return draw(st.lists(values, min_size=size, max_size=size))

    return {
        "id": ids,
        "sequence": some(st.text("ACGTUNRYSWKMBDHVacgtn", min_size=1, max_size=30)),
        "label": some(WORD),
        "split": some(st.sampled_from(["train", "test", "dev"])),
        "group": some(WORD),
    }


def separated(table: dict[str, list[str]], delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def parquet(table: dict[str, list]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(table), sink)
    return sink.getvalue()


def fasta(table: dict[str, list[str]], width: int = 7) -> bytes:
    text = ""
    for name, sequence, label, split, group in zip(*(table[n] for n in NAMES), strict=True):
        text += f">{name} split={split} label={label} group={group}\n"
        text += "".join(
            sequence[start : start + width] + "\n" for start in range(0, len(sequence), width)
        )
    return text.encode()


@given(columns())
def test_every_format_gives_back_what_was_written(table):
    contents = {
        "x.csv": separated(table, ","),
        "x.tsv": separated(table, "\t"),
        "x.parquet": parquet(table),
        "x.fa": fasta(table),
    }
    contents |= {
        f"{name}.gz": gzip.compress(content)
        for name, content in contents.items()
        if name != "x.parquet"
    }
    for name, content in contents.items():
        read = parse(content, name)
        assert read.columns == table, name
        assert read.unread == ()


def test_every_format_gives_the_same_task(write, good_rows):
    table = {
        "id": [f"s{row}" for row in range(len(good_rows))],
        "sequence": [sequence for sequence, _ in good_rows],
        "label": [label for _, label in good_rows],
        "split": [("train", "validation", "test")[row // 2 % 3] for row in range(len(good_rows))],
        "group": [f"g{row}" for row in range(len(good_rows))],
    }
    numbers = table | {"label": [int(label) for label in table["label"]]}
    halves = table | {"label": [float(label) for label in table["label"]]}
    files = [
        write("a.csv", separated(table, ",")),
        write("a.tsv.gz", gzip.compress(separated(table, "\t"))),
        write("a.parquet", parquet(table)),
        write("numbers.parquet", parquet(numbers)),
        write("halves.parquet", parquet(halves)),
        write("halves.csv", separated(halves, ",")),
        write("a.fasta", fasta(table)),
        write("a.fna.gz", gzip.compress(fasta(table))),
    ]
    tasks = [load_task(file) for file in files]
    assert len({task.fingerprint for task in tasks}) == 1
    assert {task.classes for task in tasks} == {("0", "1")}


@pytest.mark.parametrize(
    ("header", "values"),
    [
        (">s1 label=on split=train group=chr1", ("s1", "on", "train", "chr1")),
        (">s1 group=chr1 LABEL=on Split=train", ("s1", "on", "train", "chr1")),
        (">s1 on split=train group=chr1", ("s1", "on", "train", "chr1")),
        (">s1 some words on split=train group=chr1", ("s1", "on", "train", "chr1")),
        (">s1|on split=train group=chr1", ("s1", "on", "train", "chr1")),
        (">db|s1|on split=train group=chr1", ("db|s1", "on", "train", "chr1")),
        (">db|s1 label=on split=train group=chr1", ("db|s1", "on", "train", "chr1")),
    ],
)
def test_fasta_headers_carry_values(header, values):
    columns = parse(f"\n{header}\r\nAC\r\n\r\nGT\r\n".encode(), "x.fa").columns
    assert columns == {
        "sequence": ["ACGT"],
        "id": [values[0]],
        "label": [values[1]],
        "split": [values[2]],
        "group": [values[3]],
    }


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("odd", ["\u2028", "\x0b", "\x0c", "\x1c", "\x85"])
def test_only_line_breaks_end_a_line_of_fasta(odd, end):
    content = end.join([f">a{odd}b label=x", "ACGT", "AC", ">c label=y", "GG"])
    assert parse(content.encode(), "a.fasta").columns["sequence"] == ["ACGTAC", "GG"]


def test_column_names_are_read_whatever_their_case_and_others_are_told():
    content = "\ufeffSeq_Name, SEQUENCE ,Label\r\nx,ACGT,1\r\n\r\ny,GG,0"
    table = parse(content.encode(), "x.csv")
    assert table.columns == {"sequence": ["ACGT", "GG"], "label": ["1", "0"]}
    assert table.unread == ("Seq_Name",)


def test_row_numbers_of_pandas_are_no_column():
    table = {"sequence": ["A"], "label": ["1"], "__index_level_0__": [7]}
    assert parse(parquet(table), "x.parquet").unread == ()


def test_missing_value_of_parquet_is_none():
    table = {"sequence": ["A", None], "label": [None, 1]}
    columns = {"sequence": ["A", None], "label": [None, "1"]}
    assert parse(parquet(table), "x.parquet").columns == columns


FAULTS = {
    "white.csv": (b" \n\n", "is empty; it needs rows"),
    "white.fa": (b"\n\n", "is empty; it needs rows"),
    "empty.csv.gz": (gzip.compress(b""), "is empty; it needs rows"),
    "header.csv": (b"sequence,label\n", "a header but no rows; add"),
    "header_alone.csv": (b"sequence,label", "a header but no rows; add"),
    "none.parquet": (parquet({"sequence": [], "label": []}), "a header but no rows; add"),
    "columns.csv": (b"seq,label\nA,1\n", "no column 'sequence'; rename one of 'seq', 'label'"),
    "columns.tsv": (b"sequence\ty\nA\t1\n", "no column 'label'; rename one of 'sequence', 'y'"),
    "columns.parquet": (parquet({"x": ["A"]}), "no column 'sequence'; rename one of 'x'"),
    "tabs.csv": (b"sequence\tlabel\nA\t1\n", r"rename one of 'sequence\\tlabel'"),
    "no_header.csv": (b"A" * 99 + b",1\nC,0\n", "rename one of 'A{40}...', '1'"),
    "twice.csv": (b"sequence,Label,label\nA,1,2\n", "two columns are called 'label'; keep one"),
    "more.csv": (b"sequence,label\nA,1\nC,1,2\n", r"row 2: 3, in the header: 2 \('C,1,2'\); make"),
    "fewer.csv": (b"sequence,label\nA\n", r"row 1: 1, in the header: 2 \('A'\); make"),
    "latin.csv": ("sequence,label\nAé,1\n".encode("latin1"), "is no UTF-8 text"),
    "latin.fa": (">é 1\nA\n".encode("latin1"), "is no UTF-8 text"),
    "packed.csv": (gzip.compress(b"sequence,label\nA,1\n"), "is no UTF-8 text; .* end it .gz"),
    "plain.csv.gz": (b"sequence,label\nA,1\n", "is no whole gzip file .*; compress it anew"),
    "cut.fa.gz": (gzip.compress(b">a 1\nACGT\n" * 99)[:-9], "is no whole gzip file"),
    "text.parquet": (b"sequence,label\nA,1\n", "is no Parquet file .*; write it anew"),
    "lists.parquet": (
        parquet({"sequence": [["A"]], "label": ["1"]}),
        "column 'sequence' is list.*; make it text",
    ),
    "start.fa": (b"ACGT\n>a 1\nA\n", "starts with 'ACGT'; FASTA starts with '>'"),
    "unlabelled.fa": (
        b">a 1\nA\n>b\nC\n>c label=\nG\n",
        "without a label: 2, the first is 'b'; write headers as '>id label=X'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_of_the_format_is_one_line_that_says_what_to_do(name, write):
    content, message = FAULTS[name]
    with pytest.raises(UserError, match=f"^{name}: .*{message}") as error:
        load_task(write(name, content))
    assert "\n" not in str(error.value)


def test_a_file_that_may_not_be_read_is_told(write, monkeypatch):
    name = write("x.csv", "sequence,label\nA,1\n")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(UserError, match=r"^x\.csv: cannot be read \(Permission denied\); check"):
        load_task(name)


def test_quotes_stay_on_one_line_and_short():
    assert quote("a\nb") == r"'a\nb'"
    assert len(quote("A" * 500)) < 50
