"""``compare``: tests over anybody's prediction files, as options of the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.basics.invocation import PIPE_COLUMNS


def compare_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="CSV, TSV or Parquet: a column 'label', a column of numbers per model (or "
            "'score_CLASS' of each class), 'id' to join files by; or a run's predictions.parquet."
        ),
    ],
    score: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column that is a model, or a cell of a run; repeatable. Default: all.",
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            help="auroc (macro of more than two classes), partial_auroc, hand_till, mcc, accuracy, "
            "auprc, f1, balanced_accuracy, log_loss or brier"
        ),
    ] = "auroc",
    test: Annotated[
        str | None,
        typer.Option(
            help="delong (of auroc, its default), bootstrap (the default of others), permutation, "
            "or mcnemar (of accuracy)"
        ),
    ] = None,
    max_fpr: Annotated[
        float | None,
        typer.Option(help="False positive rate that partial_auroc goes up to. Default: 0.1."),
    ] = None,
    unpaired: Annotated[
        bool,
        typer.Option("--unpaired", help="Two files of different sequences: DeLong without pairs."),
    ] = False,
    correction: Annotated[str, typer.Option(help="holm, bh, by or none")] = "holm",
    level: Annotated[float, typer.Option(help="Confidence of the intervals.")] = 0.95,
    alternative: Annotated[
        str, typer.Option(help="two-sided; greater: a pair's difference is above 0; less")
    ] = "two-sided",
    groups: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column whose equal values are not independent rows."),
    ] = None,
    omnibus: Annotated[
        bool, typer.Option("--omnibus", help="Also test whether all models of a task are equal.")
    ] = False,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=WEIGHT",
            help="Also test a weighted difference of AUROCs; repeatable, weights sum to 0.",
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table to a file.")] = None,
) -> None:
    """Test whether models differ, from anybody's prediction files."""
    from engine.compare.files import compare_files

    result = compare_files(
        files,
        correction,
        level,
        alternative,
        groups,
        omnibus,
        score or (),
        metric=metric,
        test=test,
        max_fpr=max_fpr,
        unpaired=unpaired,
        contrast=contrast or (),
    )
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=PIPE_COLUMNS)
    console.print(result.rich())
    if csv:
        result.write(csv)
        console.print(f"table: {csv}")
