"""Tables for the terminal: what a study can name, and what a study comes to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.errors import UserError, nearest

if TYPE_CHECKING:
    from engine.plan import Plan


@dataclass(frozen=True)
class Listing:
    """Rows of equal keys.

    Attributes
    ----------
    rows : list of dict
    """

    rows: list[dict[str, Any]]

    def rich(self) -> Table:
        """As a table for the terminal."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in self.rows[0] if self.rows else ():
            numbers = all(isinstance(row[name], int | float) for row in self.rows)
            table.add_column(name.replace("_", " "), justify="right" if numbers else "left")
        for row in self.rows:
            table.add_row(*(_cell(value) for value in row.values()))
        return table


def listing(what: str) -> Listing:
    """List encoders, tasks, methods or studies.

    Raises
    ------
    UserError
        For any other word.
    """
    makers = {"encoders": _encoders, "tasks": _tasks, "methods": _methods, "studies": _studies}
    if what not in makers:
        raise UserError(f"list {what}: {nearest(what, makers)}")
    return Listing(makers[what]())


def plan_table(plan: Plan, folder: Path) -> Group:
    """What a study comes to: tasks, cells, trials, forward passes, disk."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "classes", "train", "validation", "test"):
        table.add_column(name, justify="left" if name == "task" else "right")
    for name, task in plan.tasks.items():
        rows = [sum(task.counts[split].values()) for split in ("train", "validation", "test")]
        table.add_row(Text(name), str(len(task.classes)), *(f"{n:,}" for n in rows))
    study = plan.study
    lines: list[Any] = [
        Text.assemble((study.name, "bold"), "  ", study.description),
        table,
        Text(
            f"{len(plan.cells)} cells ({len(study.encoders)} encoders, {len(plan.tasks)} tasks, "
            f"{len(study.methods)} methods) x {study.trials_per_cell} trials = {plan.trials:,} "
            f"trials, then {len(study.seeds)} seeds each; about {plan.forwards():,} sequences to "
            f"embed, {plan.disk_bytes() / 1e6:,.1f} MB; output in {folder}"
        ),
    ]
    for reason in dict.fromkeys(skipped.reason for skipped in plan.skipped):
        cells = sum(skipped.reason == reason for skipped in plan.skipped)
        lines.append(Text(f"skipped: {reason} ({cells} cells)", style="dim"))
    for name, task in plan.tasks.items():
        lines += [Text(f"warning: {name}: {warning}", style="yellow") for warning in task.warnings]
    return Group(*lines)


def _encoders() -> list[dict[str, Any]]:
    from engine.encoders import cards

    return [
        {
            "name": card.name,
            "family": card.family,
            "kind": card.kind,
            "parameters": card.parameters,
            "hidden_size": card.hidden_size or "by task",
            "tokens": card.tokens,
            "max_tokens": card.max_tokens or "no limit",
            "max_bases": card.max_bases or "no limit",
            "licence": card.licence,
        }
        for card in cards().values()
    ]


def _tasks() -> list[dict[str, Any]]:
    from engine.tasks import task_cards

    return [
        {
            "name": card.name,
            "title": card.title,
            "species": card.species,
            "classes": len(card.label_meaning),
            "metric": card.metric,
            "licence": card.licence,
        }
        for card in task_cards().values()
    ]


def _methods() -> list[dict[str, Any]]:
    from engine.methods import methods

    return [
        {
            "name": method.name,
            "needs": method.needs,
            "summary": method.summary,
            "hyperparameters": ", ".join(sorted(method.parameters)),
        }
        for method in methods().values()
    ]


def _studies() -> list[dict[str, Any]]:
    from engine.study import study_names
    from engine.yamlio import read_yaml

    rows = []
    for name, path in study_names().items():
        study = read_yaml(path, "study")
        rows.append({"name": name, "description": study.get("description", "")})
    return rows


def _cell(value: Any) -> Text:
    return Text(f"{value:,}" if isinstance(value, int) else str(value))
