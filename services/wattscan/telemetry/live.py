"""What this machine can measure, as it is measured now: the rows of `wattscan sensors`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wattscan.telemetry.discovery import Found
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.state import SensorState


@dataclass(frozen=True)
class LiveRow:
    """A domain, a zone, or a sensor that is not here. In W, J, degrees Celsius, s; None: has none.

    `state` is `table` (the domain that tables read), `up`, `incomplete` (a part of its device is
    missing), `proving` (it has not moved yet), `down` or `absent`; `why` says why it is one of the
    last four.
    """

    sensor: str
    covers: str
    state: str
    power: float | None = None
    energy: float | None = None
    temperature: float | None = None
    scope: str = ""
    method: str = ""
    interval: float | None = None
    uncertainty_ratio: float | None = None
    why: str = ""


def rows(found: Found, sampler: Sampler) -> list[LiveRow]:
    """All sensors of the target, in its order; those that are absent last."""
    with sampler.lock:
        present = [row for state in sampler.states for row in _sensor(state, sampler)]
        here = {state.sensor.name for state in sampler.states}
        # One that was absent at the start may have come, by a name of its own.
        here |= {state.choice.name for state in sampler.states if state.choice in found.awaited}
    absent = [LiveRow(name, "", "absent", why=why) for name, why in found.absent.items()]
    return [*present, *(row for row in absent if row.sensor not in here)]


def _sensor(state: SensorState, sampler: Sampler) -> Iterator[LiveRow]:
    name, interval = state.sensor.name, state.interval
    if not state.up:
        yield LiveRow(name, "", "proving" if state.proving else "down", why=state.trouble)
        return
    for domain in state.shown:
        yield LiveRow(
            sensor=name,
            covers=domain.key.domain,
            state="table" if domain.key == sampler.table else "up",
            power=domain.power,
            energy=domain.energy,
            scope=domain.key.scope,
            method=domain.key.method,
            interval=interval,
            uncertainty_ratio=domain.uncertainty_ratio,
        )
    for zone, temperature in state.temperatures.items():
        yield LiveRow(name, zone, "up", temperature=temperature, interval=interval)
    if state.lacking:
        yield LiveRow(name, "", "incomplete", why=state.lacking)
