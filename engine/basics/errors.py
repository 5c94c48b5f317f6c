"""The one exception for a user's mistake, and the nearest valid name."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in what the user gave: told in one line, exit code 2, no traceback.

    The message names the file, the key, the value and what to do.
    """


def nearest(name: str, valid: Iterable[str]) -> str:
    """What to write instead of a wrong name: ``did you mean 'X'?`` or ``valid: A, B, C``."""
    valid = sorted(valid)
    close = difflib.get_close_matches(name.lower(), [v.lower() for v in valid], n=1, cutoff=0.6)
    if close:
        match = next(v for v in valid if v.lower() == close[0])
        return f"did you mean '{match}'?"
    return "valid: " + ", ".join(valid)


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its type where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
