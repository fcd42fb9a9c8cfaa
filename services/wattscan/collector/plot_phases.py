"""The phases of a run behind its power: their shades, their end and the tasks' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattscan.collector.clocks import moved
from wattscan.collector.measured import Measured
from wattscan.collector.names import title_of
from wattscan.collector.plot_colours import colour_of
from wattscan.collector.series import Series
from wattscan.collector.svg import NARROW, OTHER, PageWidth
from wattscan.collector.windows import Phase, Run
from wattscan.profiles import COOLDOWN, IDLE, LOAD, PROFILES, WARM_UP
from wattscan.units import Seconds

# As samples of power are joined: what lies further apart was not watched, as between two parts.
MOST_SPACINGS = 5.0
SECONDS_PER_MINUTE = 60.0

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def has_cut_short(run: Run) -> bool:
    """Whether the timeline shows a load that counts in no figure, or whose end is missing."""
    windows = (*run.windows, *run.repeated)
    return any(LOAD in w.phases for w in run.repeated) or any(
        name == LOAD and phase.end is None for w in windows for name, phase in w.phases.items()
    )


def shade(axes: Axes, measured: Measured, series: Series) -> None:
    """Shade the phases of a run."""
    run, clocks = measured.run, measured.clocks
    offset = clocks.offset if clocks else Seconds(0.0)
    phases = [(w, name, phase) for w in run.windows for name, phase in w.phases.items()]
    repeated = [(w, name, moved(p, offset)) for w in run.repeated for name, p in w.phases.items()]
    for window, name, phase in (*phases, *repeated):
        if name == COOLDOWN:
            continue
        worthless = window in run.repeated or phase.end is None
        end = _last_moment(run, series, name, phase)
        colour = colour_of(measured, window.precision) if name == LOAD else OTHER
        alpha = {LOAD: 0.28, WARM_UP: 0.14, IDLE: 0.07}.get(name, 0.0)
        span = [(t - run.start) / SECONDS_PER_MINUTE for t in (phase.start, end)]
        axes.axvspan(*span, color=colour, alpha=alpha, lw=0)
        if worthless and name == LOAD:
            axes.axvspan(*span, fill=False, edgecolor=colour, lw=1.2, linestyle=(0, (3, 2)))


def end_of(run: Run, series: Series) -> float:
    """The run's end, that of a load that was cut short last included."""
    phases = [(name, phase) for window in run.windows for name, phase in window.phases.items()]
    return max(run.end, *(_last_moment(run, series, name, phase) for name, phase in phases))


def _last_moment(run: Run, series: Series, name: str, phase: Phase) -> float:
    """A phase's end; of one that was cut short, when it was watched last."""
    if phase.end is not None:
        return phase.end
    profile = PROFILES.get(run.profile)
    longest = float(getattr(profile, name, np.inf))
    return min(watched_until(series, phase.start), phase.start + longest)


def watched_until(series: Series, start: float) -> float:
    """The last sample before the first gap after a moment: when its part of the run ended."""
    times = series.times[series.times >= start]
    if not times.size:
        return start
    gaps = np.flatnonzero(np.diff(times) > MOST_SPACINGS * series.median_spacing())
    return float(times[gaps[0]] if gaps.size else times[-1])


def name_tasks(page: PageWidth, axes: Axes, run: Run) -> None:
    """Write each task's name above its first window."""
    for task in dict.fromkeys(window.task for window in run.windows):
        begun = min(window.start for window in run.windows if window.task == task)
        place = (begun - run.start) / SECONDS_PER_MINUTE
        title = title_of(task)
        axes.annotate(
            title.replace(" ", "\n") if page is NARROW else title,
            (place, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, 5),
            textcoords="offset points",
            fontweight="bold",
        )
