"""What a kind of task is, and how one is found by name. Light: no numpy, no torch at import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.basics.errors import UserError, nearest
from engine.basics.plugins import Registry, declared

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    Values: TypeAlias = npt.NDArray[np.int64 | np.float64]
    IntArray: TypeAlias = npt.NDArray[np.int64]
    FloatArray: TypeAlias = npt.NDArray[np.float64]
    #: Labels of all rows, and what the columns of a model's scores stand for.
    Read: TypeAlias = tuple[Values, tuple[str, ...]]


@dataclass(frozen=True)
class Wording:
    """What is said of a kind of task.

    Attributes
    ----------
    noun : str
        What a task has several of: ``classes``.
    heading : str
        What stands before their names in a report.
    predicts : str
        What a model gives of a sequence.
    enough : str
        What a split must hold to be scored.
    unlearned, unscored : str
        Said of names that train, or the split of another name, does not tell apart.
    averages : str
        How a metric of two classes becomes one of several; empty where it does not.
    """

    noun: str
    heading: str
    predicts: str
    enough: str
    unlearned: str = "{}"
    unscored: str = "{} {}"
    averages: str = ""


@dataclass(frozen=True)
class LossOptions:
    """How a loss is shaped; a kind reads what it has a meaning for.

    Attributes
    ----------
    focal_gamma : float
        Exponent of the focal loss (Lin et al. 2017, arXiv:1708.02002, eq. 4); 0 leaves it out.
    label_smoothing : float
        Share of a label that is spread evenly over all values (Szegedy et al. 2016).
    huber : bool
        Huber loss with its bend at one standard deviation, else the squared error.
    """

    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    huber: bool = False


#: The loss as it is.
PLAIN = LossOptions()


@dataclass(frozen=True, eq=False, repr=False)
class Kind:
    """A kind of task: what its labels are, and all that depends on it.

    A row has one class (``exclusive``: labels (N,) int64, scores (N, K) that sum to 1), a number
    (``numeric``: labels (N,) float64, scores (N, 1)), or several labels that hold or not, each on
    its own (neither: labels and scores (N, K)).

    Attributes
    ----------
    metric : str
        Ranks the models of a task that names none.
    read : callable
        ``read(written, path)``: labels and names of the column ``label``; `UserError` where they
        are none of the kind.
    written : callable
        ``written(values, names)``: text of each row that tells any two labels apart.
    strata : callable
        ``strata(values)``, what splits are balanced for: int64, a class each (N,), or 1 for each
        of the bins or labels that a row is in, (N, M).
    count : callable
        ``count(values, K)``: rows of each name.
    lacking : callable
        ``lacking(values, names)``: names that these rows do not tell apart.
    alike : callable
        ``alike(values, names)``: None where the rows differ, else what they hold instead.
    check : callable
        ``check(labels, scores)``: as metrics take them, int64 or float64; `ValueError` else.
    decide : callable
        ``decide(scores, names)``: what is predicted of each row.
    losses : callable
        ``losses(logits, targets, options)``, float32: of rows, (B,), or of rows and labels where
        these are weighted each on its own, (B, K). Targets are (B,) int64 of classes; else (B, K)
        or (B, 1) float32, numbers of mean 0 and standard deviation 1 in train.
    scores : callable
        ``scores(logits)``, (N, K) float64; numbers as `losses` takes them.
    told_by : callable
        ``told_by(written)``: whether a column ``label`` of no declared kind is of this one.
    read_columns : callable or None
        ``read_columns(columns, path)`` of columns ``label_NAME``; None where there is one label.
    outputs : callable
        ``outputs(K)``: logits that give K columns of scores.
    metrics_like : str
        A kind whose metrics fit this one too.
    headed : bool
        Whether name and names belong to what is hashed of a task; those of classes stand in rows.
    """

    name: str
    words: Wording
    metric: str
    read: Callable[[Sequence[str], str], Read]
    written: Callable[[Values, Sequence[str]], list[str]]
    strata: Callable[[Values], IntArray]
    count: Callable[[Values, int], list[int]]
    lacking: Callable[[Values, Sequence[str]], list[str]]
    alike: Callable[[Values, Sequence[str]], str | None]
    check: Callable[[npt.NDArray[Any], npt.ArrayLike], tuple[Any, FloatArray]]
    decide: Callable[[FloatArray, Sequence[str]], list[str] | list[float]]
    losses: Callable[[Tensor, Tensor, LossOptions], Tensor]
    scores: Callable[[Tensor], Tensor]
    exclusive: bool = False
    numeric: bool = False
    told_by: Callable[[Sequence[str]], bool] = lambda _: False
    read_columns: Callable[[Mapping[str, Sequence[str | None]], str], Read] | None = None
    outputs: Callable[[int], int] = lambda columns: columns
    metrics_like: str = ""
    headed: bool = True

    def __repr__(self) -> str:
        return f"Kind({self.name!r})"

    def __reduce__(self) -> tuple[Callable[[str], Kind], tuple[str]]:
        """A copy in another process is the kind of that name there."""
        return find_kind, (self.name,)

    @property
    def independent(self) -> bool:
        """Whether a row has labels that hold or not, each on its own."""
        return not (self.exclusive or self.numeric)

    def scale(self, labels: Values) -> tuple[float, float]:
        """Mean and standard deviation of numbers, 1 where all are the same; else 0 and 1."""
        return (float(labels.mean()), float(labels.std()) or 1.0) if self.numeric else (0.0, 1.0)


KINDS = Registry("kinds", Kind, partial(declared, "engine.kinds", Kind))

#: Add a kind that is defined elsewhere; `UserError` if another has its name.
register = KINDS.register


def kinds() -> Mapping[str, Kind]:
    """All registered kinds by name: of the files of this folder, and of plug-ins."""
    return KINDS


def find_kind(name: str) -> Kind:
    """Kind of a name.

    Raises
    ------
    UserError
        If no kind has that name; tells the nearest one.
    """
    if name not in kinds():
        raise UserError(f"kind '{name}' is unknown; {nearest(name, kinds())}")
    return kinds()[name]
