"""Gives the device's energy to the requests in service, by image-seconds.

An interval's energy goes to the requests that were in service during it, each by the time that it
was, weighted by its share of the work. An interval with none is idle. Nothing is lost: what the
requests got, plus what is still held for those that are not finished, plus idle, is what came in.

Memory is bounded where no energy comes: without a source nothing is kept of a request that has left
service, and behind a silent one the oldest finished requests lose their claim to what comes later.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from wattscan.contracts import EnergyShare, Method, Scope
from wattscan.units import Joules, Seconds

# Finished requests that wait for their last energy: minutes of a busy target's.
_MOST_FINISHED = 100_000


class _Span(NamedTuple):
    start: float
    end: float
    share: float

    def weight(self, start: float, end: float) -> float:
        """Image-seconds inside the interval."""
        return max(0.0, min(self.end, end) - max(self.start, start)) * self.share


class AttributedKey(NamedTuple):
    """The labels of `wattscan_inference_energy_joules_total`, without the target."""

    task: str
    precision: str
    outcome: str
    method: Method


@dataclass(frozen=True)
class Source:
    """Where the ledger's energy comes from."""

    method: Method
    scope: Scope


class Account:
    """One request's energy; see `contracts.EnergyAccount`."""

    def __init__(self, ledger: Ledger, task: str, precision: str) -> None:
        self.task = task
        self.precision = precision
        self.outcome: str | None = None
        self.settled = Joules(0.0)
        self.spans: list[_Span] = []
        self.open_spans: list[_Span] = []
        self._ledger = ledger

    @contextmanager
    def in_service(self, share: float = 1.0) -> Iterator[None]:
        """Count the time inside, from now on, as service."""
        span = self._ledger.start(self, share)
        try:
            yield
        finally:
            self._ledger.stop(self, span)

    def so_far(self) -> EnergyShare | None:
        """What is settled, plus an estimate of what is not."""
        return self._ledger.so_far(self)

    def close(self, ok: bool) -> None:
        """Give what the account holds, and what is settled later, to its outcome."""
        self._ledger.close(self, "ok" if ok else "failed")

    def weight(self, start: float, end: float) -> float:
        """Image-seconds inside the interval, of work done or under way."""
        return sum(span.weight(start, end) for span in (*self.spans, *self.open_spans))


class Ledger:
    """All accounts. Thread-safe. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._active: dict[int, Account] = {}
        self._finished: OrderedDict[int, None] = OrderedDict()  # of the active, in that order
        self._attributed: dict[AttributedKey, Joules] = defaultdict(lambda: Joules(0.0))
        self._idle: dict[Method, Joules] = {}
        self._source: Source | None = None
        self._settled_until = clock()
        self._joules_per_image_second = 0.0

    def open(self, task: str, precision: str) -> Account:
        """An account for a new request."""
        return Account(self, task, precision)

    def set_source(self, source: Source) -> None:
        """Name the source of the energy that `settle` will bring."""
        with self._lock:
            self._source = source
            self._idle.setdefault(source.method, Joules(0.0))

    def start(self, account: Account, share: float) -> _Span:
        """The request goes into service."""
        span = _Span(self._clock(), float("inf"), share)
        with self._lock:
            account.open_spans.append(span)
            self._active[id(account)] = account
        return span

    def stop(self, account: Account, span: _Span) -> None:
        """The request leaves service."""
        end = self._clock()
        with self._lock:
            account.open_spans.remove(span)
            if self._source is not None:
                account.spans.append(span._replace(end=end))
            elif not account.open_spans:
                self._drop(id(account))

    def close(self, account: Account, outcome: str) -> None:
        """The request is finished."""
        with self._lock:
            account.outcome = outcome
            self._credit(account, account.settled)
            if id(account) in self._active:
                self._finished[id(account)] = None
            if len(self._finished) > _MOST_FINISHED:
                self._drop(next(iter(self._finished)))

    def settle(self, start: Seconds, end: Seconds, energy: Joules) -> None:
        """Give out the energy of the interval from `start` to `end` (monotonic)."""
        with self._lock:
            if self._source is None:
                return
            weights = {key: a.weight(start, end) for key, a in self._active.items()}
            total = sum(weights.values())
            if end > start:
                # Of what comes next: no request alone takes more than the device's mean power,
                # however little of the interval was service.
                self._joules_per_image_second = energy / max(total, end - start)
            if total > 0:
                for key, weight in weights.items():
                    self._give(self._active[key], Joules(energy * weight / total))
            else:
                self._idle[self._source.method] = Joules(self._idle[self._source.method] + energy)
            self._settled_until = end
            self._forget(end)

    def so_far(self, account: Account) -> EnergyShare | None:
        """The account's energy now: settled, and the rest at the last interval's rate."""
        now = self._clock()
        with self._lock:
            if self._source is None:
                return None
            open_weight = account.weight(self._settled_until, now)
            estimate = open_weight * self._joules_per_image_second
            settled = open_weight == 0 or self._source.method == "modelled"
            method = self._source.method if settled else "estimated"
            return EnergyShare(Joules(account.settled + estimate), method, self._source.scope)

    def attributed(self) -> dict[AttributedKey, Joules]:
        """Energy of finished requests, by labels."""
        with self._lock:
            return dict(self._attributed)

    def idle(self) -> dict[Method, Joules]:
        """Energy while no request was in service, by method."""
        with self._lock:
            return dict(self._idle)

    def held(self) -> Joules:
        """Energy settled on requests that are not finished."""
        with self._lock:
            return Joules(sum(a.settled for a in self._active.values() if a.outcome is None))

    def _give(self, account: Account, energy: Joules) -> None:
        account.settled = Joules(account.settled + energy)
        if account.outcome is not None:
            self._credit(account, energy)

    def _credit(self, account: Account, energy: Joules) -> None:
        if self._source is None or account.outcome is None:
            return
        key = AttributedKey(account.task, account.precision, account.outcome, self._source.method)
        self._attributed[key] = Joules(self._attributed[key] + energy)

    def _forget(self, until: float) -> None:
        for key, account in list(self._active.items()):
            account.spans = [span for span in account.spans if span.end > until]
            if account.outcome is not None and not account.spans and not account.open_spans:
                self._drop(key)

    def _drop(self, key: int) -> None:
        self._active.pop(key, None)
        self._finished.pop(key, None)
