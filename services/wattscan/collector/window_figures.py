"""The figures of one window, from the series of the target and of the load generator."""

from __future__ import annotations

from collections.abc import Sequence

from wattscan.collector.cells import WindowFigures
from wattscan.collector.device import Device
from wattscan.collector.energy import PhaseEnergy, gauge_ratio, net_bound, net_energy, phase_energy
from wattscan.collector.load import LoadFigures
from wattscan.collector.windows import Phase, Window
from wattscan.profiles import IDLE, LOAD, WARM_UP
from wattscan.units import Celsius, Seconds


def load_span(window: Window) -> tuple[float, float]:
    """From the beginning of a window's load to its end, Unix seconds; twice 0 without an end."""
    load = window.phases.get(LOAD)
    return (load.start, load.end) if load and load.end is not None else (0.0, 0.0)


def figures_of(
    window: Window, device: Device, load: LoadFigures, cpu: float | None, clock: Seconds
) -> WindowFigures:
    """The figures of a window."""
    key = (window.task, window.precision, window.repeat)
    during, before = window.phases.get(LOAD), window.phases.get(IDLE)
    ended = during if during and during.end is not None else None
    table = device.table
    times = (_shortest(window), clock)
    busy = phase_energy(table, ended, *times) if table and ended else None
    idle = phase_energy(table, before, *times) if table and before and ended else None
    measured = [energy for energy in (busy, idle) if energy]
    return WindowFigures(
        repeat=window.repeat,
        start=during.start if during else None,
        duration=_duration(during),
        images=load.images.get(key),
        queries=load.queries.get(key),
        gross=busy.joules if busy else None,
        net=net_energy(busy, idle),
        idle_power=idle.power if idle else None,
        coverage_ratio=_least_coverage(measured),
        resets=sum(energy.resets for energy in measured),
        down_at_edge=any(energy.down_at_edge for energy in measured),
        start_temperature=_temperature(device, before),
        throttled=bool(ended and _throttled(device, ended)),
        generator_cpu_ratio=cpu,
        idle_duration=_duration(before),
        counted_twice=any(energy.counted_twice for energy in measured),
        gauge_ratio=gauge_ratio(table, ended, busy.power) if table and ended and busy else None,
        state_told=all(energy.state_told for energy in measured),
        model_told=device.tells_model(window),
        source_told=device.tells_table(window),
        unsettled=load.unsettled.get(key, ""),
        incidents=load.incidents.get(key, {}),
        warmup_duration=_duration(window.phases.get(WARM_UP)),
        gross_bound=busy.bound if busy else None,
        net_bound=net_bound(busy, idle),
        latency=load.latencies.get(key),
    )


def _least_coverage(measured: Sequence[PhaseEnergy]) -> float | None:
    """None where one of them does not tell."""
    told = [energy.coverage_ratio for energy in measured]
    known = [ratio for ratio in told if ratio is not None]
    return min(known) if len(known) == len(told) and known else None


def _duration(phase: Phase | None) -> Seconds | None:
    return None if phase is None or phase.end is None else Seconds(phase.end - phase.start)


def _shortest(window: Window) -> Seconds:
    phases = window.phases.values()
    return Seconds(min((p.end - p.start for p in phases if p.end is not None), default=0.0))


def _temperature(device: Device, idle: Phase | None) -> Celsius | None:
    if device.zone is None or idle is None or idle.end is None:
        return None
    last = device.zone.series.last_at(idle.end, idle.start)
    return None if last is None else Celsius(last)


def _throttled(device: Device, load: Phase) -> bool:
    end = load.start if load.end is None else load.end
    return any((series.between(load.start, end) > 0).any() for series in device.throttled)
