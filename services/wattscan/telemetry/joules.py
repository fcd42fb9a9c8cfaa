"""Joules between two moments, for whoever compares short pieces of work on this machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from wattscan.contracts import Target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import discover
from wattscan.telemetry.domains import AnyDomain
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.state import SensorState
from wattscan.units import Joules, Seconds

# What a source that renews its figure at intervals shows of a piece's edges belongs to the next
# piece: a small part of it, where it lasts for several intervals.
_RENEWALS = 5
_LEAST_BLOCK, _LONGEST_BLOCK = Seconds(0.1), Seconds(0.5)
_PATIENCE, _PAUSE = Seconds(3.0), Seconds(0.1)


class Counted:
    """The device that tables read of: what it has taken so far."""

    def __init__(self, sampler: Sampler, state: SensorState, domain: AnyDomain) -> None:
        self._sampler = sampler
        self._domain = domain
        self.name = f"{state.sensor.name} ({domain.key.domain})"
        self.block = Seconds(max(_LEAST_BLOCK, _RENEWALS * state.update_period))
        """How long a piece of work must last."""

    def read(self) -> Joules | None:
        """Its energy now, read for this; None: it cannot be read, or is not believed now."""
        self._sampler.sample()
        with self._sampler.lock:
            return self._domain.energy if self._domain.present else None


@contextlib.contextmanager
def counted(target: Target, sysfs: Path) -> Iterator[Counted | str]:
    """What measures the energy of the target's device, read while inside; or why nothing does.

    A model of power is none: it would only repeat the processor time.

    Raises: WattscanError: a sensor's settings are wrong.
    """
    found = discover(target, sysfs)
    sampler = Sampler(found.sensors, target.sample_interval, Ledger())
    sampler.start()
    try:
        yield _source(sampler)
    finally:
        sampler.stop()


def _source(sampler: Sampler) -> Counted | str:
    end = time.monotonic() + _PATIENCE
    while True:
        for state in sampler.states:
            with sampler.lock:
                domain = state.device() if state.measures and state.up else None
            if domain is None or domain.key != sampler.table:
                continue
            source = Counted(sampler, state, domain)
            if source.block > _LONGEST_BLOCK:
                return f"{source.name} renews its figure each {state.update_period:g} s only"
            return source
        if time.monotonic() > end or not any(state.measures for state in sampler.states):
            return "no sensor here measures power or energy"
        time.sleep(_PAUSE)
