"""Parts of a train split that a probe divides it into, by the rules of a task's own splits.

Equal sequences, reverse complements and rows of one group are never divided between the part that
is fitted and the part that is looked at: what is known by heart says nothing of what was learned.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from engine.kinds import Kind
from engine.tasks import Split

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Rows = npt.NDArray[np.int64]


@lru_cache(maxsize=16)
def bound_rows(split: Split) -> Rows:
    """Number the sets of rows that must stay together; see `engine.tasks.reading.splits.bind`.

    Returns
    -------
    ndarray, shape (N,), int64
        Computed once for a split, whatever number of trials ask.
    """
    from engine.tasks.reading.splits import bind, canonical

    return bind([canonical(sequence) for sequence in split.sequences], split.groups)


def folds(
    labels: npt.NDArray[Any], bound: Rows, count: int, seed: int, stratified: bool
) -> list[tuple[Rows, Rows]]:
    """Rows to fit and rows to score of each fold.

    Parameters
    ----------
    labels : ndarray, shape (N,) or (N, K)
    bound : ndarray, shape (N,), int64
        Rows of one number stay together.
    count : int
        Folds.
    seed : int
    stratified : bool
        Whether each fold has its share of every class, as far as what is bound allows.

    Raises
    ------
    ValueError
        If there are fewer rows, or sets of them, than folds, or all classes are smaller.
    """
    import numpy as np
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    groups = bound if len(np.unique(bound)) < len(bound) else None
    if groups is None:
        kind = StratifiedKFold if stratified else KFold
    else:
        kind = StratifiedGroupKFold if stratified else GroupKFold
    splitter = kind(count, shuffle=True, random_state=seed)
    return list(splitter.split(labels, labels if stratified else None, groups))


def held_out(labels: npt.NDArray[Any], bound: Rows, share: float, seed: int, kind: Kind) -> Rows:
    """Rows of about a share that are not to be fitted; balanced as a task's splits are.

    Returns
    -------
    ndarray, int64
        Ascending. None, where all rows are bound together; of a class in one set of rows only, no
        row is held out.
    """
    import numpy as np

    from engine.tasks.reading.splits import assign

    shares = {"fitted": 1 - share, "held": share}
    sides = assign([str(number) for number in bound], kind.strata(labels), None, shares, seed)
    return np.flatnonzero(np.array(sides) == "held")
