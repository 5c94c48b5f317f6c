"""One palette for page and figures, in a light and a dark form.

Figures are drawn in the light colours. In the page each of these becomes a CSS variable, so that a
figure follows the reader's colour scheme; therefore no two tones may share a light colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Tone:
    """A colour by its role: a name, and its value on a light and on a dark page."""

    name: str
    light: str
    dark: str


PAPER = Tone("paper", "#ffffff", "#14171c")
PANEL = Tone("panel", "#f6f7f9", "#1c2027")
INK = Tone("ink", "#1b1f24", "#e8eaed")
SOFT = Tone("soft", "#57606b", "#a3abb6")
LINE = Tone("line", "#d9dde2", "#353b44")
BAND = Tone("band", "#eaf2fa", "#1b2b3b")
ACCENT = Tone("accent", "#0b5cad", "#7db8f2")
GOOD = Tone("good", "#0a6b4f", "#5fd3ac")
WARN = Tone("warn", "#8a4b00", "#f2b866")

# Hues of Okabe and Ito (2008), darkened or lightened to keep 3:1 against either page.
HUES = (
    Tone("hue-0", "#0072b2", "#56b4e9"),
    Tone("hue-1", "#d55e00", "#ff8b3d"),
    Tone("hue-2", "#008f68", "#2fc99b"),
    Tone("hue-3", "#b9508f", "#e79bc8"),
    Tone("hue-4", "#a87900", "#efb52b"),
    Tone("hue-5", "#5b6470", "#aab4c1"),
    Tone("hue-6", "#5a55c9", "#a9a5ff"),
    Tone("hue-7", "#8a5a2c", "#cfa173"),
)

# One hue, evenly stepped in lightness; the strong end is dark on paper and bright on a dark page.
RAMP = (
    Tone("ramp-0", "#eef0f3", "#23282f"),
    Tone("ramp-1", "#cfe1f2", "#1f3a55"),
    Tone("ramp-2", "#9ec5e6", "#27567f"),
    Tone("ramp-3", "#5a9bd0", "#3d7db4"),
    Tone("ramp-4", "#2369a8", "#74aede"),
    Tone("ramp-5", "#0b3f78", "#b9daf7"),
)
RAMP_INK = (
    Tone("ramp-ink-0", "#57606c", "#a3abb7"),
    Tone("ramp-ink-1", "#10253a", "#e3effa"),
    Tone("ramp-ink-2", "#10253b", "#f0f6fc"),
    Tone("ramp-ink-3", "#071a2c", "#ffffff"),
    Tone("ramp-ink-4", "#fefefe", "#0b1d2e"),
    Tone("ramp-ink-5", "#fdfdfd", "#0b1d2f"),
)
TONES = (PAPER, PANEL, INK, SOFT, LINE, BAND, ACCENT, GOOD, WARN, *HUES, *RAMP, *RAMP_INK)

# Shapes tell methods apart where colours tell encoders apart.
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "h")
DASHES = ("-", (0, (4, 1.6)), (0, (1.2, 1.4)), (0, (5, 1.4, 1.2, 1.4)))

FONT = "DejaVu Sans"  # comes with matplotlib, so a PNG looks the same anywhere
FIGURE_STYLE: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 9,
    "text.parse_math": False,  # a "$" in a name is a dollar sign
    "text.color": INK.light,
    "axes.labelcolor": SOFT.light,
    "axes.edgecolor": LINE.light,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.titley": 1.0,  # else every drawing measures all labels, lest one touch a title
    "xtick.color": LINE.light,
    "ytick.color": LINE.light,
    "xtick.labelcolor": SOFT.light,
    "ytick.labelcolor": SOFT.light,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.labelcolor": SOFT.light,
    "svg.fonttype": "none",  # text stays text: small files, selectable, the page's own font
}


def hue(encoder: str, encoders: Sequence[str]) -> Tone:
    """The encoder's colour, the same in every figure and table; hues repeat after eight."""
    return HUES[encoders.index(encoder) % len(HUES)]


def marker(method: str, methods: Sequence[str]) -> str:
    """The method's marker, the same in every figure."""
    return MARKERS[methods.index(method) % len(MARKERS)]


def dash(method: str, methods: Sequence[str]) -> Any:
    """The method's line style, the same in every figure."""
    return DASHES[methods.index(method) % len(DASHES)]


def css_variables(mode: Literal["light", "dark"]) -> str:
    """Declarations of all tones, ``--ink: #1b1f24; ...``."""
    return " ".join(f"--{t.name}: {t.light if mode == 'light' else t.dark};" for t in TONES)
