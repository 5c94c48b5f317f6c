"""A drawn figure as files, and as SVG that can stand inside the page."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from engine.basics.files import replacing, write_text
from engine.report.forms.theme import PAPER, TONES

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
VARIABLES = {tone.light: f"var(--{tone.name})" for tone in TONES}
COLOUR = re.compile("|".join(VARIABLES))
FONT = re.compile(r"font-family: [^;]*;? ?")
REFERENCE = re.compile(r"#([\w.-]+)")
# A tenth of a point for places on the page, a hundredth for the outline of a small marker.
LONG_DECIMAL = re.compile(r"(?<=\d\d\.\d)\d+|(?<=\.\d\d)\d+")


@dataclass(frozen=True)
class Drawing:
    """A figure before it is saved.

    Attributes
    ----------
    tips : mapping of str to str
        What to show when the pointer rests on the artist of this gid.
    """

    figure: Figure
    title: str
    caption: str
    tips: Mapping[str, str]


@dataclass(frozen=True)
class Picture:
    """A figure that has been saved.

    Attributes
    ----------
    inline : str
        SVG element for the page: colours are CSS variables, ids are unique within the page.
    files : tuple of Path
        The SVG and PNG files.
    """

    name: str
    title: str
    caption: str
    inline: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Album:
    """Where the figures of one report go.

    Attributes
    ----------
    tasks : mapping of str to str
        What stands for a task in the name of a file.
    """

    folder: Path
    tasks: Mapping[str, str]

    def add(self, drawing: Drawing, name: str, task: str = "") -> Picture:
        """Write a figure, of one task or of all, as SVG and PNG, and make its form for the page."""
        name = f"{name}-{self.tasks[task]}" if task else name
        vector, raster = io.BytesIO(), io.BytesIO()
        # The same ids at every run, and others than those of other figures.
        with matplotlib.rc_context({"svg.hashsalt": name}):
            drawing.figure.savefig(vector, format="svg", transparent=True, metadata={"Date": None})
            drawing.figure.savefig(raster, format="png", dpi=160, facecolor=PAPER.light)
        text = vector.getvalue().decode("utf-8")
        files = (self.folder / f"{name}.svg", self.folder / f"{name}.png")
        write_text(files[0], text.replace("<svg ", f'<svg style="background: {PAPER.light}" ', 1))
        with replacing(files[1]) as temporary:
            temporary.write_bytes(raster.getvalue())
        return Picture(name, drawing.title, drawing.caption, _inline(text, drawing), files)


def _inline(text: str, drawing: Drawing) -> str:
    """Matplotlib's SVG without its document parts, in page colours, with unique ids and tips."""
    width, height = (float(inches) * 96 for inches in drawing.figure.get_size_inches())
    root = ElementTree.fromstring(text)
    for element in root.findall(f"{{{SVG}}}metadata"):
        root.remove(element)
    for element in root.findall(f"{{{SVG}}}defs"):
        if element.find(f"{{{SVG}}}style") is not None:
            root.remove(element)  # its style would reach the whole page
    root.attrib.pop("version")
    root.set("width", f"{width:.0f}")
    root.set("height", f"{height:.0f}")
    root.set("style", f"--width: {width:.0f}px")
    root.set("role", "img")
    root.set("aria-label", drawing.title)
    used = {match for e in root.iter() for v in e.attrib.values() for match in REFERENCE.findall(v)}
    for element in root.iter():
        identity = element.attrib.pop("id", "")
        if identity in used:
            element.set("id", identity)
        if identity in drawing.tips:
            title = ElementTree.Element(f"{{{SVG}}}title")
            title.text = drawing.tips[identity]
            element.insert(0, title)
        for key, value in list(element.attrib.items()):
            if value.startswith("rotate(-0 "):
                del element.attrib[key]  # turned by nothing
            else:
                element.set(key, _localise(key, value))
        if not element.tag.endswith("text"):
            element.text = (element.text or "").strip()
        element.tail = ""
    _flatten(root)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _localise(key: str, value: str) -> str:
    """An attribute for the page: no fixed colour or font, no needless digits."""
    if key in ("d", "transform", "x", "y"):
        return LONG_DECIMAL.sub("", " ".join(value.split()))
    value = COLOUR.sub(lambda match: VARIABLES[match.group()], value)
    return FONT.sub("", value)


def _flatten(element: ElementTree.Element) -> None:
    """Take out groups that say nothing about what they hold; they are half of the elements."""
    kept: list[ElementTree.Element] = []
    for child in element:
        _flatten(child)
        plain = child.tag == f"{{{SVG}}}g" and not child.attrib
        if plain and child.find(f"{{{SVG}}}title") is None:
            kept += child
        else:
            kept.append(child)
    element[:] = kept
