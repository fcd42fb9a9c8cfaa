"""The sensors of a target, read for all measurements of this process."""

from __future__ import annotations

import atexit
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from wattscan.measuring.figures import Moment
from wattscan.metrics import COUNTER_RESET
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.domains import AnyDomain
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.state import COUNTER_JUMP, SensorState
from wattscan.units import Seconds

# How long the first measurement waits for a source to be proven.
_PATIENCE, _PAUSE = Seconds(3.0), Seconds(0.05)


class Watch:
    """The sensors of one target, read until the process ends."""

    def __init__(self, target: str, sysfs: Path) -> None:
        described = load_target(target)
        found = discover(described, sysfs)
        self._sampler = Sampler(found.sensors, described.sample_interval, Ledger())
        self._sampler.start()
        atexit.register(self._stop, os.getpid())
        end = time.monotonic() + _PATIENCE
        while not self._is_settled() and time.monotonic() < end:
            time.sleep(_PAUSE)

    def _stop(self, pid: int) -> None:
        if os.getpid() == pid:  # a fork has none of these threads
            self._sampler.stop()

    def _is_settled(self) -> bool:
        """Whether there is a source, and none that is still being proven would take its place."""
        with self._sampler.lock:
            source, states = self._source(), self._sampler.states
            if source is not None and source[0].measures:
                return True
            return not any(s.proving for s in states) and (source is not None or not states)

    def moment(self, after: bool) -> Future[Moment]:
        """What is shown now, and again when the source has renewed its figure, which nobody here
        waits for; `after`: the moment is when the reading has ended, not begun."""
        begun = time.monotonic()
        self._sampler.sample()
        first, found = self._shown(time.monotonic() if after else begun), Future[Moment]()
        if first.update_period <= 0:
            found.set_result(_closed(first, first))
        else:
            threading.Thread(target=self._close, args=(first, found), daemon=True).start()
        return found

    def _close(self, first: Moment, found: Future[Moment]) -> None:
        while (left := first.at + first.update_period - time.monotonic()) > 0:
            time.sleep(left)
        self._sampler.sample()
        found.set_result(_closed(first, self._shown(time.monotonic())))

    def _shown(self, at: float) -> Moment:
        with self._sampler.lock:
            source = self._source()
            if source is None or source[1].read_at is None:
                return Moment(at)
            state, domain = source
            return Moment(
                at=at,
                key=domain.key,
                energy=domain.energy,
                covered=domain.covered,
                read_at=source[1].read_at,
                power=domain.power or 0.0,
                # A model computes its figure when it is read.
                update_period=0.0 if state.method == "modelled" else state.update_period,
                uncertainty_ratio=domain.uncertainty_ratio,
                interruptions=state.errors[COUNTER_RESET] + state.errors[COUNTER_JUMP],
            )

    def _source(self) -> tuple[SensorState, AnyDomain] | None:
        key = self._sampler.table
        for state in self._sampler.states:
            domain = state.device() if key is not None and state.up else None
            if domain is not None and domain.key == key and domain.present:
                return state, domain
        return None


def _closed(first: Moment, later: Moment) -> Moment:
    if later.key != first.key:
        return Moment(first.at)  # it was lost, or another took its place, at this very moment
    return replace(first, later_energy=later.energy, later_power=later.power)


_watches: dict[tuple[str, Path], Watch] = {}
_watches_lock = threading.Lock()


def watch(target: str, sysfs: Path) -> Watch:
    """That of a target, made where it is not there yet. Raises: WattscanError."""
    key = (target, sysfs)
    with _watches_lock:
        if key not in _watches:
            _watches[key] = Watch(target, sysfs)
        return _watches[key]


def _forget() -> None:
    """In a fork, which has none of its parent's threads, but may have a lock that one held."""
    globals()["_watches_lock"] = threading.Lock()
    _watches.clear()


os.register_at_fork(after_in_child=_forget)
