"""Which trials no other beats in every objective."""

from collections.abc import Iterable, Sequence

from engine.records import TrialRecord
from engine.search.optuna_terms import values


def pareto_front(
    records: Iterable[TrialRecord], objectives: Sequence[str], maximize: bool
) -> set[int]:
    """Numbers of the complete trials that no other dominates.

    A trial dominates another if it is as good in every objective and better in one. Trials with
    equal objectives are all on the front, but for duplicates.

    Parameters
    ----------
    records : iterable of TrialRecord
        Of one cell.
    objectives : sequence of str
        ``score``, of which more is better if `maximize`, and costs.
    """
    complete = [r for r in records if r.result.status == "complete" and r.duplicate_of is None]
    # Small is good everywhere.
    signs = [-1.0 if name == "score" and maximize else 1.0 for name in objectives]
    points = [
        tuple(sign * value for sign, value in zip(signs, values(r, objectives), strict=True))
        for r in complete
    ]
    return {
        record.number
        for record, point in zip(complete, points, strict=True)
        if not any(
            other != point and all(a <= b for a, b in zip(other, point, strict=True))
            for other in points
        )
    }
