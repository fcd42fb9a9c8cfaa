"""Whole recordings drawn at random, in memory, each with the energies that it is truly of.

Unlike `synthetic`, nothing falls on a phase's edge: the scrapes, the sensor's readings and the
generator's clock each go their own way, power fluctuates within a load, the variants scatter
differently, and the sensor has an error of its own within the uncertainty that it states.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from draws import RUN, SENSOR, START, TARGET, TASK, VARIANTS, Draw, Truth
from made_source import Made

from wattscan import metrics
from wattscan.profiles import PROFILES

COOLDOWN = 20.0
_STEP = 0.05


def make(draw: Draw, rng: np.random.Generator) -> tuple[Made, Truth]:
    """One recording, and its truth."""
    profile = PROFILES[draw.profile]
    seconds = {"idle": profile.idle, "warmup": profile.warmup, "load": profile.load}
    phases, now = [], START
    for repeat in range(1, profile.repeats + 1):
        for variant in VARIANTS if repeat % 2 else VARIANTS[::-1]:
            for phase, length in {**seconds, "cooldown": COOLDOWN}.items():
                phases.append((variant, repeat, phase, now, now + length))
                now += length
    end = now
    grid = np.arange(START - 60, end + 60, _STEP)
    power, drifts = _power(draw, phases, grid, end, rng)
    energy = np.concatenate([[0.0], np.cumsum(power[:-1] * _STEP)])
    made = Made()
    drawn = 1 + rng.normal(0, draw.uncertainty)
    gain = drawn if draw.gain is None else draw.gain
    _target_pages(made, draw, phases, grid, power * gain, energy * gain, end, rng)
    _generator_pages(made, draw, phases, end, rng)
    return made, _truth(draw, profile.load, drifts)


def _power(
    draw: Draw,
    phases: list[tuple[str, int, str, float, float]],
    grid: np.ndarray,
    end: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict[str, float]]:
    """The power in each step, and each variant's mean drift over its loads."""
    power = np.full(grid.shape, draw.idle)
    drifts: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for variant, _, phase, begin, until in phases:
        if phase not in ("warmup", "load"):
            continue
        if phase == "warmup":
            drift = np.exp(draw.drift * ((begin - START) / (end - START) - 0.5))
            level = draw.load[variant] * drift * np.exp(rng.normal(0, draw.noise[variant]))
        inside = (grid >= begin) & (grid < until)
        # Half a second's jobs take more or less.
        jobs = np.repeat(rng.normal(1, draw.flutter, int(inside.sum() * _STEP / 0.5) + 2), 10)
        jobs = jobs[: inside.sum()]
        power[inside] = level * (draw.warmup if phase == "warmup" else 1.0) * jobs
        if phase == "load":
            drifts[variant].append(float(drift))
    return power, {variant: float(np.mean(each)) for variant, each in drifts.items()}


def _truth(draw: Draw, load: float, drifts: Mapping[str, float]) -> Truth:
    gross, net = {}, {}
    for variant in VARIANTS:
        images = round(draw.rate[variant] * load)
        middle = np.exp(draw.noise[variant] ** 2 / 2)
        watts = draw.load[variant] * drifts[variant] * middle
        gross[variant] = watts * load / images
        net[variant] = (watts - draw.idle) * load / images
    return Truth(gross, net)


def _scrapes(every: float, end: float, rng: np.random.Generator) -> np.ndarray:
    first = START - 40 - every * rng.random()
    return np.round(np.arange(first, end + 3 * every + 10, every), 3)


def _target_pages(
    made: Made,
    draw: Draw,
    phases: list[tuple[str, int, str, float, float]],
    grid: np.ndarray,
    power: np.ndarray,
    energy: np.ndarray,
    end: float,
    rng: np.random.Generator,
) -> None:
    readings, counts, gauge = _read(draw, grid, power, energy, rng)
    shown = _after_losses(draw, phases, (readings, counts, readings - readings[0], gauge), rng)
    readings, counts, covered, gauge = shown
    stamps = _scrapes(draw.scrape, end, rng)
    for _ in range(draw.gaps):
        gone = rng.uniform(START, end)
        stamps = stamps[(stamps < gone) | (stamps > gone + rng.uniform(2, 40))]
    loaded = np.zeros(stamps.size, dtype=bool)
    for _, _, phase, begin, until in phases:
        loaded |= (phase in ("warmup", "load")) & (stamps >= begin) & (stamps < until)
    slow = rng.exponential(draw.latency, stamps.size)
    made_at = stamps + slow + loaded * draw.late * rng.uniform(0.5, 1.5, stamps.size)
    index = np.clip(readings.searchsorted(made_at, "right") - 1, 0, readings.size - 1)
    domain = {**TARGET, **SENSOR, "domain": "inlet"}
    full = {**domain, "scope": draw.scope, "method": draw.method}
    ahead = rng.normal(0, 100)
    made.add(metrics.PAGE_TIMESTAMP, TARGET, stamps, made_at + ahead)
    made.add(metrics.ENERGY_JOULES, full, stamps, counts[index])
    made.add(metrics.POWER_WATTS, full, stamps, gauge[index])
    made.add(metrics.ENERGY_SOURCE_INFO, {**full, "use": "table"}, stamps, 1.0)
    made.add(metrics.SENSOR_COVERED_SECONDS, domain, stamps, covered[index])
    if draw.ages:
        made.add(metrics.SENSOR_READING_AGE_SECONDS, domain, stamps, made_at - readings[index])
    made.add(metrics.SENSOR_UNCERTAINTY_RATIO, domain, stamps, draw.uncertainty)
    _facts(made, draw, stamps)


def _read(
    draw: Draw, grid: np.ndarray, power: np.ndarray, energy: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When the sensor was read, what it had counted, and the power that it showed."""
    readings = np.arange(grid[0] + draw.reading * rng.random(), grid[-1] - 1, draw.reading)
    readings = readings + draw.reading * rng.uniform(-0.45, 0.45, readings.size)
    # What the sensor shows was renewed up to `renewal` earlier.
    shift = draw.renewal * rng.random()
    of = np.floor((readings - shift) / draw.renewal) * draw.renewal + shift
    if draw.method == "counter":
        counts = np.interp(of, grid, energy)
        if draw.quantum:
            counts = np.floor(counts / draw.quantum) * draw.quantum
        # Over two readings: two that are close together would divide by next to nothing.
        gauge = np.concatenate([[draw.idle] * 2, (counts[2:] - counts[:-2])])
        gauge[2:] /= readings[2:] - readings[:-2]
    else:
        gauge = power[np.clip(grid.searchsorted(of, "right") - 1, 0, grid.size - 1)]
        steps = (gauge[1:] + gauge[:-1]) / 2 * np.diff(readings)
        counts = np.concatenate([[0.0], np.cumsum(steps)])
    return readings, counts, gauge


def _after_losses(
    draw: Draw,
    phases: list[tuple[str, int, str, float, float]],
    shown: tuple[np.ndarray, ...],
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """When it was read, what was counted and covered, and the power, where the sensor was not lost
    for a moment."""
    readings, counts, covered, gauge = shown
    for at in rng.integers(len(phases), size=draw.losses):
        # What was counted meanwhile is left out.
        begin = phases[at][3] + rng.uniform(-2, 0.5)
        until = begin + rng.uniform(0.5, 3)
        read = (readings < begin) | (readings > until)
        first = int(read[: readings.searchsorted(until, "right")].sum())
        readings, counts, covered, gauge = (x[read] for x in (readings, counts, covered, gauge))
        for total in (counts, covered):
            total[first:] -= total[first] - total[first - 1]
    return readings, counts, covered, gauge


def _facts(made: Made, draw: Draw, stamps: np.ndarray) -> None:
    """What does not change in the run: of the sensor, the machine and the models."""
    sensor = {**TARGET, **SENSOR}
    made.add(metrics.SENSOR_UP, sensor, stamps, 1.0)
    made.add(metrics.SENSOR_INTERVAL_SECONDS, sensor, stamps, draw.reading)
    made.add(metrics.SENSOR_UPDATE_PERIOD_SECONDS, sensor, stamps, draw.renewal)
    if draw.machine:
        facts = {"processor": draw.machine, "cores": "4", "virtualization": "none"}
        made.add(metrics.MACHINE_INFO, {**TARGET, **facts}, stamps, 1.0)
    made.add(metrics.TEMPERATURE_CELSIUS, {**sensor, "zone": "die"}, stamps, 45.0)
    for variant in VARIANTS:
        model = {**TARGET, "task": TASK, "precision": variant, "sha256": variant}
        engine = {"backend": "onnxruntime", "provider": "cpu", "format": "onnx"}
        made.add(metrics.MODEL_INFO, {**model, **engine}, stamps, 1.0)
        score = {**model, "metric": "dice", "dataset": "d"}
        made.add(metrics.MODEL_QUALITY_RATIO, score, stamps, 0.9)


def _generator_pages(
    made: Made,
    draw: Draw,
    phases: list[tuple[str, int, str, float, float]],
    end: float,
    rng: np.random.Generator,
) -> None:
    stepped = rng.uniform(START, end)

    def clock(moment: np.ndarray | float) -> np.ndarray:
        """What the generator's clock shows."""
        since = np.asarray(moment) - START
        step = draw.clock_step * (np.asarray(moment) > stepped)
        return START + since * (1 + draw.clock_drift) + draw.clock + step

    stamps = _scrapes(draw.generator_scrape, end, rng)
    made_at = stamps + rng.exponential(draw.latency, stamps.size)
    facts = {"target": "made", "target_instance": TARGET["instance"], "profile": draw.profile}
    info = {**RUN, **facts, "scenario": "SingleStream", "seed": "7", "version": "0"}
    made.add(metrics.RUN_INFO, info, stamps, 1.0)
    made.add(metrics.GENERATOR_CPU_RATIO, RUN, stamps, 0.2)
    if draw.pages:
        made.add(metrics.RUN_PAGE_TIMESTAMP, RUN, stamps, clock(made_at))
    for variant, repeat, phase, begin, until in phases:
        window = {**RUN, "target": "made", "task": TASK, "precision": variant}
        window["repeat"] = str(repeat)
        labels = {**window, "phase": phase}
        begun, ended = stamps[made_at >= begin], stamps[made_at >= until]
        made.add(metrics.RUN_PHASE_START, labels, begun, clock(begin))
        made.add(metrics.RUN_PHASE_END, labels, ended, clock(until))
        if phase == "load":
            images = round(draw.rate[variant] * (until - begin))
            done = np.clip((made_at[made_at >= begin] - begin) / (until - begin), 0, 1)
            counted = np.floor(images * done)
            made.add(metrics.CLIENT_IMAGES, window, begun, counted)
            for outcome in ("ok", "error", "dropped"):
                value = counted if outcome == "ok" else 0.0
                made.add(metrics.CLIENT_REQUESTS, {**window, "outcome": outcome}, begun, value)
