"""What tuning depended on, and the cells that it lost."""

import json
import math
from collections import Counter

import pandas as pd

from engine.report.formats import MISSING, percent, plural
from engine.report.grids import CELL_COLUMNS, Column, Entry, Grid, for_tasks, records_grid
from engine.report.run import Run
from engine.report.theme import hue
from engine.space import Space, parse_space

SHOWN = 5  # hyperparameters of a cell


def lost_grid(run: Run) -> Grid | None:
    """Cells of which no trial completed, each with the reason; None where there are none."""
    records = []
    for cell, trials in run.trials.groupby("cell", sort=False):
        if not (trials["status"] == "complete").any():
            errors = trials["error"] if "error" in trials else pd.Series(dtype=str)
            told = Counter(str(error) for error in errors if isinstance(error, str) and error)
            reason = told.most_common(1)[0][0] if told else "no trial completed"
            records.append((cell, plural(len(trials), "trial"), reason))
    if not records:
        return None
    caption = "Cells without any model: no trial completed. The reason is the most frequent error."
    return records_grid("lost", caption, ("Cell", "Trials", "Reason"), records)


def importance_grid(run: Run) -> Grid | None:
    """Hyperparameters by importance for cells with trials enough; None where there are none."""
    # Optuna is slow to import, and most commands that read a run never come here.
    from engine.search.importance import FEWEST_TRIALS, importances

    rows = []
    for _, trials in run.trials.groupby("cell", sort=False):
        complete = trials[(trials["status"] == "complete") & trials["score"].notna()]
        first = trials.iloc[0]
        space = _space(run, str(first["method"]))
        if space is None or len(complete) < FEWEST_TRIALS:
            continue
        pairs = [
            (json.loads(params), float(value))
            for params, value in complete[["params", "score"]].itertuples(index=False)
        ]
        found = importances(space, pairs, maximize=run.sign(str(first["task"])) > 0)
        if not found:
            continue
        top = list(found.items())[:SHOWN]
        colour = hue(str(first["encoder"]), run.encoders).name
        cell = [Entry(str(first["task"])), Entry(str(first["encoder"]), hue=colour)]
        cell += [Entry(str(first["method"])), Entry(str(len(complete)), len(complete))]
        cell += [Entry(f"{name} {percent(share)}", share) for name, share in top]
        rows.append(cell + [Entry(MISSING, math.nan)] * (SHOWN - len(top)))
    if not rows:
        return None
    columns = [*CELL_COLUMNS, Column("Complete trials", numeric=True)]
    columns += [Column(title) for title in ("Most important", "Second", "Third", "Fourth", "Fifth")]
    caption = (
        f"Cells with {FEWEST_TRIALS} complete trials or more: share of each hyperparameter in what "
        "tells the best quarter of the trials from all (Optuna's PED-ANOVA)."
    )
    return for_tasks(run, Grid("importance", caption, columns, rows))


def _space(run: Run, method: str) -> Space | None:
    """The method's search space, which the resolved study holds whole."""
    declared = run.study.get("methods") or {}
    space = declared.get(method) if isinstance(declared, dict) else None
    return parse_space(space, f"study.yaml: methods.{method}") if isinstance(space, dict) else None
