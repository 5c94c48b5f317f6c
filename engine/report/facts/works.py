"""Works that a report may cite, as text and as BibTeX."""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from engine.basics.package import PACKAGE

ENTRY = re.compile(r"@\w+\{(\w+),\n.*?\n\}", re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},?$", re.MULTILINE)
SPECIAL, ESCAPED = re.compile(r"([&%$#_])"), re.compile(r"\\([&%$#_])")


class Reference(NamedTuple):
    """One work.

    Attributes
    ----------
    key : str
        Of the BibTeX entry.
    text : str
        A line of prose.
    bibtex : str
        The entry.
    """

    key: str
    text: str
    bibtex: str


@cache
def works() -> Mapping[str, Reference]:
    """The entries of ``works.bib`` by key."""
    text = (PACKAGE / "report" / "facts" / "works.bib").read_text(encoding="utf-8")
    return {
        found[1]: Reference(found[1], _prose(found[0]), found[0]) for found in ENTRY.finditer(text)
    }


def noted(key: str, citation: str) -> Reference:
    """A work that is known by the words of its citation alone."""
    note = SPECIAL.sub(r"\\\1", citation)
    return Reference(key, citation, f"@misc{{{key},\n  note = {{{note}}}\n}}")


def _prose(entry: str) -> str:
    """Authors, title, where and when of a BibTeX entry."""
    of = {name: ESCAPED.sub(r"\1", value) for name, value in FIELD.findall(entry)}
    names = [name.split(", ")[0] for name in of["author"].split(" and ")]
    authors = f"{names[0]} et al." if len(names) > 3 else ", ".join(names) + "."
    kinds = ("journal", "booktitle", "publisher", "howpublished")
    place = next(of[kind] for kind in kinds if kind in of)
    volume = of.get("volume", "") + (f"({of['number']})" if "number" in of else "")
    if "pages" in of:
        pages = of["pages"].replace("--", "-")
        place += f" {volume}:{pages}" if volume else f", pp. {pages}"
    doi = f" doi:{of['doi']}" if "doi" in of else ""
    return f"{authors} {of['title']}. {place}, {of['year']}.{doi}"
