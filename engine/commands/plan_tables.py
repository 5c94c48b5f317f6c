"""What a study comes to, as tables for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.basics.wording import plural
from engine.plan.cells import Plan

#: Common sizes of a GPU's memory in GB, for a plan that knows no cluster yet.
GPU_SIZES = (16, 24, 40, 80)


def plan_table(plan: Plan, folder: Path) -> Group:
    """What a study comes to: tasks, cells, trials, forward passes, disk."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "labels", "train", "validation", "test"):
        table.add_column(name, justify="left" if name in ("task", "labels") else "right")
    for name, task in plan.tasks.items():
        count = "" if task.kind.numeric else f"{len(task.classes)} "
        rows = [f"{task.sizes[split]:,}" for split in ("train", "validation", "test")]
        table.add_row(Text(name), f"{count}{task.kind.words.noun}", *rows)
    study = plan.study
    lines: list[Any] = [
        Text.assemble((study.name, "bold"), "  ", study.description),
        table,
        Text(
            f"{plural(len(plan.cells), 'cell')} ({plural(len(study.encoders), 'encoder')}, "
            f"{plural(len(plan.tasks), 'task')}, {plural(len(study.methods), 'method')}) x "
            f"{plural(study.trials_per_cell, 'trial')} = {plural(plan.trials, 'trial')}, then "
            f"{plural(len(study.seeds), 'seed')} each; about {plural(plan.forwards(), 'sequence')} "
            f"to embed, {plan.disk_bytes() / 1e6:,.1f} MB; output in {folder}"
        ),
    ]
    for reason in dict.fromkeys(skipped.reason for skipped in plan.skipped):
        cells = sum(skipped.reason == reason for skipped in plan.skipped)
        lines.append(Text(f"skipped: {reason} ({plural(cells, 'cell')})", style="dim"))
    lines += _hub_lines(plan)
    if one := plan.one_strand():
        lines.append(
            Text(
                f"warning: embedding.both_strands is for stored embeddings; {', '.join(one)} reads "
                "one strand: for both, declare `conjoined: {constant: true}` in its search space",
                style="yellow",
            )
        )
    for name, task in plan.tasks.items():
        lines += [Text(f"warning: {name}: {warning}", style="yellow") for warning in task.warnings]
    return Group(*lines)


def memory_table(plan: Plan) -> Group:
    """What the largest trial of each kind of cell that trains a network takes of a GPU."""
    from engine.cluster.capacity import parts
    from engine.plan.sharing import GB, SMALL, kinds

    trained = {cell.cell.encoder for cell in plan.cells if cell.method.needs == "network"}
    if all(plan.cards[name].parameters <= SMALL for name in trained):
        # Eight of them share any GPU.
        return Group()
    found = kinds(plan, gpu=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("encoder", "method", "batch", "memory", *(f"{size} GB" for size in GPU_SIZES)):
        left = name in ("encoder", "method")
        table.add_column(name, justify="left" if left else "right", no_wrap=left)
    for kind in found:
        row = [Text(kind.encoder), Text(kind.method)]
        if kind.estimate is None:
            table.add_row(*row, "", "not known")
            continue
        total = kind.estimate.total
        batch = f"{kind.estimate.rows} x {kind.estimate.tokens:,}"
        fit = [str(parts(total, s * GB)) if total <= s * GB else "none" for s in GPU_SIZES]
        table.add_row(*row, batch, f"{total / GB:.1f} GB", *fit)
    return Group(Text("largest trial on a GPU, and how many share one of so much memory"), table)


def _hub_lines(plan: Plan) -> list[Text]:
    """What will be downloaded, and which weights another day could be others."""
    lines = []
    if missing := plan.downloads():
        parameters = [plan.cards[name].parameters for name in missing]
        size = f", about {4 * sum(parameters) / 1e9:,.1f} GB" if all(parameters) else ""
        count = f"{len(missing)} encoder{'s' if len(missing) > 1 else ''}"
        lines.append(Text(f"{count} to download from the hub{size}: {', '.join(missing)}"))
    moving = [
        f"{name} ({source.repository} at {source.revision})"
        for name, source in plan.sources.items()
        if not source.pinned
    ]
    if moving:
        lines.append(
            Text(
                f"warning: weights of no pinned commit: {', '.join(moving)}; the results cannot be "
                "repeated if the hub changes; the commit that was used is recorded",
                style="yellow",
            )
        )
    return lines
