"""What the series say of the clocks: the generator's, which phases carry, and the recorder's, which
stamps samples.

A page carries the time at which it was made, and its samples that at which it was scraped: page
less stamp is the generator's clock less the recorder's, and what making the page took, which is
never less than nothing. The smallest of five neighbours leaves out pages that were slow; their
median over each window is its offset, and how far they keep from it shows pages that are slow under
load, a drift or a step. A page that a proxy shows again counts when it is first seen.

A recording without these times tells less. A phase's start is on the page from that moment on, so
its first sample comes between 0 and one scrape interval later: `seen - start` = offset + (0 ...
interval). Over all load phases,

    smallest(seen - start) - interval <= offset <= smallest(seen - start) + scrape

The target's own clock tells how late its pages were (`readings`), never of what time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from wattscan import metrics
from wattscan.collector.clock_pages import (
    LEAST_PAGES,
    SEARCH_SECONDS,
    pages_of,
    smallest_of_neighbours,
)
from wattscan.collector.series import FloatArray, Labels, Series, Source
from wattscan.collector.windows import Phase, Run, Window
from wattscan.profiles import LOAD
from wattscan.units import Seconds

# A page is made in a few milliseconds, or in tens of them on a busy machine.
_LONGEST_SCRAPE_SECONDS = 0.1
_USUAL_SCRAPE_SECONDS = 0.01
# Stamps are in whole milliseconds.
_STAMP_SECONDS = 0.001
_SCRAPED = ("job", "instance")
# A clock may show another zone's time.
_MOST_OFFSET_SECONDS = 86400.0


@dataclass(frozen=True)
class Clocks:
    """The generator's clock against the recorder's.

    `offsets` are by how much the generator's is ahead in each of the run's windows, s: its times
    are corrected by them. `unknowns` are how far each of these may be off. `apart` is by how much
    the clocks are proven to differ within a window, in a way that nothing corrects: an offset of
    unknown size, a drift, a step. `recorder` are the labels that whoever recorded it has added.
    """

    offsets: tuple[Seconds, ...]
    unknowns: tuple[Seconds, ...]
    apart: Seconds
    offset_known: bool
    recorder: Labels

    @property
    def offset(self) -> Seconds:
        """The middle one of the windows' offsets."""
        return Seconds(float(np.median(self.offsets)))

    @property
    def unknown(self) -> Seconds:
        """The largest."""
        return max(self.unknowns)

    @property
    def range(self) -> Seconds:
        """By how much the windows' offsets differ."""
        return Seconds(float(np.ptp(self.offsets)))

    def corrected(self, run: Run) -> Run:
        """The run by the recorder's clock."""
        windows = tuple(
            replace(w, phases={name: moved(p, offset) for name, p in w.phases.items()})
            for w, offset in zip(run.windows, self.offsets, strict=True)
        )
        return replace(run, windows=windows)


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
    # Of two recorders the one that has told more is believed, in everything.
    fullest = max(pages, key=lambda series: series.times.size, default=None)
    told = None
    if fullest:
        told = clocks_of_pages(fullest, run, scrape_durations(source, fullest, *run.span))
    return told or _by_first_samples(source, run)


def offset_of(source: Source, run: Run, matchers: Mapping[str, str]) -> Seconds:
    """By how much the generator of another run is ahead, while this one lasts; 0 where it does not
    tell. Raises: WattscanError."""
    pages = source.select(metrics.RUN_PAGE_TIMESTAMP.name, matchers, *run.span)
    return Seconds(float(np.median(pages[0].values - pages[0].times)) if pages else 0.0)


def scrape_durations(source: Source, page: Series, start: float, end: float) -> Series | None:
    """How long each scrape of a page took, s: no page is later than that.

    None where that is not on record. Prometheus, and all that scrape as it does, record it.

    Args:
        source: of the series.
        page: one of its series; of scrapes that failed it has no sample.
        start: Unix seconds.
        end: Unix seconds.

    Raises:
        WattscanError: the source cannot be read.
    """
    named = {name: page.labels[name] for name in _SCRAPED if name in page.labels}
    for series in source.select(metrics.SCRAPE_DURATION, named, start, end):
        _, mine, its = np.intersect1d(
            page.times, series.times, assume_unique=True, return_indices=True
        )
        if mine.size:
            return Series(series.labels, page.times[mine], np.maximum(series.values[its], 0.0))
    return None


def clocks_of_pages(pages: Series, run: Run, durations: Series | None) -> Clocks | None:
    """The clocks as the generator's pages tell, None where one is missing about a phase's edge.

    Args:
        pages: Unix seconds by the generator's clock, stamped by the recorder's.
        run: by the generator's clock.
        durations: of their scrapes, s; None: not on record.
    """
    fresh = np.concatenate([[True], np.diff(pages.values) != 0])
    times, values = pages.times[fresh], pages.values[fresh]
    if times.size < LEAST_PAGES:
        return None
    cuts = np.flatnonzero(np.diff(times) > SEARCH_SECONDS) + 1
    ahead = smallest_of_neighbours(values - times, cuts)
    # The least late of some pages is no later than the quickest of their scrapes.
    took = np.full(times.shape, _LONGEST_SCRAPE_SECONDS)
    if durations is not None:
        took = np.interp(times, durations.times, durations.values)
        took = smallest_of_neighbours(took, cuts)
    found = []
    for window in run.windows:
        mine = pages_of(values, window)
        if not mine.any():
            return None
        found.append(_offset(ahead[mine], took[mine], told=durations is not None))
    offsets, unknowns, aparts = zip(*found, strict=True)
    return Clocks(offsets, unknowns, max(aparts), True, _added(pages.labels, "run"))


def _offset(ahead: FloatArray, took: FloatArray, *, told: bool) -> tuple[Seconds, Seconds, Seconds]:
    """A window's offset, how far that may be off, and by how much pages contradict each other.

    Each page says that the clock is ahead by `ahead`, less at most `took`.
    """
    least, most = float((ahead - took).max()), float(ahead.min())
    apart = Seconds(max(0.0, least - most))
    if told and least <= most:
        return Seconds((least + most) / 2), Seconds((most - least) / 2 + _STAMP_SECONDS), apart
    offset = float(np.median(ahead))
    scrape = max(_USUAL_SCRAPE_SECONDS, float(took.min()) if told else 0.0)
    return Seconds(offset), Seconds(float(np.abs(ahead - offset).max()) + scrape), apart


def _added(labels: Labels, *own: str) -> Labels:
    """What the recorder, and whoever stored it, added to a series."""
    return {name: text for name, text in labels.items() if name not in (*own, *_SCRAPED)}


def _by_first_samples(source: Source, run: Run) -> Clocks | None:
    seen = [first for window in run.windows if (first := _first_seen(source, run, window))]
    if not seen:
        return None
    smallest, spacings = min(s.delay for s in seen), [s.spacing for s in seen]
    return clocks_of_delays(smallest, max(spacings), len(run.windows), seen[0].recorder)


def clocks_of_delays(
    smallest_delay: Seconds, interval: Seconds, windows: int, recorder: Labels
) -> Clocks:
    """The clocks as far as the first samples of phases tell: an offset is bounded, not known.

    Args:
        smallest_delay: from a phase's start to its first sample, s.
        interval: between two scrapes, s.
        windows: how many windows the run has.
        recorder: what their labels have beside the contract's.
    """
    least, most = smallest_delay - interval, smallest_delay + _LONGEST_SCRAPE_SECONDS
    apart = Seconds(max(0.0, -most, least))
    unknown = Seconds(max(abs(least), abs(most)))
    return Clocks((Seconds(0.0),) * windows, (unknown,) * windows, apart, False, recorder)


@dataclass(frozen=True)
class _First:
    """First sample minus start, and the usual scrape interval, of a window's load phase."""

    delay: Seconds
    spacing: Seconds
    recorder: Labels


def _first_seen(source: Source, run: Run, window: Window) -> _First | None:
    load = window.phases.get(LOAD)
    if load is None:
        return None
    labels = {"task": window.task, "precision": window.precision, "repeat": window.repeat}
    found = source.select(
        metrics.RUN_PHASE_START.name,
        {**run.load_matchers, **labels, "phase": LOAD},
        load.start - SEARCH_SECONDS,
        load.start + SEARCH_SECONDS,
    )
    if not found:
        return None
    # A resumed run's page may still show the start of an attempt that was cut short.
    times = found[0].times[found[0].values == load.start]
    if not times.size:
        return None
    delay = Seconds(float(times[0]) - load.start)
    recorder = _added(found[0].labels, *metrics.RUN_PHASE_START.labels)
    return _First(delay, found[0].median_spacing(), recorder)
