"""Files as tables of text: CSV, TSV, Parquet and FASTA, plain or gzip-compressed.

Only the format is checked here; what the columns hold is checked in ``rows.py``.
"""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from engine.basics.errors import UserError, first_line
from engine.basics.values import quote
from engine.kinds.multilabel import LABEL_PREFIX
from engine.tasks.reading.formats import file_format

OPTIONAL = ("split", "group", "id")


@dataclass(frozen=True)
class Table:
    """Columns of text as they stand in a file, all of one length.

    Attributes
    ----------
    columns : dict
        ``sequence``, ``label`` (or at least two ``label_NAME``) and those of ``split``, ``group``,
        ``id`` that the file has; None where a value is missing.
    unread : tuple of str
        Columns that mean nothing here.
    """

    columns: dict[str, list[str | None]]
    unread: tuple[str, ...]


def read_bytes(file: Path, path: str) -> bytes:
    """Content of a file.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its rights") from error


def parse(content: bytes, path: str, labelled: bool = True) -> Table:
    """Turn the content of a file into a table.

    Parameters
    ----------
    content : bytes
    path : str
        Tells the format by its ending, and names the file in messages.
    labelled : bool
        Whether rows must have labels; without, what looks like one is not read.

    Raises
    ------
    UserError
        If the content is not of that format, has no rows, or lacks a column.
    """
    ending = file_format(path) or ""
    if ending.endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path}: is no whole gzip file ({error}); compress it anew") from error
        ending = ending.removesuffix(".gz")
    if not content.strip():
        raise UserError(f"{path}: is empty; it needs rows with a sequence and a label")
    if ending in (".csv", ".tsv"):
        table = _named(_separated(content, "," if ending == ".csv" else "\t", path), path, labelled)
    elif ending == ".parquet":
        table = _named(_parquet(content, path), path, labelled)
    else:
        table = _fasta(content, path, labelled)
    if not table.columns["sequence"]:
        raise UserError(f"{path}: has a header but no rows; add sequences with labels")
    return table


def _separated(content: bytes, delimiter: str, path: str) -> pa.Table:
    """CSV or TSV; every row must have as many fields as the header."""
    wrong: list[pa.csv.InvalidRow] = []

    def refuse(row: pa.csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    try:
        text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
        header = next(csv.reader(text, delimiter=delimiter))
        return pa.csv.read_csv(
            # Without a line break, Arrow takes a header alone for no CSV at all.
            pa.BufferReader(content + b"\n"),
            # Threads would lose the number of a row that is wrong.
            read_options=pa.csv.ReadOptions(use_threads=False),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, invalid_row_handler=refuse),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no UTF-8 text; if it is compressed, end it .gz") from error
    except pa.ArrowInvalid as error:
        if wrong and wrong[-1].number is not None:
            row = wrong[-1]
            raise UserError(
                f"{path}: fields in row {row.number - 1}: {row.actual_columns}, in the header:"
                f" {row.expected_columns} ({quote(row.text)}); make them the same"
            ) from error
        reason = quote(first_line(error))
        raise UserError(f"{path}: cannot be read as text columns ({reason})") from error


def _parquet(content: bytes, path: str) -> pa.Table:
    try:
        return pa.parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = first_line(error)
        raise UserError(f"{path}: is no Parquet file ({reason}); write it anew") from error


def _named(table: pa.Table, path: str, labelled: bool) -> Table:
    """Find the columns by name, whatever their case."""
    stripped = [written.strip() for written in table.column_names]
    lower = [name.lower() for name in stripped]
    known = [name for name in lower if name in ("sequence", "label", *OPTIONAL)]
    labels = _label_places(stripped) if labelled else {}
    for name in (*known, *(key.lower() for key in labels)):
        if lower.count(name) > 1:
            raise UserError(f"{path}: two columns are called '{name}'; keep one")
    for name, found in (("sequence", "sequence" in known), ("label", labels or not labelled)):
        if not found:
            there = ", ".join(quote(written) for written in table.column_names)
            raise UserError(f"{path}: no column '{name}'; rename one of {there}")
    places = {name: lower.index(name) for name in known if name != "label"} | labels
    unread = [
        written
        for place, written in enumerate(table.column_names)
        # The last are pandas' row numbers.
        if place not in places.values() and not lower[place].startswith("__index_level_")
    ]
    columns = {}
    for name, place in places.items():
        try:
            columns[name] = table.column(place).cast(pa.string()).to_pylist()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            kind = table.schema.field(place).type
            raise UserError(f"{path}: column '{name}' is {kind}; make it text") from error
    return Table(columns, tuple(unread))


def _label_places(names: list[str]) -> dict[str, int]:
    """Places of the columns that hold labels: one ``label``, else two or more ``label_NAME``."""
    found = {}
    for place, name in enumerate(names):
        if name.lower() == "label":
            return {"label": place}
        if name.lower().startswith(LABEL_PREFIX) and len(name) > len(LABEL_PREFIX):
            found[LABEL_PREFIX + name[len(LABEL_PREFIX) :]] = place
    return found if len(found) > 1 else {}


def _fasta(content: bytes, path: str, labelled: bool) -> Table:
    """FASTA whose headers carry labels.

    ``>id label=X split=train group=chr1`` (any order), ``>id X`` (last field), or ``>id|X``.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no UTF-8 text; if it is compressed, end it .gz") from error
    lines = [line for line in _lines(text) if line.strip()]
    if not lines[0].startswith(">"):
        raise UserError(f"{path}: starts with {quote(lines[0])}; FASTA starts with '>'")
    headers: list[dict[str, str]] = []
    parts: list[list[str]] = []
    for line in lines:
        if line.startswith(">"):
            headers.append(_header(line[1:], labelled))
            parts.append([])
        else:
            parts[-1].append(line.strip())
    unlabelled = [header["id"] for header in headers if not header.get("label")]
    if unlabelled and labelled:
        raise UserError(
            f"{path}: records without a label: {len(unlabelled)}, the first is"
            f" {quote(unlabelled[0])}; write headers as '>id label=X'"
        )
    keys = dict.fromkeys(key for header in headers for key in header)
    columns: dict[str, list[str | None]] = {"sequence": ["".join(part) for part in parts]}
    for name in ("label", *OPTIONAL):
        if name in keys:
            columns[name] = [header.get(name) for header in headers]
    return Table(columns, tuple(key for key in keys if key not in columns))


def _lines(text: str) -> list[str]:
    """Lines by line breaks alone; `str.splitlines` also breaks at U+2028, form feeds and others."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _header(text: str, labelled: bool) -> dict[str, str]:
    """Values that a FASTA header carries, by key."""
    name, *fields = text.split() or [""]
    if not labelled:
        return {"id": name}
    pairs = [field.partition("=") for field in fields if "=" in field]
    plain = [field for field in fields if "=" not in field]
    values = {key.lower(): value for key, _, value in pairs}
    if "label" not in values and plain:
        values["label"] = plain[-1]
    elif "label" not in values and "|" in name:
        name, _, values["label"] = name.rpartition("|")
    return {"id": name, **values}
