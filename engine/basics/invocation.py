"""The command as the user gave it, for messages that name another."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import PurePath

from engine.basics.urls import without_password

SCRIPT, PROGRAM = "run_search.py", "dnasweep"

#: Width of a table in a pipe, which has none; 80 would wrap every cell.
PIPE_COLUMNS = 160


def program() -> str:
    """How the command line is called here: ``python run_search.py``, or ``dnasweep``."""
    return f"python {SCRIPT}" if PurePath(sys.argv[0]).name == SCRIPT else PROGRAM


def as_typed(argv: Sequence[str]) -> str:
    """Arguments of a process as the command that a shell takes, without what opens a door."""
    name, *others = map(without_password, argv)
    start = [PROGRAM] if PurePath(name).name == PROGRAM else ["python", name]
    return shlex.join([*start, *others])
