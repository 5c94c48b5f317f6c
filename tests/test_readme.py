"""The README tells the truth about the repository."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TREE = README[README.index("```\nrun_search.py") : README.rindex("```")]


def modules() -> list[str]:
    found = (p.relative_to(REPOSITORY) for p in (REPOSITORY / "engine").rglob("*.py"))
    return sorted(str(path) for path in found if path.name != "__init__.py")


@pytest.mark.parametrize("path", modules())
def test_every_module_stands_in_the_tree(path: str) -> None:
    assert re.search(rf"\b{re.escape(Path(path).name)}\b", TREE), f"{path} is not in the README"


def test_every_module_of_the_tree_exists() -> None:
    names = {Path(path).name for path in modules()}
    files = {p.name for p in REPOSITORY.rglob("*.py") if ".venv" not in p.parts}
    for name in re.findall(r"[\w/]+\.py", TREE):
        assert Path(name).name in names | files, f"{name} stands in the README but is gone"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (REPOSITORY / link).exists()
