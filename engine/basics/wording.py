"""Numbers the way a reader of a paper expects them."""

import math
from collections.abc import Sequence
from datetime import datetime

MISSING = "–"
SMALLEST_SHOWN = "<1e-300"  # a p-value that underflowed and left no logarithm

NOISE = 1e-12  # what is smaller is nothing but rounding

CORRECTION_LABELS = {
    "holm": "Holm",
    "bh": "Benjamini-Hochberg",
    "fdr_bh": "Benjamini-Hochberg",
    "by": "Benjamini-Yekutieli",
    "fdr_by": "Benjamini-Yekutieli",
    "bonferroni": "Bonferroni",
    "none": "unadjusted",
}

FAMILIES = {
    "per_task": "all pairs of one task",
    "whole_study": "all pairs of the whole study",
    "headline": "the pairs of a task's best cell by validation with each other cell",
}


def heading(label: str) -> str:
    """A label at the top of a column: its first letter is large, its abbreviations stay."""
    return label[:1].upper() + label[1:]


def correction_label(correction: str) -> str:
    """Name of a correction for multiple comparisons as it is printed."""
    return CORRECTION_LABELS.get(correction.lower(), correction)


def adjustment(correction: str) -> str:
    """What was done to the p-values: ``adjusted by Holm``, or ``not adjusted``."""
    return "not adjusted" if correction == "none" else f"adjusted by {correction_label(correction)}"


def score(value: float) -> str:
    """Three decimals with a true minus sign; two digits where these would show none.

    An error such as MSE is in units of the labels, whatever their scale. A dash stands where there
    is no value.
    """
    if not math.isfinite(value):
        return MISSING
    small, large = NOISE < abs(value) < 0.0005, abs(value) >= 100_000
    return _minus(f"{value:.2g}" if small or large else f"{value:.3f}")


def difference(value: float) -> str:
    """A signed difference; more decimals where three would hide it."""
    if not math.isfinite(value):
        return MISSING
    if NOISE < abs(value) < 0.00005 or abs(value) >= 100_000:
        return _minus(f"{value:+.1e}")
    digits = 4 if 0 < abs(value) < 0.001 else 3
    text = _minus(f"{value:+.{digits}f}")
    return text.lstrip("+−") if float(f"{value:.{digits}f}") == 0 else text


def _minus(text: str) -> str:
    """A number with a true minus sign and no needless signs in its exponent: ``−3.2e-5``."""
    mantissa, e, exponent = text.partition("e")
    return mantissa.replace("-", "−") + (f"e{int(exponent)}" if e else "")


def magnitude(value: float) -> str:
    """A difference without its sign."""
    return difference(abs(value)).lstrip("+")


def interval(low: float, high: float) -> str:
    """``low to high``, which stays readable when a bound is negative or close to zero."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    return f"{_bound(low)} to {_bound(high)}"


def _bound(value: float) -> str:
    """A score, of which one digit does where three decimals show none."""
    return _minus(f"{value:.1g}") if NOISE < abs(value) < 0.0005 else score(value)


def p_value(p: float, log10_p: float = math.nan) -> str:
    """A p-value with about two significant digits: ``0.31``, ``0.004``, ``3.2e-5``, ``1e-320``.

    `p` is NaN where there is none, and 0 where it underflowed: there its decimal logarithm
    `log10_p` counts. Rounding never carries a value over 0.05.
    """
    if math.isnan(p):
        return MISSING
    if p >= 0.1:
        return "1" if p >= 0.995 else f"{p:.2f}"
    if p >= 0.001:
        digits = 3
        while (float(f"{p:.{digits}f}") < 0.05) != (p < 0.05):
            digits += 1
        return f"{p:.{digits}f}"
    if p > 1e-300:
        log10_p = math.log10(p)
    if not math.isfinite(log10_p):
        return SMALLEST_SHOWN
    exponent = math.floor(log10_p)
    mantissa = f"{10 ** (log10_p - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa.removesuffix('.0')}e{exponent}"


def p_equation(p: float, log10_p: float = math.nan) -> str:
    """``p = 0.004``, or ``p < 1e-300``."""
    text = p_value(p, log10_p)
    if text == MISSING:
        return "p not available"
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{100 * share:.0f} %" if math.isfinite(share) else MISSING


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def hours(number: float) -> str:
    """Hours to two significant digits or a tenth."""
    if not math.isfinite(number):
        return MISSING
    return f"{number:,.1f}" if number >= 10 else f"{number:.2g}"


def size(n_bytes: float) -> str:
    """Bytes in GB or MB."""
    if not math.isfinite(n_bytes):
        return MISSING
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def count(value: float) -> str:
    """An integer with thousands separators."""
    return f"{round(value):,}" if math.isfinite(value) else MISSING


def plural(number: int, noun: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(iso: str) -> str:
    """An ISO 8601 time as ``22 November 2026, 14:05 UTC``; other text as it stands."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    zone = f" {when.tzname()}" if when.tzinfo else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def listing(names: Sequence[str], limit: int = 0) -> str:
    """Names as prose: ``a``, ``a and b``, ``a, b and c``, or ``a, b and 5 others``.

    `limit` says how many are spelt out before the rest is only counted; 0 spells out all.
    """
    shown = list(names)
    if limit and len(shown) > limit + 1:
        shown = [*shown[:limit], f"{len(names) - limit} others"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def be(names: Sequence[object]) -> str:
    """What some names, one or more, do: ``is`` or ``are``."""
    return "is" if len(names) == 1 else "are"


def shorten(name: str, longest: int = 34) -> str:
    """A long name with its middle left out, so that both ends can be told apart."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"
