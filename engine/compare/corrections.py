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
from engine.stats.equivalence import tost
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
    tested = [{**pair, "equivalence_p": _equivalence_p(pair)} for pair in pairs]
    families = [family if family == "whole_study" else pair["task"] for pair in pairs]

    def within(
        name: str, adjust_one: Callable[[FloatArray, Correction], FloatArray] = adjust
    ) -> list[float]:
        p_values = [pair.get(name, math.nan) for pair in tested]
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
    for place, pair in enumerate(tested):
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


def equivalence_p(delta: float, se: float, margin: float, df: float = math.inf) -> float:
    """Of two one-sided tests against a margin; NaN where there is no test of the difference."""
    tested = math.isfinite(delta) and math.isfinite(se)
    return tost(delta, se, margin, df).p if tested else math.nan


def _equivalence_p(pair: Mapping[str, Any]) -> float:
    """Of the methods where they were tested, else of the models."""
    of = "method_" if "method_se" in pair else ""
    return equivalence_p(pair[of + "delta"], pair[of + "se"], pair["margin"], pair[of + "df"])
