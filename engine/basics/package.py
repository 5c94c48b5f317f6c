"""Where this package lies on disk."""

from pathlib import Path

#: The folder of ``engine``. Whatever ships with it is found from here, wherever a file moves.
PACKAGE = Path(__file__).resolve().parent.parent
