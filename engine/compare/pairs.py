"""One pair of cells, tested twice: as the models of the first seed, and as methods over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.compare.evidence import Evidence, method_test, paired_test
from engine.stats.checks import FloatArray

#: Columns of a test of methods by the names that its result has.
OF_METHODS = {
    **{n: f"method_{n}" for n in ("delta", "se", "ci_low", "ci_high", "t", "df", "p", "log10_p")},
    **{n: n for n in ("var_seed", "var_test", "sd_seed_a", "sd_seed_b", "n_seeds_a", "n_seeds_b")},
}


class Valued(NamedTuple):
    """Scores of a fit, shape (N, K), and the metric of them."""

    scores: FloatArray
    value: float


def compare_pair(
    evidence: Evidence, fits_a: Sequence[Valued], fits_b: Sequence[Valued]
) -> dict[str, Any]:
    """Test two cells on the same rows.

    Parameters
    ----------
    evidence : Evidence
    fits_a, fits_b : sequence of Valued
        One per seed, the same seeds for both; the first are the models.

    Returns
    -------
    dict
        Columns of `engine.compare.rows.ComparisonRow`; those of methods where there is a test.
    """
    (scores_a, values_a), (scores_b, values_b) = (
        zip(*fits, strict=True) for fits in (fits_a, fits_b)
    )
    of_models = paired_test(evidence, scores_a[0], scores_b[0])
    result, note = method_test(evidence, scores_a, scores_b)
    of_methods = {} if result is None else result._asdict()
    return {
        "value_a": values_a[0],
        "value_b": values_b[0],
        "seeds_agree": _seeds_agree(fits_a, fits_b),
        **of_models,
        "mean_a": float(np.mean(values_a)),
        "mean_b": float(np.mean(values_b)),
        **{column: of_methods[name] for name, column in OF_METHODS.items() if of_methods},
        "method_note": note,
    }


def _seeds_agree(fits_a: Sequence[Valued], fits_b: Sequence[Valued]) -> str:
    """In how many seeds the difference has the sign of the first.

    Fits that do not depend on the seed are one piece of evidence, not one per seed.
    """
    signs = {
        (a.scores.tobytes(), b.scores.tobytes()): np.sign(a.value - b.value)
        for a, b in zip(fits_a, fits_b, strict=True)
    }
    first = np.sign(fits_a[0].value - fits_b[0].value)
    return f"{sum(sign == first for sign in signs.values())}/{len(signs)}"
