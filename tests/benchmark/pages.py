"""A day of pages of several targets, each with a run of its own, as OpenMetrics text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TextIO

import numpy as np

TASKS = ("brain-mri", "chest-xray", "nerve-ultrasound")
REPEATS = 6
IDLE_WATTS, LOAD_WATTS = 40.0, {"fp32": 140.0, "int8": 100.0}
IMAGES_A_SECOND = {"fp32": 20.0, "int8": 40.0}
# A generator's page is scraped this often; a model's artifact is told as often.
SLOW_SECONDS = 30.0
BOUNDS = [f"{0.001 * 1.05**step:.6g}" for step in range(60, 100)]


class Window(NamedTuple):
    """One repeat of one variant; `phases` are start and end by name, Unix seconds."""

    task: str
    precision: str
    repeat: int
    phases: dict[str, tuple[float, float]]


def write_pages(file: TextIO, targets: int, hours: float, end: float) -> int:
    """Write the pages of the `hours` before `end` (Unix seconds); returns how many samples."""
    count = 0
    for number in range(targets):
        start = end - hours * 3600 + number / 10
        for name, labels, times, values in _series(number, start, hours * 3600):
            inner = ",".join(f'{key}="{text}"' for key, text in labels.items())
            head = f"{name}{{{inner}}}"
            pairs = zip(values.tolist(), times.tolist(), strict=True)
            file.writelines(f"{head} {value!r} {at:.3f}\n" for value, at in pairs)
            count += times.size
    file.write("# EOF\n")
    return count


def _windows(start: float, seconds: float) -> Iterator[Window]:
    cycle = seconds / (len(TASKS) * 2 * REPEATS)
    lengths = {"idle": min(60.0, cycle * 0.1), "warmup": min(30.0, cycle * 0.05)}
    lengths["load"] = min(600.0, cycle * 0.5)
    lengths["cooldown"] = cycle - sum(lengths.values())
    now = start
    for task in TASKS:
        for repeat in range(1, REPEATS + 1):
            for precision in ("fp32", "int8") if repeat % 2 else ("int8", "fp32"):
                phases = {}
                for phase, length in lengths.items():
                    phases[phase] = (now, now + length)
                    now += length
                yield Window(task, precision, repeat, phases)


def _series(
    number: int, start: float, seconds: float
) -> Iterator[tuple[str, dict[str, str], np.ndarray, np.ndarray]]:
    windows = list(_windows(start, seconds))
    times = np.floor(np.arange(start - 10, start + seconds + 10) * 1000) / 1000
    yield from _target(number, windows, times)
    slow = np.arange(start - 8, start + seconds + 60, SLOW_SECONDS)
    edges = [edge + 0.01 for w in windows for phase in w.phases.values() for edge in phase]
    moments = np.unique(np.floor(np.array([*slow, *edges]) * 1000) / 1000)
    yield from _generator(number, windows, moments)


def _target(
    number: int, windows: list[Window], times: np.ndarray
) -> Iterator[tuple[str, dict[str, str], np.ndarray, np.ndarray]]:
    knots, watts = [times[0]], []
    for window in windows:
        knots += [window.phases["warmup"][0], window.phases["load"][1]]
        watts += [IDLE_WATTS, LOAD_WATTS[window.precision]]
    knots, watts = [*knots, times[-1] + 1], [*watts, IDLE_WATTS]
    joules = np.interp(times, knots, np.concatenate([[0.0], np.cumsum(np.diff(knots) * watts)]))
    own = {"job": "wattscan-target", "instance": f"10.0.1.{number}:8002", "target": f"t{number}"}
    sensor = {**own, "sensor": "nvml"}
    domain = {**sensor, "domain": "gpu0"}
    full = {**domain, "scope": "board", "method": "counter"}
    one = np.ones_like(times)
    yield "wattscan_energy_joules_total", full, times, np.round(joules, 3)
    yield "wattscan_power_watts", full, times, np.gradient(joules, times)
    yield "wattscan_sensor_covered_seconds_total", domain, times, times - times[0]
    yield "wattscan_energy_source_info", {**full, "use": "table"}, times, one
    yield "wattscan_sensor_reading_age_seconds", domain, times, one * 0
    yield "wattscan_sensor_interval_seconds", sensor, times, one * 0.1
    yield "wattscan_sensor_update_period_seconds", sensor, times, one * 0.001
    yield "wattscan_page_timestamp_seconds", own, times, times
    yield "wattscan_sensor_up", sensor, times, one
    yield "wattscan_sensor_uncertainty_ratio", domain, times, one * 0.01
    yield "wattscan_temperature_celsius", {**sensor, "zone": "gpu"}, times, one * 45
    yield "wattscan_throttled", sensor, times, one * 0
    for task in TASKS:
        for precision in ("fp32", "int8"):
            model = {**own, "task": task, "precision": precision}
            engine = {"backend": "onnxruntime", "provider": "cuda", "format": "onnx"}
            sha256 = {"sha256": f"{task}-{precision}"}
            score = {"metric": "dice", "dataset": "phantom"}
            slow = times[:: int(SLOW_SECONDS)]
            yield "wattscan_model_info", {**model, **engine, **sha256}, slow, np.ones_like(slow)
            quality = np.full_like(slow, 0.9)
            yield "wattscan_model_quality_ratio", {**model, **score, **sha256}, slow, quality
            served = _counted(windows, task, precision, times, ("warmup", "load"))
            protocol = {"protocol": "wattscan.v1", "code": "OK"}
            yield "wattscan_requests_total", {**model, **protocol}, times, served


def _counted(
    windows: list[Window], task: str, precision: str, times: np.ndarray, phases: tuple[str, ...]
) -> np.ndarray:
    seconds = np.zeros_like(times)
    for window in windows:
        if (window.task, window.precision) == (task, precision):
            for phase in phases:
                start, end = window.phases[phase]
                seconds += np.clip(times, start, end) - start
    return np.floor(seconds * IMAGES_A_SECOND[precision])


def _generator(
    number: int, windows: list[Window], times: np.ndarray
) -> Iterator[tuple[str, dict[str, str], np.ndarray, np.ndarray]]:
    run = {"job": "wattscan-loadgen", "instance": f"10.0.2.{number}:8003", "run": f"run-{number}"}
    more = {"target": f"t{number}", "target_instance": f"10.0.1.{number}:8002"}
    facts = {"profile": "formal", "scenario": "SingleStream", "seed": "1", "version": "0"}
    yield "wattscan_run_info", {**run, **more, **facts}, times, np.ones_like(times)
    yield "wattscan_generator_cpu_ratio", run, times, np.full_like(times, 0.2)
    yield "wattscan_page_timestamp_seconds", run, times, times
    for window in windows:
        own = {**run, "target": f"t{number}", "task": window.task, "precision": window.precision}
        own["repeat"] = str(window.repeat)
        for phase, edges in window.phases.items():
            for name, edge in zip(("start", "end"), edges, strict=True):
                seen = times[times >= edge]
                family = f"wattscan_run_phase_{name}_timestamp_seconds"
                yield family, {**own, "phase": phase}, seen, np.full_like(seen, edge)
        start, end = window.phases["load"]
        seen = times[(times >= start) & (times < end + 3600)]
        rate = IMAGES_A_SECOND[window.precision]
        images = np.floor((np.clip(seen, start, end) - start) * rate)
        for outcome, count in (("ok", images), ("error", images * 0), ("dropped", images * 0)):
            yield "wattscan_client_requests_total", {**own, "outcome": outcome}, seen, count
        yield "wattscan_client_images_total", own, seen, images
        for place, bound in enumerate([*BOUNDS, "+Inf"], 1):
            share = min(1.0, place / len(BOUNDS))
            counts = np.floor(images * share)
            yield "wattscan_client_latency_seconds_bucket", {**own, "le": bound}, seen, counts
