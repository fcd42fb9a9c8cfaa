"""The report's plots: energy per image, latencies, and the run over time.

See `svg` for how a figure becomes part of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wattscan.collector.cells import Cell, gross_figure, net_figure
from wattscan.collector.measured import Measured
from wattscan.collector.names import listed, title_of
from wattscan.collector.plot_colours import colour_of
from wattscan.collector.plot_phases import (
    MOST_SPACINGS,
    SECONDS_PER_MINUTE,
    end_of,
    name_tasks,
    shade,
)
from wattscan.collector.series import FloatArray, Series
from wattscan.collector.svg import (
    CARD,
    HEAT,
    NARROW,
    POWER,
    TEXT,
    WIDE,
    PageWidth,
    drawing,
    rendered,
    row,
    style,
)
from wattscan.collector.tables import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_POINTS = 900


def every(measured: Measured) -> dict[str, list[str]]:
    """Each plot twice, for a wide page and for a narrow one; an empty list where it is empty."""
    drawn = {"energy": energy_bars, "latency": latencies, "timeline": timeline}
    return {
        name: [svg for width in (WIDE, NARROW) if (svg := draw(measured, width))]
        for name, draw in drawn.items()
    }


def energy_bars(measured: Measured, page: PageWidth = WIDE) -> str | None:
    """Energy per image: a bar for each variant, its 95 % interval, a dot for each repeat.

    None where no energy was measured.
    """
    if not any(cell.values(gross_figure) for cell in measured.cells):
        return None
    with style():
        figure, panels = row(page, len(measured.tasks), 2.9)
        for axes, task in zip(panels, measured.tasks, strict=True):
            cells = [cell for cell in measured.cells if cell.task == task]
            axes.set_title(title_of(task), loc="left", fontweight="bold", fontsize=10)
            for place, cell in enumerate(cells):
                _bar(axes, place, cell, colour_of(measured, cell.precision))
            axes.set_xticks(range(len(cells)), [title_of(cell.precision) for cell in cells])
            axes.set_xlim(-0.6, max(len(cells), 2) - 0.4)
            axes.margins(y=0.18)
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        _label(page, panels, f"J per image, gross{_method(measured)}")
        return rendered(figure, page.name("energy"), "Energy per image by task and variant")


def latencies(measured: Measured, page: PageWidth = WIDE) -> str | None:
    """Latency distributions of the variants; None where no latency was measured."""
    if not any(cell.latency for cell in measured.cells):
        return None
    with style():
        figure, panels = row(page, len(measured.tasks), 2.5)
        for axes, task in zip(panels, measured.tasks, strict=True):
            axes.set_title(title_of(task), loc="left", fontweight="bold", fontsize=10)
            told = [cell for cell in measured.cells if cell.task == task and cell.latency]
            for cell in told:
                _distribution(axes, cell, colour_of(measured, cell.precision))
            if told:
                _log_seconds(axes)
            else:
                axes.set_axis_off()
                axes.text(0.0, 0.5, "no latency was measured", transform=axes.transAxes)
        _label(page, panels, "share of queries")
        names = listed([title_of(name) for name in measured.run.variants])
        return rendered(figure, page.name("latency"), f"Latency distributions of {names} by task")


def timeline(measured: Measured, page: PageWidth = WIDE) -> str | None:
    """Power and temperature over the run, loads shaded; None where neither was measured."""
    device, run = measured.device, measured.run
    traces: list[tuple[str, str, Series]] = []
    if device.table and device.table.power:
        traces.append((f"power [W]{_method(measured)}", POWER, device.table.power))
    if device.zone:
        traces.append(("temperature [°C]", HEAT, device.zone.series))
    if not traces:
        return None
    with style():
        figure, panels = drawing(page, len(traces), 1, 0.9 + 1.5 * len(traces), sharex=True)
        for axes, (label, colour, series) in zip(panels, traces, strict=True):
            shade(axes, measured, series)
            times, values = broken(*thinned(series.times, series.values), series)
            axes.plot((times - run.start) / SECONDS_PER_MINUTE, values, color=colour, lw=1.3)
            axes.set_ylabel(label)
            axes.set_xlim(0, (end_of(run, series) - run.start) / SECONDS_PER_MINUTE)
            axes.set_ylim(bottom=0 if colour == POWER else None)
        name_tasks(page, panels[0], run)
        panels[-1].set_xlabel("minutes since the run began")
        return rendered(figure, page.name("timeline"), "Power and temperature over the run")


def thinned(times: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A trace of a bearable length: lowest and highest of each stretch, so that no peak is lost."""
    stretches = np.array_split(np.arange(times.size), min(times.size, _MOST_POINTS // 2))
    kept = np.unique(
        [part[pick(values[part])] for part in stretches for pick in (np.argmin, np.argmax)]
    )
    return (times, values) if times.size <= _MOST_POINTS else (times[kept], values[kept])


def broken(times: FloatArray, values: FloatArray, series: Series) -> tuple[FloatArray, FloatArray]:
    """A trace of a series with a missing value in each of its gaps: no line is drawn there."""
    usual = MOST_SPACINGS * series.median_spacing()
    before = np.flatnonzero(np.diff(series.times) > usual)
    middles = (series.times[before] + series.times[before + 1]) / 2
    places = times.searchsorted(middles)
    return np.insert(times, places, middles), np.insert(values, places, np.nan)


def _method(measured: Measured) -> str:
    """What a computed figure is called in every plot."""
    table = measured.device.table
    return ", modelled" if table and table.method == "modelled" else ""


def _bar(axes: Axes, place: int, cell: Cell, colour: str) -> None:
    mean = cell.mean(gross_figure)
    if mean is None:
        axes.text(place, 0, "not measured", ha="center", va="bottom", fontsize=8)
        return
    axes.bar(place, mean, width=0.62, color=colour, alpha=1.0 if cell.verdict != "invalid" else 0.4)
    repeats = cell.values(gross_figure)
    spread = np.linspace(-0.18, 0.18, len(repeats)) if len(repeats) > 1 else [0.0]
    # Filled like the page: they are seen on a bar of any colour, and above it.
    axes.scatter(
        place + np.asarray(spread),
        repeats,
        s=20,
        color=CARD,
        edgecolors=TEXT,
        linewidths=1,
        zorder=5,
    )
    top = max(repeats)
    figure = cell.joules("gross")
    if figure and figure.interval:
        low, high = figure.interval
        axes.errorbar(
            place, mean, [[mean - low], [high - mean]], color=TEXT, capsize=5, lw=1.3, zorder=4
        )
        top = max(top, high)
    net = cell.mean(net_figure)
    if net is not None:
        axes.hlines(net, place - 0.31, place + 0.31, color=TEXT, lw=1.2, linestyles=(0, (3, 2)))
    invalid = cell.verdict == "invalid"
    axes.annotate(
        f"{number(mean, 3)} J" + ("\ninvalid" if invalid else ""),
        (place, top),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
        fontstyle="italic" if invalid else "normal",
    )


def _label(page: PageWidth, panels: Sequence[Axes], text: str) -> None:
    """Names the panels' common axis: on the first, or on each where they are stacked."""
    for axes in panels if page is NARROW else panels[:1]:
        axes.set_ylabel(text)


def _distribution(axes: Axes, cell: Cell, colour: str) -> None:
    latency = cell.latency
    if latency is None:
        return
    bounds = np.array([0.0, *latency.bounds])
    shares = np.diff([0.0, *latency.counts]) / latency.total
    finite = np.isfinite(bounds[1:]) & (bounds[:-1] > 0)
    used = np.flatnonzero((shares > 0) & finite)
    if not used.size:
        return
    first, past = int(used[0]), int(used[-1]) + 1
    axes.stairs(
        shares[first:past], bounds[first : past + 1], color=colour, fill=True, alpha=0.55, lw=0
    )
    axes.stairs(
        shares[first:past],
        bounds[first : past + 1],
        color=colour,
        lw=1.4,
        label=title_of(cell.precision),
    )


def _log_seconds(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    steps = [m * 10.0**p for p in range(-6, 4) for m in (1, 2, 5)]
    low, high = low / 1.15, high * 1.15
    inside = [step for step in steps if low <= step <= high]
    axes.set_xticks(inside, [f"{step:g}" for step in inside])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)
    axes.set_xlabel("latency [s], logarithmic")
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
