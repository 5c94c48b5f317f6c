"""Configurations to start from: the best of sibling tasks in searches that are finished."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from engine.basics.files import canonical_json
from engine.metrics import METRICS
from engine.plan.cells import CellPlan
from engine.records import TrialRecord


def warm_points(
    plan: CellPlan, records: Sequence[TrialRecord], most: int
) -> tuple[Mapping[str, Any], ...]:
    """Best configurations of the same encoder and method on other tasks.

    The best of each sibling first, then the second best of each, so that no task speaks for all.

    Parameters
    ----------
    plan : CellPlan
        The cell that is to be searched.
    records : sequence of TrialRecord
        Of earlier runs; those of other encoders and methods, of this very task, and configurations
        that the cell's space does not hold are left aside.
    most : int
        Number of configurations.

    Returns
    -------
    tuple of mapping
        Each once, without the default.
    """
    sign = 1 if METRICS[plan.metric].greater_is_better else -1
    siblings: dict[str, list[TrialRecord]] = {}
    for record in records:
        same = (record.cell.encoder, record.cell.method) == (plan.cell.encoder, plan.cell.method)
        scored = record.result.status == "complete" and plan.metric in record.result.metrics
        if same and scored and record.cell.task != plan.cell.task:
            siblings.setdefault(record.cell.task, []).append(record)
    ranked = [
        # The number decides between equals, so that the order of files does not.
        sorted(of, key=lambda r: (-sign * r.result.metrics[plan.metric], r.number))
        for _, of in sorted(siblings.items())
    ]
    seen = {canonical_json(plan.space.default_point())}
    points: list[Mapping[str, Any]] = []
    for tier in zip_longest(*ranked):
        for record in tier:
            if record is None or canonical_json(dict(record.params)) in seen:
                continue
            seen.add(canonical_json(dict(record.params)))
            if plan.space.holds(record.params):
                points.append(record.params)
    return tuple(points[:most])
