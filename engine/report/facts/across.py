"""What the report says of models over all tasks: a sentence and two tables."""

import math

from engine.basics.wording import be, interval, listing, p_equation, p_value, percent, plural
from engine.compare.corrections import LEVEL
from engine.compare.tasks import AcrossTasks, across_tasks
from engine.report.facts.answer import SPELLED
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.grids import (
    MODEL_COLUMNS,
    Column,
    Entry,
    Grid,
    cell_entries,
    scored,
    signed,
)

FEW = 10  # independent tasks; with fewer a bootstrap over them is too narrow
AHEAD, BEHIND, LEVEL_WITH = "significant", "significant for the second", "not significant"


def of_run(run: FinishedRun) -> AcrossTasks | None:
    """The comparison over the tasks of a run; None where it has too few."""
    groups = {task: run.task(task).get("group") for task in run.tasks}
    signs = {task: run.sign(task) for task in run.tasks}
    return across_tasks(run.scores, groups, signs, run.margin)


def sentence(run: FinishedRun, found: AcrossTasks) -> str:
    """Which model has the best mean rank, and from which others it can be told apart."""
    labels = [cell_label(*model) for model in found.models]
    best = found.table.iloc[0]
    duels = found.pairs.iloc[: len(labels) - 1]  # the best model against each other, in order
    verdicts = [_verdict(p, r) for p, r in duels[["p_adjusted", "rank_biserial"]].to_numpy()]
    said = {
        verdict: [label for label, v in zip(labels[1:], verdicts, strict=True) if v == verdict]
        for verdict in (AHEAD, BEHIND, LEVEL_WITH)
    }
    units = plural(len(found.tasks), "task")
    if found.n_groups < len(found.tasks):
        units += f" ({found.n_groups} independent groups)"
    parts = [
        f"Over {units} {labels[0]} has the best mean rank, {best['mean_rank']:.1f} of "
        f"{len(labels)} (95 % CI {best['rank_low']:.1f} to {best['rank_high']:.1f})",
    ]
    if said[AHEAD]:
        parts.append(f"it is significantly ahead of {plural(len(said[AHEAD]), 'model')}")
    if said[BEHIND]:
        parts.append(
            f"{listing(said[BEHIND], limit=SPELLED)} {be(said[BEHIND])} "
            "significantly ahead of it by Wilcoxon's test, which weighs how large the differences "
            "are"
        )
    if said[LEVEL_WITH]:
        parts.append(f"it cannot be told apart from {listing(said[LEVEL_WITH], limit=SPELLED)}")
    parts.append(
        f"all {len(labels)} together {'' if found.friedman_p < LEVEL else 'are not shown to '}"
        f"differ in rank (Friedman, {p_equation(found.friedman_p)})"
    )
    text = "; ".join(parts) + "."
    if found.left_out:
        names = listing([cell_label(*model) for model in found.left_out], limit=6)
        text += f" Left out, as without a score on some task: {names}."
    smallest = 2.0 ** (1 - found.n_groups)
    if smallest * math.comb(len(labels), 2) >= LEVEL:
        text += (
            f" With {found.n_groups} independent tasks and {len(labels)} models no pair can be "
            f"significant after Holm's correction (Wilcoxon's smallest p is {p_value(smallest)})."
        )
    return text


def models_grid(run: FinishedRun, found: AcrossTasks) -> Grid:
    """Mean rank of every model, best first."""
    metrics = {run.metric(task) for task in found.tasks}
    columns = [
        *MODEL_COLUMNS,
        Column("Mean rank", numeric=True, tip="1 is best"),
        Column("95 % CI of rank", numeric=True, tip="bootstrap over groups of tasks"),
        Column("Best in", numeric=True, tip="share of bootstrap draws with the best mean rank"),
        Column("Mean score", numeric=True),
        Column("95 % CI of score", numeric=True, tip="bootstrap over groups of tasks"),
    ]
    rows = [
        [
            *cell_entries(run, row["encoder"], row["method"]),
            Entry(f"{row['mean_rank']:.2f}", row["mean_rank"], strong=True),
            Entry(f"{row['rank_low']:.1f} to {row['rank_high']:.1f}", row["rank_low"]),
            Entry(percent(row["share_best"]), row["share_best"]),
            scored(row["mean"]),
            Entry(interval(row["ci_low"], row["ci_high"]), row["ci_low"]),
        ]
        for row in found.table.to_dict("records")
    ]
    few = found.n_groups < FEW
    grid = Grid(
        "across-models",
        f"{plural(len(found.tasks), 'task')}, {found.n_groups} independent; tasks of one group "
        "count as one by their mean. Intervals draw these anew: they tell what another choice of "
        f"tasks would give{', and with fewer than ten they are too narrow' * few}.",
        columns,
        rows,
    )
    if len(metrics) == 1 and run.sign(found.tasks[0]) > 0:
        return grid
    # A mean over different metrics means nothing.
    return grid.without("Mean score").without("95 % CI of score")


def pairs_grid(run: FinishedRun, found: AcrossTasks) -> Grid:
    """Every pair of models over tasks."""
    columns = [
        Column("First"),
        Column("Second"),
        Column("Won · level · lost", numeric=True, tip="tasks, beyond the margin"),
        Column("Median difference", numeric=True),
        Column("p", numeric=True, spare=True, tip="Wilcoxon signed-rank"),
        Column("Holm p", numeric=True),
        Column("P(better)", numeric=True, tip="Bayesian signed-rank"),
        Column("P(equivalent)", numeric=True),
        Column("P(worse)", numeric=True, spare=True),
        Column("Verdict", filtered=True),
    ]
    rows = []
    for row in found.pairs.to_dict("records"):
        verdict = _verdict(row["p_adjusted"], row["rank_biserial"])
        rows.append(
            [
                Entry(cell_label(row["encoder_a"], row["method_a"])),
                Entry(cell_label(row["encoder_b"], row["method_b"])),
                Entry(f"{row['wins']} · {row['ties']} · {row['losses']}", row["wins"]),
                signed(row["delta"]),
                *(Entry(p_value(row[name]), row[name]) for name in ("p", "p_adjusted")),
                *(Entry(percent(row[k]), row[k]) for k in ("p_better", "p_rope", "p_worse")),
                Entry(verdict, pill="soft" if verdict == LEVEL_WITH else "good"),
            ]
        )
    caption = (
        f"Won and lost by more than ±{run.margin:g}. Wilcoxon's signed-rank test over "
        f"{found.n_groups} independent tasks, adjusted by Holm. P(better), P(equivalent) and "
        f"P(worse): Bayesian signed-rank test with ±{run.margin:g} as practically equivalent."
    )
    if len({run.metric(task) for task in found.tasks}) == 1:
        return Grid("across-pairs", caption, columns, rows)
    caption += (
        " The tasks have different metrics: these tests take a difference of one for as much as "
        "the same difference of another. Ranks do not."
    )
    return Grid("across-pairs", caption, columns, rows).without("Median difference")


def _verdict(p_adjusted: float, rank_biserial: float) -> str:
    """What Wilcoxon says of the first of a pair, whose mean rank is the better one."""
    if p_adjusted >= LEVEL:
        return LEVEL_WITH
    return AHEAD if rank_biserial > 0 else BEHIND
