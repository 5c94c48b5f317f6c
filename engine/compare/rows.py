"""Columns of scores.csv and comparisons.csv, a typed row each: writer, reader and docs use it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ScoreRow:
    """A fitted model's scores on the test split; docs/report.md says what each column holds.

    Attributes
    ----------
    metrics : mapping of str to float
        Every metric of the task's kind, a column each.
    """

    cell: str
    encoder: str
    task: str
    method: str
    seed: int
    variant: str
    metric: str
    validation: float
    value: float
    ci_low: float
    ci_high: float
    metrics: Mapping[str, float]
    n_test: int
    seconds: float
    trainable_parameters: int

    def columns(self) -> dict[str, Any]:
        """Values by column, the metrics in their place."""
        values: dict[str, Any] = {}
        for name, value in vars(self).items():
            values |= value if name == "metrics" else {name: value}
        return values


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """Two tuned cells of a task, compared; docs/report.md says what each column holds.

    Files of an earlier version may lack the columns that have a default.
    """

    task: str
    cell_a: str
    cell_b: str
    metric: str
    claim: str = ""
    verdict: str
    agreement: str = ""
    # The models of the first seed.
    test: str
    seed: int
    value_a: float
    value_b: float
    delta: float
    se: float = math.nan
    ci_low: float
    ci_high: float
    z: float
    df: float = math.nan
    p: float
    log10_p: float
    p_adjusted: float
    log10_p_adjusted: float = math.nan
    seeds_agree: str
    note: str = ""
    # The methods over all seeds.
    mean_a: float = math.nan
    mean_b: float = math.nan
    method_delta: float = math.nan
    method_se: float = math.nan
    method_ci_low: float = math.nan
    method_ci_high: float = math.nan
    method_t: float = math.nan
    method_df: float = math.nan
    method_p: float = math.nan
    method_log10_p: float = math.nan
    method_p_adjusted: float = math.nan
    method_log10_p_adjusted: float = math.nan
    var_seed: float = math.nan
    var_test: float = math.nan
    sd_seed_a: float = math.nan
    sd_seed_b: float = math.nan
    n_seeds_a: int | None = None
    n_seeds_b: int | None = None
    method_note: str = ""
    # Both.
    n_groups: int | None = None
    margin: float = math.nan
    equivalence_p: float = math.nan
    equivalence_p_adjusted: float = math.nan
    equivalent: bool = False
    correction: str
    family: str
