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
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, TypeAlias

from wattscan.contracts import UNKNOWN_ENERGY, EnergyShare, Method, Scope
from wattscan.units import Joules, Seconds

# Finished requests that wait for their last energy: minutes of a busy target's.
_MOST_FINISHED = 100_000


# A time in service: its start, its end, which is infinity while it lasts, and the share. A list:
# three are made in each request.
_Span: TypeAlias = list[float]
_END = 1


class AttributedKey(NamedTuple):
    """The labels of `wattscan_inference_energy_joules_total`, without the target."""

    task: str
    precision: str
    outcome: str
    method: Method


@dataclass(frozen=True)
class LedgerSource:
    """Where the ledger's energy comes from."""

    method: Method
    scope: Scope


class Account:
    """One request's energy; see `contracts.EnergyAccount`.

    Its own thread, or the one that computes for it, appends spans and ends the last one; the
    ledger's removes ended ones. Each is one step of the interpreter, so that no lock is needed.
    """

    __slots__ = ("_ledger", "outcome", "precision", "settled", "spans", "task")

    def __init__(self, ledger: Ledger, task: str, precision: str) -> None:
        self.task = task
        self.precision = precision
        self.outcome: str | None = None
        self.settled = Joules(0.0)
        self.spans: list[_Span] = []
        self._ledger = ledger

    def start(self, share: float = 1.0) -> float:
        """It goes into service; returns now."""
        if not self.spans:
            self._ledger.enter(self)
        now = self._ledger.clock()
        self.spans.append([now, inf, share])
        return now

    def stop(self) -> float:
        """It leaves service; returns now."""
        now = self.spans[-1][_END] = self._ledger.clock()
        self._ledger.leave(self)
        return now

    def close(self, ok: bool) -> EnergyShare:
        """Give what it holds, and what is settled later, to its outcome."""
        return self._ledger.close(self, "ok" if ok else "failed")

    def weight(self, start: float, end: float) -> float:
        """Image-seconds inside the interval, of work done or under way."""
        total = 0.0
        for begun, ended, share in list(self.spans):
            first = begun if begun > start else start
            last = ended if ended < end else end
            if last > first:
                total += (last - first) * share
        return total


class Ledger:
    """All accounts. Thread-safe. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._active: dict[int, Account] = {}
        self._finished: OrderedDict[int, None] = OrderedDict()  # of the active, in that order
        self._attributed: dict[AttributedKey, Joules] = defaultdict(lambda: Joules(0.0))
        self._idle: dict[Method, Joules] = {}
        self._source: LedgerSource | None = None
        self._settled_until = clock()
        # Of the last interval; None while there is none, or the source is silent.
        self._joules_per_image_second: float | None = None

    def open(self, task: str, precision: str) -> Account:
        """An account for a new request."""
        return Account(self, task, precision)

    def set_source(self, source: LedgerSource) -> None:
        """Name the source of the energy that `settle` will bring."""
        with self._lock:
            self._source = source
            self._idle.setdefault(source.method, Joules(0.0))

    def enter(self, account: Account) -> None:
        """The request goes into service."""
        with self._lock:
            self._active[id(account)] = account

    def leave(self, account: Account) -> None:
        """The request has left service."""
        if self._source is None:
            with self._lock:
                account.spans.clear()
                self._drop(id(account))

    def falls_silent(self) -> None:
        """The source tells nothing at present: until it does, what a request takes is unknown."""
        with self._lock:
            self._joules_per_image_second = None

    def close(self, account: Account, outcome: str) -> EnergyShare:
        """The request is finished.

        Returns:
            What it has cost: settled, and the rest at the last interval's rate. Unknown without a
            source, and without such a rate.
        """
        with self._lock:
            account.outcome = outcome
            if id(account) in self._active:
                self._finished[id(account)] = None
                if len(self._finished) > _MOST_FINISHED:
                    self._drop(next(iter(self._finished)))
            if self._source is None:
                return UNKNOWN_ENERGY
            if account.settled:
                self._credit(account, account.settled, self._source.method)
            return self._share(account, self._source)

    def settle(self, start: Seconds, end: Seconds, energy: Joules) -> None:
        """Give out the energy of the interval from `start` to `end` (monotonic).

        Of an interval that reaches back before the last one's end, as the first of a sensor that
        takes over does, the part behind that end.
        """
        with self._lock:
            if self._source is None or end <= self._settled_until:
                return
            begin = Seconds(max(start, self._settled_until))
            if begin > start:
                energy = Joules(energy * (end - begin) / (end - start))
            weights = {key: a.weight(begin, end) for key, a in self._active.items()}
            total = sum(weights.values())
            # Of what comes next: no request alone takes more than the device's mean power, however
            # little of the interval was service.
            self._joules_per_image_second = energy / max(total, end - begin)
            if total > 0:
                for key, weight in weights.items():
                    self._give(self._active[key], Joules(energy * weight / total))
            else:
                self._idle[self._source.method] = Joules(self._idle[self._source.method] + energy)
            self._settled_until = end
            self._forget(end)

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
        if account.outcome is not None and self._source is not None:
            self._credit(account, energy, self._source.method)

    def _credit(self, account: Account, energy: Joules, method: Method) -> None:
        assert account.outcome is not None  # noqa: S101
        key = AttributedKey(account.task, account.precision, account.outcome, method)
        self._attributed[key] = Joules(self._attributed[key] + energy)

    def _share(self, account: Account, source: LedgerSource) -> EnergyShare:
        weight = account.weight(self._settled_until, self.clock())
        if weight and self._joules_per_image_second is None:
            return UNKNOWN_ENERGY
        estimate = weight * (self._joules_per_image_second or 0.0)
        method = source.method if weight == 0 or source.method == "modelled" else "estimated"
        return EnergyShare(Joules(account.settled + estimate), method, source.scope)

    def _forget(self, until: float) -> None:
        for key, account in list(self._active.items()):
            while account.spans and account.spans[0][_END] <= until:
                account.spans.pop(0)
            if account.outcome is not None and not account.spans:
                self._drop(key)

    def _drop(self, key: int) -> None:
        self._active.pop(key, None)
        self._finished.pop(key, None)
