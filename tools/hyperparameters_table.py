"""Write the hyperparameters into docs/methods.md, as methods and probes declare them.

python tools/hyperparameters_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "methods.md"
sys.path.insert(0, str(REPOSITORY))


def table(of: str) -> str:
    """Markdown table of those of "probes" or of "training"."""
    from engine.methods import listed

    groups = {"probes": listed.of_probes, "training": listed.of_training}[of]()
    lines = [
        "| taken by | hyperparameter | what it is | values | left out |",
        "|---|---|---|---|---|",
    ]
    for who, given in groups.items():
        for number, row in enumerate(one.row() for one in given):
            first = "" if number else who if who.startswith("every ") else f"`{who}`"
            name, default = f"`{row['hyperparameter']}`", row["default"] or "-"
            lines.append(f"| {first} | {name} | {row['about']} | {row['values']} | {default} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its tables as they should be."""
    for of in ("probes", "training"):
        start, end = (f"<!-- {word}hyperparameters of {of} -->" for word in ("", "end of "))
        before, rest = text.split(start)
        text = f"{before}{start}\n\n{table(of)}\n\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
