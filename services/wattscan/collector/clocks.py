"""What the series say of the clocks: the generator's, which phases carry, and the recorder's, which
stamps samples.

A page carries the time at which it was made, and its samples that at which it was scraped: page
less stamp is the generator's clock less the recorder's, and what making the page took, which is
never less than nothing. The smallest of five neighbours leaves out pages that were slow; the median
over the run is the offset, and how far the others keep from it shows a drift or a step. A page that
a proxy shows again counts when it is first seen.

A recording without these times tells less. A phase's start is on the page from that moment on, so
its first sample comes between 0 and one scrape interval later: `seen - start` = offset + (0 ...
interval). Over all load phases,

    smallest(seen - start) - interval <= offset <= smallest(seen - start) + scrape

The target's own clock enters nowhere: its pages say how old a reading is, never of what time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from wattscan import metrics
from wattscan.collector.series import Series, Source
from wattscan.collector.windows import Phase, Run, Window
from wattscan.units import Seconds

# Scrapes may be a minute apart.
_SEARCH_SECONDS = 90.0
# A page is made in a few milliseconds, or in tens of them on a busy machine.
_LONGEST_SCRAPE_SECONDS = 0.1
_USUAL_SCRAPE_SECONDS = 0.01
_LEAST_PAGES, _NEIGHBOURS = 4, 2
# A clock may show another zone's time.
_MOST_OFFSET_SECONDS = 86400.0


@dataclass(frozen=True)
class Clocks:
    """The generator's clock against the recorder's.

    `offset` is by how much the generator's is ahead, s: its times are corrected by it. `unknown`
    is how far that may be off. `apart` is by how much the clocks are proven to differ in a way that
    nothing corrects: an offset of unknown size, a drift, a step.
    """

    offset: Seconds
    unknown: Seconds
    apart: Seconds
    offset_known: bool

    def corrected(self, run: Run) -> Run:
        """The run by the recorder's clock."""
        windows = tuple(
            replace(w, phases={name: moved(p, self.offset) for name, p in w.phases.items()})
            for w in run.windows
        )
        return replace(run, windows=windows) if self.offset else run


def moved(phase: Phase, offset: Seconds) -> Phase:
    """A phase by a clock that is behind by so much."""
    end = None if phase.end is None else phase.end - offset
    return Phase(phase.start - offset, end)


def read_clocks(source: Source, run: Run) -> Clocks | None:
    """The clocks over the whole run; None where nothing tells. Raises: WattscanError."""
    pages = source.select(
        metrics.RUN_PAGE_TIMESTAMP.name,
        run.load_matchers,
        run.start - _MOST_OFFSET_SECONDS,
        run.end + _MOST_OFFSET_SECONDS,
    )
    told = clocks_of_pages(pages[0], run) if pages else None
    return told or _by_first_samples(source, run)


def offset_of(source: Source, run: Run, matchers: Mapping[str, str]) -> Seconds:
    """By how much the generator of another run is ahead, while this one lasts; 0 where it does not
    tell. Raises: WattscanError."""
    pages = source.select(metrics.RUN_PAGE_TIMESTAMP.name, matchers, *run.span)
    return Seconds(float(np.median(pages[0].values - pages[0].times)) if pages else 0.0)


def clocks_of_pages(pages: Series, run: Run) -> Clocks | None:
    """The clocks as the generator's pages tell, None where they do not reach over the run.

    Args:
        pages: Unix seconds by the generator's clock, stamped by the recorder's.
    """
    fresh = np.concatenate([[True], np.diff(pages.values) != 0])
    times, values = pages.times[fresh], pages.values[fresh]
    if times.size < _LEAST_PAGES:
        return None
    ends = (np.inf,) * _NEIGHBOURS
    padded = np.concatenate([ends, values - times, ends])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    smaller = windows.min(axis=1)
    offset = float(np.median(smaller))
    if not all(_page_near(pages, moment - offset) for w in run.windows for moment in w.span):
        return None
    spread = float(np.ptp(smaller))
    return Clocks(
        Seconds(offset),
        Seconds(float(np.abs(smaller - offset).max()) + _USUAL_SCRAPE_SECONDS),
        Seconds(max(0.0, spread - _LONGEST_SCRAPE_SECONDS)),
        offset_known=True,
    )


def _page_near(pages: Series, moment: float) -> bool:
    return pages.between(moment - _SEARCH_SECONDS, moment + _SEARCH_SECONDS).size > 0


def _by_first_samples(source: Source, run: Run) -> Clocks | None:
    delays, intervals = [], []
    for window in run.windows:
        seen = _first_seen(source, run, window)
        if seen:
            delays.append(seen[0])
            intervals.append(seen[1])
    if not delays:
        return None
    return clocks_of_delays(Seconds(min(delays)), Seconds(max(intervals)))


def clocks_of_delays(smallest_delay: Seconds, interval: Seconds) -> Clocks:
    """The clocks as far as the first samples of phases tell: an offset is bounded, not known.

    Args:
        smallest_delay: from a phase's start to its first sample, s.
        interval: between two scrapes, s.
    """
    least, most = smallest_delay - interval, smallest_delay + _LONGEST_SCRAPE_SECONDS
    apart = max(0.0, -most, least)
    unknown = max(abs(least), abs(most))
    return Clocks(Seconds(0.0), Seconds(unknown), Seconds(apart), offset_known=False)


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
