"""The command line: arguments in, the code of one command called."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from engine import __version__
from engine.basics.errors import UserError
from engine.basics.invocation import PIPE_COLUMNS, as_typed, program
from engine.commands.compare import compare_command

if TYPE_CHECKING:
    from engine.commands.listing import Listing

DEFAULT_STORE = "runs/store"
KEY_LETTERS = 12
INTERRUPTED = 130
COMMANDS = ("run", "list", "status", "best", "predict", "compare", "report", "store", "doctor")


app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Search which DNA foundation model, adapted how, is best for which task.\n\n"
    "Without a command a study is run, the demo if none is named: [bold]\\[STUDY.yaml] "
    "\\[OPTIONS][/], or [bold]-e ENCODER -t TASK -m METHOD[/]; more under [bold]run --help[/]. "
    "[bold]--version[/] tells which one this is.",
)
store_app = typer.Typer(
    no_args_is_help=True, help="See what the store of embeddings holds, and make room."
)
app.add_typer(store_app, name="store")
out_console = Console(highlight=False)


@app.command("run")
def run_command(
    study: Annotated[
        str | None,
        typer.Argument(
            help="A study file, or the name of a shipped one. Without: what -e, -t and -m name, "
            "else the demo."
        ),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option("-e", "--encoder", help="Name, or a folder of weights; repeatable."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("-t", "--task", help="Name, or a data file; repeatable.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("-m", "--method", help="Search space by name or file; repeatable."),
    ] = None,
    trials: Annotated[int | None, typer.Option("-n", "--trials", help="Trials per cell.")] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Seed of a winner's fit; repeatable.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the study; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder. Default: runs/NAME of the study.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to run on (auto, host:port); this machine without it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and show the plan; run nothing.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh",
            help="Go on from what is in the output folder, or set it aside and start anew.",
        ),
    ] = True,
) -> None:
    """Run a study: embed, search, select, compare, report."""
    from engine.basics.files import check_folder
    from engine.commands.plan_tables import memory_table, plan_table
    from engine.commands.quick import Quick, chosen_study
    from engine.plan.cells import make_plan

    quick = Quick(encoder or (), task or (), method or (), trials, seed or ())
    plan = make_plan(chosen_study(study, quick, set_ or ()))
    folder = out or Path("runs") / plan.study.name
    check_folder(folder)
    out_console.print(plan_table(plan, folder))
    if dry_run:
        out_console.print(memory_table(plan))
        return
    from engine.commands.run import run_plan, tracked_at

    started = time.monotonic()
    paths = run_plan(plan, folder, address, resume, out_console)
    if paths is None:
        out_console.print("\nStopped; everything finished is kept. To go on:")
        out_console.print(f"  {continuing(sys.argv)}", soft_wrap=True, markup=False)
        raise typer.Exit(INTERRUPTED)
    from engine.report.forms.terminal import summary

    out_console.print(summary(folder))
    out_console.print(f"\n[bold]report[/]       {paths.html}", soft_wrap=True)
    out_console.print(
        f"[bold]tables[/]       {folder}/scores.csv, comparisons.csv, predictions.parquet"
    )
    out_console.print(f"[bold]best models[/]  {folder}/best/")
    if uri := tracked_at(plan, folder):
        there = uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}"
        out_console.print(f"[bold]runs[/]         {there}", soft_wrap=True)
    out_console.print(f"[dim]{time.monotonic() - started:.0f} s[/]")


def continuing(argv: list[str]) -> str:
    """Return the command that goes on: the same one, without ``--fresh``."""
    return as_typed([argument for argument in argv if argument != "--fresh"])


@app.command("list")
def list_command(
    what: Annotated[str, typer.Argument(help="encoders, tasks, methods or studies")],
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List what a study can name."""
    from engine.commands.listing import listing

    _print_listing(listing(what), json_)


@app.command("status")
def status_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a run.")],
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show how far a study has come: trials done and the best score of each cell."""
    from engine.commands.status import status

    _print_listing(status(folder), json_)


@app.command("best")
def best_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a run.")],
    cell: Annotated[
        str | None, typer.Argument(metavar="[CELL]", help="encoder/task/method; all without it.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show the winner of each cell, its scores, and how to predict with it."""
    from engine.commands.best import (
        find_winner,
        how_to_predict,
        winner_text,
        winners,
        winners_table,
    )

    if cell:
        best = find_winner(folder, cell)
        if json_:
            import json

            print(json.dumps(best.config, indent=1))
        else:
            out_console.print(winner_text(best), soft_wrap=True)
        return
    _print_listing(winners_table(folder), json_)
    kept = [best for best in winners(folder) if best.config["files"]]
    if kept and not json_:
        out_console.print("\nto score new sequences, for example:")
        out_console.print(f"  {how_to_predict(kept[0])}", soft_wrap=True, markup=False)


@app.command("predict")
def predict_command(
    best: Annotated[Path, typer.Argument(help="Folder of an exported model, OUT/best/CELL.")],
    file: Annotated[str, typer.Argument(help="Sequences: FASTA, CSV, TSV or Parquet.")],
    out: Annotated[
        Path | None, typer.Option(help="CSV file to write; the screen without it.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences that are scored at once.")] = 1024,
) -> None:
    """Score new sequences with the winner of a cell."""
    from engine.select.predict import load_best, predict_file

    table, notes = predict_file(load_best(best), file, batch)
    errors = Console(stderr=True)
    for note in notes:
        errors.print(f"note: {note}", style="yellow", soft_wrap=True, markup=False)
    if out is None:
        print(table.to_csv(index=False), end="")
        return
    from engine.basics.files import replacing

    with replacing(out) as temporary:
        table.to_csv(temporary, index=False)
    errors.print(f"{len(table):,} sequences scored: {out}", soft_wrap=True, markup=False)


app.command("compare")(compare_command)


@app.command("report")
def report_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of a run.")],
) -> None:
    """Write the report of a finished run anew."""
    from engine.report import write_report

    paths = write_report(folder)
    out_console.print(f"report: {paths.html}", soft_wrap=True)


@store_app.command("ls")
def store_ls_command(
    root: Annotated[str, typer.Option(help="Folder or URI (s3://, gs://).")] = DEFAULT_STORE,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List entries: encoder, task, split, rows, size, age."""
    from engine.commands.listing import Listing
    from engine.commands.store import entries_table, open_store, totals

    store = open_store(root)
    table = entries_table(store)
    if json_:
        import json

        print(json.dumps(table.rows, indent=1))
    else:
        _print_table(Listing([{**row, "key": row["key"][:KEY_LETTERS]} for row in table.rows]))
        out_console.print(totals(store))


@store_app.command("prune")
def store_prune_command(
    root: Annotated[
        str | None,
        typer.Option(help=f"Folder or URI. Default: that of --study, else {DEFAULT_STORE}."),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Entries written so long ago: 12h, 30d, 2w.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Entries that this run used, and no run in a folder beside it."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show; remove nothing.")] = False,
) -> None:
    """Remove damaged and left-over files and, where asked, entries by age or study."""
    from engine.commands.store import open_store, prune, seconds_of, store_of_study

    age = seconds_of(older_than) if older_than else None
    root = root or (store_of_study(study) if study else DEFAULT_STORE)
    removed = prune(open_store(root), age, study, dry_run)
    for thing in removed:
        out_console.print(f"{thing.kind:<10} {thing.name}", soft_wrap=True, markup=False)
    size = sum(thing.size for thing in removed) / 1e6
    verb = "would remove" if dry_run else "removed"
    out_console.print(f"{verb} {len(removed)}, {size:,.1f} MB")


@app.command("doctor")
def doctor_command() -> None:
    """Check this machine: Python, torch, GPU, Ray, storage, hub; each with what to do."""
    from engine.commands.doctor import checks

    failed = False
    for check in checks():
        mark = {"ok": "[green]✓[/]", "note": "[yellow]•[/]", "bad": "[red]✗[/]"}[check.state]
        found, remedy = escape(check.found), escape(check.remedy)
        out_console.print(f"{mark} [bold]{check.name:<14}[/] {found}", soft_wrap=True)
        if remedy:
            out_console.print(f"  {'':<14} [dim]{remedy}[/]", soft_wrap=True)
        failed |= check.state == "bad"
    if failed:
        raise typer.Exit(1)


def _print_listing(table: Listing, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(table.rows, indent=1))
    else:
        _print_table(table)


def _print_table(table: Listing) -> None:
    # In a pipe there is no width; 80 columns would wrap every cell.
    console = out_console if out_console.is_terminal else Console(width=PIPE_COLUMNS)
    console.print(table.rich())


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--version"]:
        print(f"dnasweep {__version__}")
        return
    if not arguments or arguments[0] not in (*COMMANDS, "--help", "-h"):
        arguments = ["run", *arguments]
    try:
        app(arguments, prog_name=program().removeprefix("python "))
    except UserError as error:
        line = " ".join(str(error).splitlines())
        Console(stderr=True).print(Text.assemble(("error:", "bold red"), " ", line), soft_wrap=True)
        sys.exit(2)
