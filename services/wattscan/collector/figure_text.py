"""Figures and ratios as a reader sees them."""

from __future__ import annotations

import math

from wattscan.collector.cells import Figure
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.ratio import Ratio
from wattscan.collector.tables import number


def ratio_name(measured: Measured) -> str:
    """Such as `FP32/INT8`; `FP32/variant` where several are compared."""
    several = len(measured.compared) > 1
    variant = "variant" if several else title_of(next(iter(measured.compared), "int8"))
    return f"{title_of(measured.reference)}/{variant}"


def intervals_together(measured: Measured) -> tuple[str, ...]:
    """A note where several ratios hold together; none where there is one."""
    if len(measured.compared) < 2:
        return ()
    return (
        "The 95 % holds for the intervals of a task's ratios together (Bonferroni): each is wider "
        "than it would be alone.",
    )


def percent_text(ratio: float) -> str:
    """Such as `50 %` or `0.5 %`."""
    return f"{100 * ratio:.3g} %"


def ratio_text(ratio: Ratio | None, note: str = "") -> str | None:
    """A ratio as it is printed, with its interval where there is one, and what is to be known of
    it; why there is none."""
    if ratio is None:
        return note or None
    also = f", {note}" if note else ""
    if ratio.low is None or ratio.high is None:
        return f"{number(ratio.value, 3)} (no interval){also}"
    # As many digits as show that an end is not 1.
    half = min(
        (ratio.high - ratio.low) / 2, *(abs(end - 1) or 1.0 for end in (ratio.low, ratio.high))
    )
    interval = f"({number(ratio.low, 3, half)} to {number(ratio.high, 3, half)})"
    if not ratio.shows_a_difference:
        return f"no difference shown {interval}{also}"
    return f"{number(ratio.value, 3, half)} {interval}{also}"


def figure_text(figure: Figure) -> str:
    """A figure as it is printed, with half its interval where there is one."""
    if figure.interval is None:
        return number(figure.mean)
    half = figure.interval[1] - figure.mean
    # Never narrower than it is.
    place = 10.0 ** (math.floor(math.log10(half)) - 1) if half > 0 else 1.0
    wide = math.ceil(half / place - 1e-9) * place
    return f"{number(figure.mean, within=half / 10)} ± {number(wide, 2)}"
