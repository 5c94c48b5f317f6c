"""The winners of a finished run, and how to use them."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.basics.errors import UserError, nearest
from engine.basics.invocation import program
from engine.commands.listing import Listing
from engine.select.predict import CONFIG, Best, load_best


def winners(out: Path) -> list[Best]:
    """Exported models of a run; UserError where there are none."""
    found = [load_best(path.parent) for path in sorted((out / "best").glob(f"*/{CONFIG}"))]
    if not found:
        raise UserError(
            f"{out}: has no winners; give the output folder of a finished run "
            f"({program()} status {out} says how far one has come)"
        )
    return found


def winners_table(out: Path) -> Listing:
    """One row per cell: validation and test scores, and the folder of its model."""
    return Listing([_row(best) for best in winners(out)])


def find_winner(out: Path, cell: str) -> Best:
    """The model of one cell, named ``encoder/task/method`` or as its folder is.

    UserError where no winner has that name; it tells the nearest one.
    """
    named = {best.spec.cell.id: best for best in winners(out)}
    for name, best in named.items():
        if cell in (name, best.folder.name):
            return best
    raise UserError(f"{out}: no winner of a cell '{cell}'; {nearest(cell, named)}")


def winner_text(best: Best) -> Group:
    """Everything about one winner: scores, hyperparameters, how to predict with it."""
    config = best.config
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    low, high = config["test_interval"]
    interval = "" if low is None else f" (95 % CI {low:.4f} to {high:.4f})"
    rows = [
        ("study", config["study"]),
        ("kind", f"{best.kind.name}: {', '.join(best.classes)}"),
        ("validation", f"{config['metric']} {config['validation']:.4f}"),
        *(
            (f"test, seed {seed}", f"{value:.4f}{interval if seed == config['seed'] else ''}")
            for seed, value in config["test"].items()
        ),
        *((name, str(value)) for name, value in config["params"].items()),
        ("model files", ", ".join(config["files"]) or "none: the method keeps none"),
        ("model card", str(best.folder / "README.md")),
    ]
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    lines = [Text(""), Text("to score new sequences:"), Text(f"  {how_to_predict(best)}")]
    return Group(Text(best.spec.cell.id, style="bold"), table, *(lines if config["files"] else []))


def how_to_predict(best: Best) -> str:
    """The command that scores new sequences."""
    return f"{program()} predict {best.folder} FASTA_OR_CSV --out predictions.csv"


def _row(best: Best) -> dict[str, Any]:
    config = best.config
    values = list(config["test"].values())
    low, high = config["test_interval"]
    return {
        "cell": best.spec.cell.id,
        "metric": config["metric"],
        "validation": f"{config['validation']:.4f}",
        "test": f"{statistics.fmean(values):.4f}",
        "sd": f"{statistics.stdev(values):.4f}" if len(values) > 1 else "",
        "95 % CI": "" if low is None else f"{low:.4f} to {high:.4f}",
        "seeds": len(values),
        "model": str(best.folder) if config["files"] else "not kept",
    }
