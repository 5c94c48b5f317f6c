"""The report as one HTML file that needs no network."""

from collections.abc import Mapping

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from engine.basics.package import PACKAGE
from engine.report.forms.blocks import Block
from engine.report.forms.page import Page
from engine.report.forms.theme import css_variables

TEMPLATES = PACKAGE / "report" / "templates"


def render_html(page: Page) -> str:
    """Write the page as HTML.

    Returns
    -------
    str
        A whole document. Every name that a user chose is escaped; only our own style, script and
        figures are put in as they stand.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["own"] = Markup
    environment.filters["some"] = _some_attributes
    environment.filters["breakable"] = _breakable
    macros = environment.get_template("macros.html.j2").module

    def written(block: Block) -> Markup:
        return Markup(getattr(macros, type(block).__name__.lower())(block))

    environment.filters["written"] = written
    return environment.get_template("report.html.j2").render(
        page=page,
        light=css_variables("light"),
        dark=css_variables("dark"),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
    )


def _breakable(name: str) -> Markup:
    """A name that may go on in the next line after an underscore."""
    return escape(name).replace("_", Markup("_<wbr>"))


def _some_attributes(attributes: Mapping[str, str]) -> Markup:
    """Attributes of an element, without those that are empty; a page has thousands of them."""
    return Markup("").join(
        Markup(' {}="{}"').format(name, value) for name, value in attributes.items() if value
    )
