"""Whether the generator's clock and the recorder's agree, as far as the series can tell.

A window's edges are times of the generator's clock, the samples between them carry the recorder's;
the target's own clock enters nowhere, since its pages carry no times. A phase's start is on the
generator's page from that moment on, so the first sample of it comes between 0 and one scrape
interval later: `seen - start` = offset + (0 ... interval). Over all load phases,

    smallest(seen - start) - interval <= offset <= smallest(seen - start) + scrape

and the clocks are *proven* apart by as much as that range keeps away from 0. `scrape` is what one
scrape may take: samples carry the time at which it began, and a phase may begin while it lasts. An
offset within that range cannot be seen in this way, and is not claimed.
"""

from __future__ import annotations

from wattscan import metrics
from wattscan.collector.series import Source
from wattscan.collector.windows import Run, Window
from wattscan.units import Seconds

# Scrapes may be a minute apart.
_SEARCH_SECONDS = 90.0
# A page is made in a few milliseconds, or in tens of them on a busy machine.
_LONGEST_SCRAPE_SECONDS = 0.1


def clock_offset(source: Source, run: Run) -> Seconds | None:
    """By how much the two clocks are proven apart, 0 or more; None where no start was recorded.

    Raises: WattscanError.
    """
    delays, intervals = [], []
    for window in run.windows:
        seen = _first_seen(source, run, window)
        if seen:
            delays.append(seen[0])
            intervals.append(seen[1])
    if not delays:
        return None
    return proven_offset(Seconds(min(delays)), Seconds(max(intervals)))


def proven_offset(smallest_delay: Seconds, interval: Seconds) -> Seconds:
    """How far the range [smallest_delay - interval, smallest_delay + scrape] keeps away from 0."""
    ahead = -smallest_delay - _LONGEST_SCRAPE_SECONDS
    return Seconds(max(0.0, ahead, smallest_delay - interval))


def _first_seen(source: Source, run: Run, window: Window) -> tuple[float, float] | None:
    """First sample minus start, and the usual scrape interval, of a window's load phase."""
    load = window.phases.get("load")
    if load is None:
        return None
    labels = {"task": window.task, "precision": window.precision, "repeat": window.repeat}
    found = source.select(
        metrics.RUN_PHASE_START.name,
        {**run.load_matchers, **labels, "phase": "load"},
        load.start - _SEARCH_SECONDS,
        load.start + _SEARCH_SECONDS,
    )
    if not found:
        return None
    # A resumed run's page may still show the start of an attempt that was cut short.
    times = found[0].times[found[0].values == load.start]
    return (float(times[0]) - load.start, found[0].median_spacing()) if times.size else None
