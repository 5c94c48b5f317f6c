"""Rows that can be worked with: every check of what the columns of a file hold.

Each mistake is one line that says how many rows it concerns and which is the first. Rows count
from 1, the header left out; in FASTA a row is a record.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.basics.errors import UserError, nearest
from engine.basics.values import filled, quote, where
from engine.tasks.reading.files import Table
from engine.tasks.reading.labels import Labels, read_labels

NOT_NUCLEOTIDE = re.compile("[^ACGTRYSWKMBDHVN]")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Rows:
    """Checked rows of a file, in its order.

    Attributes
    ----------
    sequences : tuple of str, length N
        Upper case, DNA letters, IUPAC ambiguity codes kept.
    ids : tuple of str, length N
        Of the file, else ``row1``, ``row2`` ...
    splits : tuple of str, length N, or None
        ``train``, ``validation`` or ``test``; None where the file has no split.
    groups : tuple of str, length N, or None
    """

    sequences: tuple[str, ...]
    labels: Labels
    ids: tuple[str, ...]
    splits: tuple[str, ...] | None
    groups: tuple[str, ...] | None
    warnings: tuple[str, ...]


def check(table: Table, path: str, kind: str | None = None) -> Rows:
    """Check a table and give its rows.

    Parameters
    ----------
    table : Table
    path : str
        Names the file in messages.
    kind : str or None
        Name of the kind that the labels are said to be of.

    Raises
    ------
    UserError
        If sequences are empty or hold other letters than IUPAC nucleotides; if splits, groups or
        ids are missing; if a split is unknown; if an id stands twice; for labels see
        `engine.tasks.reading.labels.read_labels`.
    """
    columns = table.columns
    warnings = []
    if table.unread:
        warnings.append("columns that are not read: " + ", ".join(map(quote, table.unread)))
    sequences, rna = read_sequences(columns["sequence"], path)
    if rna:
        warnings.append(f"U (RNA) is read as T; sequences that hold it: {rna}")
    labels = read_labels(columns, kind, path)
    splits = groups = None
    if "split" in columns:
        splits = _splits(columns["split"], path)
    if "group" in columns:
        groups = filled(columns["group"], "group", path)
    if "id" in columns:
        ids = read_ids(columns["id"], path)
    else:
        ids = numbered(len(sequences))
    return Rows(sequences, labels, ids, splits, groups, tuple(warnings))


def numbered(count: int) -> tuple[str, ...]:
    """Ids of rows that have none."""
    return tuple(f"row{row + 1}" for row in range(count))


def read_sequences(values: Sequence[str | None], path: str) -> tuple[tuple[str, ...], int]:
    """Sequences as DNA in upper case, and how many were RNA.

    Raises
    ------
    UserError
        If one is empty or holds another letter than IUPAC nucleotides, or it is no list.
    """
    if isinstance(values, str):
        raise UserError(f"{path}: one text of {len(values)} letters; give a list of sequences")
    upper = [(value or "").strip().upper() for value in values]
    empty = [row for row, sequence in enumerate(upper) if not sequence]
    if empty:
        raise UserError(f"{path}: sequence is empty {where(empty)}; fill it or take the row out")
    sequences = tuple(sequence.replace("U", "T") for sequence in upper)
    wrong = [row for row, sequence in enumerate(sequences) if NOT_NUCLEOTIDE.search(sequence)]
    if wrong:
        first = upper[wrong[0]]
        letter = NOT_NUCLEOTIDE.search(sequences[wrong[0]])
        assert letter is not None
        raise UserError(
            f"{path}: letters that are no IUPAC nucleotide stand {where(wrong)}"
            f" ({quote(letter.group())} at base {letter.start() + 1} of {quote(first)});"
            " write an unknown base as N"
        )
    return sequences, sum("U" in sequence for sequence in upper)


def _splits(values: Sequence[str | None], path: str) -> tuple[str, ...]:
    """Splits under their one name."""
    written = filled(values, "split", path)
    unknown = [row for row, name in enumerate(written) if name.lower() not in SPLIT_NAMES]
    if unknown:
        name = written[unknown[0]]
        hint = nearest(name, SPLIT_NAMES)
        raise UserError(f"{path}: split {quote(name)} {where(unknown)} is unknown; {hint}")
    splits = tuple(SPLIT_NAMES[name.lower()] for name in written)
    for name in ("train", "test"):
        if name not in splits:
            raise UserError(
                f"{path}: column 'split' has no {name} rows; mark some,"
                " or leave the column out and splits are made"
            )
    return splits


def read_ids(values: Sequence[str | None], path: str) -> tuple[str, ...]:
    """Ids, no two the same.

    Raises
    ------
    UserError
        If one is missing or stands twice.
    """
    ids = filled(values, "id", path)
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if first.setdefault(name, row) != row:
            raise UserError(
                f"{path}: id {quote(name)} stands in row {first[name] + 1} and in row {row + 1}"
                f" ({len(ids) - len(set(ids))} repeated in all);"
                " make ids unique or leave the column out"
            )
    return ids
