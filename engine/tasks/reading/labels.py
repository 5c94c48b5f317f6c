"""What the labels of a file are: of the kind that is declared, else of the one that they tell.

Columns ``label_NAME``, or sets such as ``a;b`` in the column ``label``, are multilabel; more than
ten different numbers, not all of them whole, are a regression; everything else is a class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.basics.errors import UserError
from engine.basics.values import filled
from engine.kinds import Kind, find_kind, kinds
from engine.kinds.classification import KIND as CLASSES
from engine.kinds.multilabel import LABEL_PREFIX


@dataclass(frozen=True)
class Labels:
    """Checked labels.

    Attributes
    ----------
    values : ndarray
        (N,) int64, index into `classes`; (N, K) int64 of 0 and 1; or (N,) float64, finite.
    classes : tuple of str
        What the columns of a model's scores stand for: classes, labels, or ``value``.
    """

    kind: Kind
    values: npt.NDArray[np.int64 | np.float64]
    classes: tuple[str, ...]

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """What splits are balanced for; see `Kind.strata`."""
        return self.kind.strata(self.values)


def read_labels(
    columns: Mapping[str, Sequence[str | None]], declared: str | None, path: str
) -> Labels:
    """Labels of all rows.

    Parameters
    ----------
    columns : mapping
        Holds ``label``, or at least two of ``label_NAME``.
    declared : str or None
        Name of a kind; None leaves it to the labels.
    path : str
        Names the file in messages.

    Raises
    ------
    UserError
        If there is no such kind; if labels are missing, do not fit the kind, are not finite, or are
        all the same; if a label of a multilabel task holds in no row or in every row.
    """
    known = find_kind(declared) if declared else None
    if "label" in columns:
        written = filled(columns["label"], "label", path)
        kind = known or next((k for k in kinds().values() if k.told_by(written)), CLASSES)
        return Labels(kind, *kind.read(written, path))
    named = {key: columns[key] for key in columns if key.startswith(LABEL_PREFIX)}
    of_columns = next(kind for kind in kinds().values() if kind.read_columns)
    kind = known or of_columns
    if kind.read_columns is None:
        raise UserError(
            f"{path}: a {kind.name} task has one column 'label', but the file has"
            f" {', '.join(named)}; keep one and call it 'label', or declare kind: {of_columns.name}"
        )
    return Labels(kind, *kind.read_columns(named, path))
