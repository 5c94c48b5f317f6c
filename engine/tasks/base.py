"""What a task is, and the seal on its test split. Light: no numpy, no pyarrow at import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.records import TaskSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from engine.kinds import Kind


@dataclass(frozen=True)
class TaskCard:
    """What is known of a shipped task before it is loaded.

    Attributes
    ----------
    name : str
        What a study calls it.
    title : str
        One line for people.
    path : str
        Its data file.
    sha256 : str
        Of the data file.
    metric : str
        Which score ranks the encoders, unless the study says otherwise.
    group : str
        Tasks of one group ("splice", "promoter") are not independent evidence.
    label_meaning : mapping of str to str
        What each class stands for.
    source, doi, licence, citation : str
        Where the data come from.
    notes : str
        What a user must know of the data.
    caution : str
        What may make a score mean something else; a warning wherever the task is used.
    kind : str or None
        Name in `engine.kinds`; None leaves it to the labels.
    """

    name: str
    title: str
    path: str
    sha256: str
    metric: str
    group: str
    species: str
    label_meaning: Mapping[str, str]
    source: str
    doi: str
    licence: str
    citation: str
    notes: str
    caution: str = ""
    kind: str | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split, in the order of the file; unpacks into ``sequences, labels``.

    Attributes
    ----------
    sequences : tuple of str, length N
        Upper case, IUPAC nucleotides.
    labels : ndarray
        By `Task.kind`: (N,) int64, index into `Task.classes`; (N, K) int64, 1 where a label holds;
        (N,) float64.
    groups : tuple of str, length N, or None
        Rows of one group (chromosome, gene family) depend on one another.
    """

    sequences: tuple[str, ...]
    labels: npt.NDArray[np.int64 | np.float64]
    ids: tuple[str, ...]
    groups: tuple[str, ...] | None = None

    def __iter__(self) -> Iterator[Any]:
        """Give ``sequences``, then ``labels``."""
        yield self.sequences
        yield self.labels


@dataclass(frozen=True, eq=False)
class Task:
    """Labelled sequences to train and validate on; the test split stays in the file.

    Attributes
    ----------
    classes : tuple of str
        What the columns of a model's scores stand for: classes or labels, in numeric order where
        all are integers, else sorted (labels that have a column each: in the file's order); of a
        regression ``("value",)``.
    counts : mapping
        ``counts[split][class]`` rows, for all three splits; of multilabel tasks a row counts for
        every label that it holds.
    sizes : mapping
        ``sizes[split]`` rows.
    max_bases : int
        Longest sequence of train and validation.
    warnings : tuple of str
        What can go on, but should be known: leaks, classes missing from a split ...
    metric, group : str or None
        Of the study, else of the card.
    species, source, licence, citation : str
        Of the card; empty for a user's file.
    fingerprint : str
        SHA-256 over ids, sequences, labels and splits of all rows, test rows too.
    file_hash : str
        SHA-256 of the raw file.
    file : str
        Absolute path of the file.
    spec : TaskSpec
        How it was asked for, with its kind.
    read_test : callable
        Reads the test split of a task from its file.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...]
    train: Split = field(repr=False)
    validation: Split = field(repr=False)
    counts: Mapping[str, Mapping[str, int]]
    sizes: Mapping[str, int]
    max_bases: int
    warnings: tuple[str, ...]
    metric: str | None
    group: str | None
    species: str
    source: str
    licence: str
    citation: str
    fingerprint: str
    file_hash: str
    file: str
    spec: TaskSpec
    read_test: Callable[[Task], Split] = field(repr=False)

    @property
    def rows(self) -> int:
        """Sequences of all three splits."""
        return sum(self.sizes.values())

    def unseal_test(self) -> Split:
        """Read the test split from the file: the only way to it.

        Raises
        ------
        UserError
            If the file has changed since the task was loaded.
        """
        return self.read_test(self)

    def check_unchanged(self, fingerprint: str) -> None:
        """Refuse data that are not those of a fingerprint that was taken earlier.

        Raises
        ------
        UserError
        """
        if self.fingerprint != fingerprint:
            raise data_changed(self.file)


def data_changed(file: str, so: str = "") -> UserError:
    """The error of a file that is not what it was when the study was planned, and what follows."""
    return UserError(
        f"{file}: the data changed while the study ran{so}; put them back, or run with --fresh"
    )
