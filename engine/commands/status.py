"""How far a study has come, told from its folder: neither Ray nor the data are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.basics.errors import UserError
from engine.commands.listing import Listing
from engine.metrics import METRICS
from engine.search.ledger import Ledger, Searched, read_search

if TYPE_CHECKING:
    from engine.records import TrialRecord


def status(out: Path) -> Listing:
    """One row per cell of a study in its folder: trials done, how they ended, the best score.

    UserError where no search was started there.
    """
    cells = read_search(out)
    if cells is None:
        begun = (out / "study.yaml").is_file()
        raise UserError(
            f"{out}: the study is still embedding, or was stopped before its first trial"
            if begun
            else f"{out}: is not the folder of a study; give what the run printed as its output"
        )
    records = Ledger(out / "trials").read([searched.key for searched in cells.values()])
    return Listing([_row(cell, of, records[of.key]) for cell, of in cells.items()])


def _row(cell: str, searched: Searched, records: Iterable[TrialRecord]) -> dict[str, Any]:
    of_budget = [record for record in records if record.number < searched.trials]
    ended = Counter(record.result.status for record in of_budget)
    scored = [
        (record.result.score, record.number)
        for record in of_budget
        if record.result.status == "complete" and record.result.score is not None
    ]
    better = max if METRICS[searched.metric].greater_is_better else min
    best = better((score for score, _ in scored), default=None)
    return {
        "cell": cell,
        "done": f"{len(of_budget)}/{searched.trials}",
        "complete": ended["complete"],
        "pruned": ended["pruned"],
        "failed": ended["failed"] + ended["infeasible"],
        "metric": searched.metric,
        "best": "" if best is None else f"{best:.4f}",
        "trial": "" if best is None else min(n for score, n in scored if score == best),
    }
