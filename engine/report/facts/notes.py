"""What a reader must know of a task's data before believing its scores."""

import json

from engine.basics.wording import plural
from engine.report.finished_run import FinishedRun

#: What became of sequences that are too long, by ``truncate``.
CUT = {
    "center": "cut to their centre",
    "start": "cut to their start",
    "chunk": "read in windows side by side, whose vectors are averaged",
    "error": "refused",
}


def task_notes(run: FinishedRun, task: str) -> list[str]:
    """What the run found in a task's data that a reader must know before believing its scores."""
    notes = [str(warning) for warning in run.task(task).get("warnings") or []]
    for name in run.encoders:
        cut = (run.encoder(name).get("truncated") or {}).get(task, 0)
        if cut:
            how = CUT[run.encoder(name).get("truncate", "center")]
            notes.append(f"{plural(int(cut), 'sequence')} longer than {name} can read: {how}.")
    return notes + _cut_by_methods(run, task)


def _cut_by_methods(run: FinishedRun, task: str) -> list[str]:
    """Sequences that fit into an encoder but not beside what a method adds to them."""
    notes = []
    trials = run.trials[(run.trials["task"] == task) & (run.trials["status"] == "complete")]
    for (encoder, method), cell in trials.groupby(["encoder", "method"], sort=False):
        known = (run.encoder(str(encoder)).get("truncated") or {}).get(task, 0)
        costs = cell["cost"].dropna() if "cost" in cell else []
        cut = max((int(json.loads(cost).get("cut", 0)) for cost in costs), default=0)
        if cut > known:
            notes.append(
                f"Up to {plural(cut, 'sequence')} of train and validation cut by {method} of "
                f"{encoder}, whose virtual tokens take room."
            )
    return notes
