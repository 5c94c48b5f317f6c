"""Write docs/architecture.md: a line per file of the engine, as its docstring says.

python tools/architecture.py
"""

from __future__ import annotations

import ast
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "architecture.md"

HEAD = """# Architecture

A line per file of `engine/`, the first of its docstring. Rooms stand in the order of their imports:
each imports only what stands above it (`tests/test_imports.py`). How data flows is in the README.
Written by `python tools/architecture.py`; a test compares.
"""


def first_line(path: Path) -> str:
    """First sentence or line of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


def rooms() -> list[str]:
    """Rooms of the engine in the order of their imports."""
    tree = ast.parse((REPOSITORY / "tests" / "test_imports.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER":
            return list(ast.literal_eval(node.value))
    raise SystemExit("tests/test_imports.py has no ORDER")


def page() -> str:
    """The page as it should be."""
    engine = REPOSITORY / "engine"
    parts = [HEAD]
    for room in rooms():
        folder = engine / room
        if not folder.is_dir():
            parts.append(f"## {room}.py\n\n{first_line(folder.with_suffix('.py'))}\n")
            continue
        lines = [f"## {room}/\n\n{first_line(folder / '__init__.py')}\n\n"]
        lines.append("| file | what it is |\n|---|---|\n")
        for path in sorted(folder.rglob("*.py"), key=lambda p: (p.parent != folder, p)):
            if path.name != "__init__.py":
                lines.append(f"| `{path.relative_to(folder)}` | {first_line(path)} |\n")
        parts.append("".join(lines))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
