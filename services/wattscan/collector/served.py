"""What the server says that it served, against what the generator says that it sent.

The server's counters are sampled: what it served within a phase is known between two bounds, by the
samples inside the phase and those around it. A page is stamped before it is read, so its counts are
of any moment of its scrape. Only what lies outside of the bounds is held against a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattscan import metrics
from wattscan.collector.load import Queries
from wattscan.collector.series import FloatArray, Series
from wattscan.collector.target_series import TargetSeries
from wattscan.collector.windows import Phase, Run, Window
from wattscan.profiles import IDLE, LOAD

# An answer may reach the client a moment before the server has counted it.
TOLERANCE_RATIO, TOLERANCE_REQUESTS = 0.001, 2.0
# Where several are in flight, the last ones of a phase are counted a moment after it.
_SETTLE_SECONDS = 0.5
_ONE_IN_FLIGHT = "SingleStream"


@dataclass(frozen=True)
class Served:
    """What contradicts the generator in one window, in requests; 0: nothing is proven.

    `foreign` were served in the load and not sent by it, `missing` were sent and not served;
    `while_idle` were served in the idle phase.
    """

    foreign: float = 0.0
    missing: float = 0.0
    while_idle: float = 0.0


NOTHING_PROVEN = Served()


class ServedRequests:
    """The server's counters of finished requests in a run."""

    def __init__(self, target: TargetSeries, run: Run, up: Series | None) -> None:
        """`up`: a series of the same page, if there is one. Raises: WattscanError."""
        found = target.select(metrics.REQUESTS)
        # What names no model, such as a listing, costs next to nothing.
        self._series = [series for series in found if series.labels.get("task")]
        self._settle = 0.0 if run.scenario == _ONE_IN_FLIGHT else _SETTLE_SECONDS
        times = [series.times for series in (*self._series, up) if series]
        # When the scrapes of the server's page began, and by when each had read it.
        self._page = np.unique(np.concatenate(times)) if times else np.empty(0)
        self._read = self._page + self._took(target)

    def _took(self, target: TargetSeries) -> FloatArray:
        """How long each scrape took, s; 0 where that is not on record. Raises: WattscanError."""
        took = np.zeros(self._page.shape)
        if self._series:
            durations = target.scrape_durations(self._series[0])
            if durations is not None:
                its = self._page.searchsorted(durations.times)
                took[its] = durations.values
        return took

    def compare(self, window: Window, queries: Queries | None, least: float, most: float) -> Served:
        """What the server's counters prove of a window; nothing where it has none. `least`, `most`:
        requests that a query is."""
        load, idle = window.phases.get(LOAD), window.phases.get(IDLE)
        if not self._series or load is None or load.end is None:
            return NOTHING_PROVEN
        own = [series for series in self._series if _is_of(series, window)]
        others = [series for series in self._series if not _is_of(series, window)]
        foreign, missing = _beyond(self._at_least(others, load), 0.0), 0.0
        if queries:
            sent = (queries.ok + queries.error) * most
            foreign += _beyond(self._at_least(own, load), sent)
            # A query that failed may never have reached the server.
            missing = _beyond(queries.ok * least, self._at_most(own, load))
        idle_requests = self._at_least(self._series, idle) if idle else 0.0
        return Served(foreign, missing, while_idle=_beyond(idle_requests, 0.0))

    def _at_least(self, several: Sequence[Series], phase: Phase) -> float:
        """Requests counted between the first and the last page read inside a phase."""
        begin, end = phase.start + self._settle, phase.start if phase.end is None else phase.end
        first, past = int(self._page.searchsorted(begin, "left")), self._read_by(end)
        if first >= past:
            return 0.0
        total = 0.0
        for series in several:
            inside = series.between(begin, self._page[past - 1])
            if inside.size:
                # A labelled counter is born with its first request: it was 0 on the page before.
                born = series.times[0] > self._page[first]
                # A counter that fell was reset: what it counts since is the least.
                total += max(0.0, float(inside[-1] - (0.0 if born else inside[0])))
        return total

    def _at_most(self, several: Sequence[Series], phase: Phase) -> float:
        """Requests counted between the last page before a phase and the first one well after it."""
        total = 0.0
        end = (phase.start if phase.end is None else phase.end) + self._settle
        if self._page[-1] < end:
            return float("inf")  # the server was not asked again
        known = self._read_by(phase.start)
        page_before = self._page[known - 1] if known else -np.inf
        for series in several:
            before = int(series.times.searchsorted(page_before, "right")) - 1
            after = int(series.times.searchsorted(end, "left"))
            if after >= series.times.size:
                return float("inf")  # the server was not asked again
            # A labelled counter is born with its first request. One that the last page before the
            # phase lacks is born in it, though a service from before a restart may have had it.
            is_there = before >= 0 and series.times[before] == page_before
            start = float(series.values[before]) if is_there else 0.0
            counted = float(series.values[after]) - start
            if counted < 0:
                return float("inf")  # it was reset
            total += counted
        return total

    def _read_by(self, moment: float) -> int:
        """How many pages had been read by then: those before the first that had not."""
        late = np.flatnonzero(self._read > moment)
        return int(late[0]) if late.size else self._page.size


def _is_of(series: Series, window: Window) -> bool:
    names = (series.labels.get("task"), series.labels.get("precision", ""))
    return names == (window.task, window.precision)


def _beyond(more: float, less: float) -> float:
    """By how much one exceeds the other; 0 within what the counting itself may differ by."""
    allowed = max(TOLERANCE_REQUESTS, TOLERANCE_RATIO * less)
    return more - less if more - less > allowed else 0.0
