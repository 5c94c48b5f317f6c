"""README and docs tell the truth about the repository."""

import re

import pytest

from tests.conftest import REPOSITORY
from tools.architecture import PAGE, page, rooms

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TREE = README[README.index("```\nrun_search.py") : README.rindex("```")]


def test_every_file_of_the_engine_says_what_it_is_and_the_page_of_files_says_the_same():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tools/architecture.py"
    assert "|  |" not in page()


def test_the_tree_has_the_rooms_in_the_order_of_their_imports():
    told = re.findall(r"^  ([\w.]+)", TREE, re.MULTILINE)
    assert [name.removesuffix(".py") for name in told] == rooms()


def test_every_folder_and_file_of_the_tree_exists():
    for indent, name in re.findall(r"^( *)([\w./]+)", TREE, re.MULTILINE):
        path = REPOSITORY / ("engine" if indent else ".") / name
        assert path.exists(), f"{name} stands in the README but is gone"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (REPOSITORY / link).exists()
