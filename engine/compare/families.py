"""Tests of pairs, corrected over the declared family, and what may then be said of each pair.

That is what the test of the methods says, where there are seeds enough for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from engine.compare.rows import ComparisonRow
from engine.stats.adjust import adjust, adjust_log10, adjust_within
from engine.stats.checks import FloatArray
from engine.stats.method_level import agreement

Family = Literal["per_task", "whole_study", "headline"]
Correction = Literal["holm", "bh", "by", "none"]
LEVEL = 0.05
#: What a verdict is about.
METHODS, FITS_ONLY = "methods", "fitted models only"


def corrected(
    pairs: Sequence[Mapping[str, Any]], family: Family, correction: Correction
) -> list[ComparisonRow]:
    """Rows of pairs whose tests are corrected together.

    Parameters
    ----------
    pairs : sequence of mapping
        The other columns of `ComparisonRow`, by name; those without a test may lack its numbers.
    family : {"per_task", "whole_study", "headline"}
        Tests of the whole study are one family, else those of a task.
    correction : {"holm", "bh", "by", "none"}
    """
    families = [family if family == "whole_study" else pair["task"] for pair in pairs]

    def within(
        name: str, adjust_one: Callable[[FloatArray, Correction], FloatArray] = adjust
    ) -> list[float]:
        p_values = [pair.get(name, math.nan) for pair in pairs]
        adjusted: list[float] = adjust_within(p_values, families, correction, adjust_one).tolist()
        return adjusted

    columns = {
        "p_adjusted": within("p"),
        "log10_p_adjusted": within("log10_p", adjust_log10),
        "method_p_adjusted": within("method_p"),
        "method_log10_p_adjusted": within("method_log10_p", adjust_log10),
        # To claim many equivalences takes as much care as to claim many differences.
        "equivalence_p_adjusted": within("equivalence_p"),
    }
    rows = []
    for place, pair in enumerate(pairs):
        adjusted: dict[str, Any] = {name: values[place] for name, values in columns.items()}
        of_fits, of_methods = adjusted["p_adjusted"], adjusted["method_p_adjusted"]
        fits_only = math.isnan(of_methods)
        rows.append(
            ComparisonRow(
                **pair,
                **adjusted,
                equivalent=adjusted["equivalence_p_adjusted"] < LEVEL,
                agreement=agreement(of_fits, of_methods, LEVEL),
                claim=FITS_ONLY if fits_only else METHODS,
                verdict=verdict(of_fits, pair["seeds_agree"])
                if fits_only
                else verdict(of_methods, "1/1"),
                correction=correction,
                family=family,
            )
        )
    return rows


def verdict(p_adjusted: float, seeds_agree: str) -> str:
    """What may be said of a difference; of two methods, seeds have nothing to add."""
    if math.isnan(p_adjusted):
        return "no test"
    if p_adjusted >= LEVEL:
        return "not significant"
    agree, seeds = seeds_agree.split("/")
    return "significant" if agree == seeds else "unstable over seeds"
