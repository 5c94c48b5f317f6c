"""Critical-difference diagram: mean ranks on a line, bars over models that are level."""

from typing import Any

from engine.basics.wording import shorten
from engine.compare.tasks import AcrossTasks
from engine.report.figures.canvas import WIDTH, canvas, text_width
from engine.report.figures.drawing import Drawing
from engine.report.finished_run import FinishedRun, cell_label
from engine.report.forms.theme import INK, SOFT, hue

ROW, BAR = 0.27, 0.13  # inches between labels, between bars


def critical_difference(run: FinishedRun, found: AcrossTasks) -> Drawing:
    """Draw the mean ranks of models over tasks."""
    ranks = found.table["mean_rank"].tolist()
    labels = [shorten(cell_label(*model), 30) for model in found.models]
    half = (len(ranks) + 1) // 2
    shown = [f"{label}\u2003{rank:.2f}" for label, rank in zip(labels, ranks, strict=True)]
    bars = BAR * (len(found.cliques) + 1)
    margin = text_width(shown) + 0.5
    height = 0.6 + bars + ROW * half + 0.1
    figure, axes = canvas(WIDTH, height, left=margin, right=margin, top=0.5, bottom=0.1)
    axes.set_xlim(1, len(ranks))
    axes.set_ylim(-(bars + ROW * half), 0)  # inches below the line
    axes.xaxis.tick_top()
    # Every rank of few models is numbered, of more the first and round ones.
    step = next(step for step in (1, 5, 10, 50, len(ranks)) if len(ranks) <= 25 * step)
    axes.set_xticks(sorted({1, *range(step, len(ranks) + 1, step)}))
    axes.set_yticks([])
    axes.spines[["left", "bottom", "right"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.set_title("mean rank", fontsize=8, color=SOFT.light, pad=20)
    for row, (first, last) in enumerate(found.cliques, 1):
        ends = [ranks[first] - 0.04, ranks[last] + 0.04]
        axes.plot(ends, [-BAR * row] * 2, color=INK.light, linewidth=3.2, clip_on=False, zorder=4)
    tips = {}
    for at, (rank, label) in enumerate(zip(ranks, shown, strict=True)):
        left = at < half
        depth = -(bars + ROW * ((at if left else len(ranks) - 1 - at) + 0.5))
        edge = 1 - 0.01 * len(ranks) if left else len(ranks) * 1.01
        colour = hue(found.models[at][0], run.encoders).light
        line: dict[str, Any] = {"color": colour, "linewidth": 1.3, "clip_on": False}
        axes.plot([rank, rank, edge], [0, depth, depth], gid=f"model-{at}", **line)
        axes.annotate(
            label,
            (edge, depth),
            xytext=(-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            color=INK.light,
            annotation_clip=False,
        )
        low, high = found.table["rank_low"][at], found.table["rank_high"][at]
        tips[f"model-{at}"] = f"{label}\n95 % CI over tasks {low:.1f} to {high:.1f}"
    bar = (
        "A bar joins models no two of which differ significantly"
        if found.cliques
        else "All pairs differ significantly"
    )
    return Drawing(
        figure,
        "Critical-difference diagram",
        f"Mean rank over {found.n_groups} independent tasks, 1 is best. {bar} (Wilcoxon's "
        "signed-rank test, Holm); not to be told apart is not to be equal.",
        tips,
    )
