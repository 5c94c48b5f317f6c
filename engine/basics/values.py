"""Values of a column on their way to a check: what is missing, how rows and values are named."""

from collections.abc import Sequence

from engine.basics.errors import UserError

MISSING = frozenset({"", "nan", "na", "n/a", "null", "<na>"})
LONGEST_QUOTE = 40


def quote(text: str) -> str:
    """A value for a message: in quotes, on one line, not too long."""
    text = repr(text)[1:-1]
    return f"'{text[:LONGEST_QUOTE]}...'" if len(text) > LONGEST_QUOTE else f"'{text}'"


def where(rows: Sequence[int]) -> str:
    """How many rows, and which is the first."""
    if len(rows) == 1:
        return f"in row {rows[0] + 1}"
    return f"in {len(rows)} rows, the first is row {rows[0] + 1}"


def filled(values: Sequence[str | None], name: str, path: str) -> tuple[str, ...]:
    """Values without outer white space.

    Raises
    ------
    UserError
        If one of them is missing.
    """
    stripped = tuple((value or "").strip() for value in values)
    missing = [row for row, value in enumerate(stripped) if value.lower() in MISSING]
    if missing:
        raise UserError(f"{path}: {name} is missing {where(missing)}; give every row a {name}")
    return stripped
