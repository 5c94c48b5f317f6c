"""Write which fine-tuning method works on which encoder into docs/methods.md.

    python tools/methods_table.py

Trains three steps of every pair on tiny networks, as the tests do: about half a minute.
"""

import sys
import tempfile
from functools import partial
from itertools import product
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))


def main():
    """Find every outcome, write the table and print it."""
    from engine.basics.files import write_text
    from tests.methods.support import END, START, columns, outcome, render, rows, small_encoder

    with tempfile.TemporaryDirectory() as folder:
        encoder_of = partial(small_encoder, folder=Path(folder))
        pairs = product(rows(), columns())
        found = {pair: outcome(*pair, encoder_of) for pair in pairs}
    file = REPOSITORY / "docs" / "methods.md"
    text = file.read_text(encoding="utf-8")
    before, after = text[: text.index(START)], text[text.index(END) :]
    write_text(file, f"{before}{START}\n\n{render(found)}\n\n{after}")
    print(render(found))


if __name__ == "__main__":
    main()
