"""Names in a target's TOML that nothing answers to: floors and calibrations that are not used."""

from __future__ import annotations

from collections.abc import Iterator

from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.state import SensorState


def unused_names(sampler: Sampler) -> list[str]:
    """A sentence for each floor and calibration of a domain that its sensor, which is up, lacks."""
    with sampler.lock:
        entries: dict[str, list[SensorState]] = {}
        for state in sampler.states:
            entries.setdefault(state.choice.name, []).append(state)
        return [notice for states in entries.values() for notice in _notices(states)]


def _notices(states: list[SensorState]) -> Iterator[str]:
    if not all(state.up for state in states):
        return  # what a sensor that is down gives is not known
    choice = states[0].choice
    given = {(state.sensor.name, domain) for state in states for domain in state.domains}
    domains = sorted(domain for _, domain in given)
    told = f"the sensor {choice.name} gives {', '.join(domains) or 'no power or energy'}"
    for domain in sorted(choice.floors.keys() - set(domains)):
        yield f"floor_watts of {domain} is not used: {told}"
    for _, domain in sorted(choice.corrections.keys() - given):
        yield f"the calibration of {domain} is not used: {told}"
