"""A figure as SVG to set into a page: Matplotlib's object interface, no pyplot.

Colours are stand-ins that become CSS variables, so that the page's light or dark scheme holds in
the plots too; text stays text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT, GRID, REFERENCE, OTHER, POWER, HEAT, CARD = (
    "#010101",
    "#020202",
    "#030303",
    "#040404",
    "#050505",
    "#060606",
    "#070707",
)
VARIANTS = ("#080808", "#090909", "#0a0a0a", "#0b0b0b")
"""Of the variants that are compared with the reference, in their order."""
_CSS = {
    TEXT: "currentColor",
    GRID: "var(--grid)",
    REFERENCE: "var(--reference)",
    **{colour: f"var(--variant-{number})" for number, colour in enumerate(VARIANTS, 1)},
    OTHER: "var(--other)",
    POWER: "var(--power)",
    HEAT: "var(--heat)",
    CARD: "var(--card)",
}
_STYLE: Any = {
    "svg.hashsalt": "wattscan",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class PageWidth:
    """A width of the page, inches: a plot's text keeps its size when it is drawn for that width."""

    suffix: str
    width: float

    def name(self, plot: str) -> str:
        """A plot's name, unique in the page."""
        return plot + self.suffix


WIDE = PageWidth("", 9.2)
NARROW = PageWidth("-narrow", 3.6)


def style() -> Any:
    """The plots' style, while the context lasts."""
    from matplotlib import rc_context

    return rc_context(_STYLE)


def row(page: PageWidth, panels: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    """Panels of so many inches of height beside each other; stacked on a narrow page."""
    if page is NARROW:
        return drawing(page, panels, 1, panels * height * 0.8)
    return drawing(page, 1, panels, height)


def drawing(
    page: PageWidth, rows: int, columns: int, height: float, sharex: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure of the page's width and so many inches of height, and its axes."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(page.width, height), layout="constrained", facecolor="none")
    FigureCanvasSVG(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=sharex)
    panels: list[Axes] = list(grid.flat)
    for axes in panels:
        axes.set_facecolor("none")
    return figure, panels


def rendered(figure: Figure, name: str, title: str) -> str:
    """The figure as one `<svg>` element: no prologue, no metadata, no address, its own ids."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, css in _CSS.items():
        svg = svg.replace(colour, css)
    opening = f'<svg role="img" aria-labelledby="{name}-title"'
    head, body = svg.replace("<svg", opening, 1).split(">", 1)
    return f'{head}><title id="{name}-title">{escape(title)}</title>{body}'
