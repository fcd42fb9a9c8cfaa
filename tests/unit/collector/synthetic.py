"""Recordings of made-up runs whose true figures are known.

Power is constant within a phase and pages are scraped exactly at the phases' edges, so that
energies come out exactly. Faults are planted by edits: functions from a sample to a sample, to
None (the sample is left out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import NamedTuple

from edits import Edit, Sample
from metrics_text import line_of, line_text, series_text
from run_labels import LOADGEN, PHASE_SECONDS, REPEATS, SHA256, SOURCE, TARGET, TARGET_FACTS

BOUNDS = [0.001 * 1.05**step for step in range(160)]


@dataclass(frozen=True)
class Spec:
    """A run. Watts, seconds, degrees Celsius; `wobble` acts on each repeat. `more` are functions
    from a sample to those that go with it; `served`: the page tells what the server served;
    `reference`: the generator tells what the variants are compared with; `workload`: it tells what
    shapes the load."""

    run: str = "run-1"
    profile: str = "standard"
    tasks: tuple[str, ...] = ("brain-mri",)
    precisions: tuple[str, ...] = ("fp32", "int8")
    start: float = 1_732_286_400.0
    interval: float = 10.0
    idle_watts: float = 4.0
    load_watts: Mapping[str, float] = field(default_factory=lambda: {"fp32": 20.0, "int8": 16.0})
    latency: Mapping[str, float] = field(default_factory=lambda: {"fp32": 0.04, "int8": 0.02})
    spread: float = 0.06
    task_factor: Mapping[str, float] = field(default_factory=dict)
    wobble: tuple[float, ...] = (1.0,)
    source: Mapping[str, str] = field(default_factory=lambda: SOURCE)
    start_celsius: Mapping[str, float] = field(default_factory=lambda: {"fp32": 40.0, "int8": 40.0})
    quality: Mapping[str, float] = field(default_factory=lambda: {"fp32": 0.9, "int8": 0.897})
    generator_cpu: float = 0.2
    facts: Mapping[str, str] = field(default_factory=lambda: TARGET_FACTS)
    edits: tuple[Edit, ...] = ()
    more: tuple[Callable[[Sample], Iterator[Sample]], ...] = ()
    served: bool = False
    end: bool = True
    reference: str = ""
    workload: Mapping[str, str] = field(default_factory=dict)


class Span(NamedTuple):
    """One phase of one window, Unix seconds."""

    task: str
    precision: str
    repeat: int
    phase: str
    start: float
    end: float


def spans(spec: Spec) -> list[Span]:
    """Every phase in time order; variants alternate A B B A."""
    found, now = [], spec.start
    for task in spec.tasks:
        for repeat in range(1, REPEATS.get(spec.profile, 2) + 1):
            order = spec.precisions if repeat % 2 else spec.precisions[::-1]
            for precision in order:
                for phase, seconds in PHASE_SECONDS.get(
                    spec.profile, PHASE_SECONDS["quick"]
                ).items():
                    found.append(Span(task, precision, repeat, phase, now, now + seconds))
                    now += seconds
    return found


def images(spec: Spec, span: Span) -> int:
    """Images that a load phase answers."""
    return round((span.end - span.start) / latency(spec, span))


def latency(spec: Spec, span: Span) -> float:
    return spec.latency[span.precision] * spec.task_factor.get(span.task, 1.0)


def watts(spec: Spec, span: Span) -> float:
    if span.phase in ("idle", "cooldown"):
        return spec.idle_watts
    return spec.load_watts[span.precision] * spec.wobble[(span.repeat - 1) % len(spec.wobble)]


def joules_per_image(spec: Spec, task: str, precision: str, net: bool = False) -> float:
    """The true figure: the mean over the repeats, J."""
    loads = [s for s in spans(spec) if (s.task, s.precision, s.phase) == (task, precision, "load")]
    base = spec.idle_watts if net else 0.0
    each = [(watts(spec, s) - base) * (s.end - s.start) / images(spec, s) for s in loads]
    return sum(each) / len(each)


def recording(spec: Spec) -> str:
    """The run as OpenMetrics text."""
    lines = ["# TYPE wattscan_energy_joules counter", "# UNIT wattscan_energy_joules joules"]
    for sample, line in _unedited(spec):
        kept: Sample | None = sample
        for edit in spec.edits:
            kept = edit(kept) if kept else None
        if kept:
            lines.append(line if kept is sample else line_text(kept))
        lines += [line_text(each) for more in spec.more for each in more(sample) if each]
    return "\n".join([*lines, "# EOF", ""] if spec.end else [*lines, ""])


_KEPT: dict[str, list[tuple[Sample, str]]] = {}


def _unedited(spec: Spec) -> list[tuple[Sample, str]]:
    """The run's samples before they are edited, with their lines. The last runs are kept: most
    tests edit the same one."""
    plain = replace(spec, edits=(), more=())
    key = repr(plain)
    if key not in _KEPT:
        while len(_KEPT) >= 10:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = list(_with_lines(samples(plain)))
    return _KEPT[key]


def _with_lines(made: Iterator[Sample]) -> Iterator[tuple[Sample, str]]:
    # Most samples share their labels' dictionary with earlier ones; kept, none is another's anew.
    known: dict[tuple[str, int], tuple[str, Mapping[str, str]]] = {}
    for sample in made:
        key = (sample.name, id(sample.labels))
        if key not in known:
            text = series_text(sample.name, tuple(sample.labels.items()))
            known[key] = (text, sample.labels)
        yield sample, line_of(known[key][0], sample)


def samples(spec: Spec) -> Iterator[Sample]:
    """Every scrape's samples, in time order."""
    phases = spans(spec)
    last = phases[-1].end
    edges = {moment for span in phases for moment in (span.start, span.end)}
    steps = int((last - spec.start) / spec.interval) + 3
    regular = {spec.start - spec.interval + step * spec.interval for step in range(steps)}
    windows = [_WindowSeries(spec, span) for span in phases]
    for now in sorted(edges | regular | {last + spec.interval}):
        yield from _target_page(spec, phases, now)
        yield from _generator_page(spec, windows, now)


Figure = tuple[str, Mapping[str, str], float]
"""A family, the labels that it has besides the target's, and its value."""


def _target_page(spec: Spec, phases: list[Span], now: float) -> Iterator[Sample]:
    before = spec.start - 10 * spec.interval
    joules = spec.idle_watts * (min(now, spec.start) - before)
    joules += sum(watts(spec, s) * (min(now, s.end) - s.start) for s in phases if s.start < now)
    joules += spec.idle_watts * max(0.0, now - phases[-1].end)
    current = next((s for s in phases if s.start < now <= s.end), phases[0])
    load = watts(spec, current)
    heat = spec.start_celsius[current.precision] + (load > spec.idle_watts) * 6.5
    sensor = {"sensor": spec.source["sensor"]}
    domain = {**sensor, "domain": spec.source["domain"]}
    page: list[Figure] = [
        ("wattscan_energy_joules_total", spec.source, joules),
        ("wattscan_power_watts", spec.source, load),
        ("wattscan_energy_source_info", {**spec.source, "use": "table"}, 1.0),
        ("wattscan_target_info", spec.facts, 1.0),
        ("wattscan_sensor_covered_seconds_total", domain, now - before),
        ("wattscan_sensor_reading_age_seconds", domain, 0.0),
        ("wattscan_sensor_interval_seconds", sensor, 0.1),
        ("wattscan_page_timestamp_seconds", {}, now),
        ("wattscan_sensor_up", sensor, 1.0),
        ("wattscan_sensor_uncertainty_ratio", domain, 0.05),
        ("wattscan_temperature_celsius", {"sensor": "hwmon", "zone": "Package id 0"}, heat),
        ("wattscan_throttled", sensor, 0.0),
    ]
    page += [*_served(spec, phases, now), *_models(spec)]
    yield from (Sample(now, name, {**TARGET, **own}, value) for name, own, value in page)


def _served(spec: Spec, phases: list[Span], now: float) -> Iterator[Figure]:
    for task in spec.tasks if spec.served else ():
        for precision in spec.precisions:
            labels = {"task": task, "precision": precision, "protocol": "wattscan.v1", "code": "OK"}
            done = sum(
                images(spec, s) * min(1.0, (now - s.start) / (s.end - s.start))
                for s in phases
                if (s.task, s.precision) == (task, precision)
                and s.phase in ("warmup", "load")
                and s.start < now
            )
            yield "wattscan_requests_total", labels, float(round(done))


def _models(spec: Spec) -> Iterator[Figure]:
    for task in spec.tasks:
        for precision in spec.precisions:
            model = {"task": task, "precision": precision, "sha256": SHA256[precision]}
            engine = {"backend": "onnxruntime", "provider": "CPU", "format": "onnx"}
            yield "wattscan_model_info", {**model, **engine}, 1.0
            metric = "auc_roc" if task == "chest-xray" else "dice"
            scored = {**model, "metric": metric, "dataset": f"{task}-phantom"}
            yield "wattscan_model_quality_ratio", scored, spec.quality[precision]
            if precision == "int8":
                yield "wattscan_model_ptq_quality_ratio", scored, 0.871
                for bound, value in (("estimate", -0.003), ("lower", -0.0051), ("upper", 0.0012)):
                    difference = {**scored, "bound": bound}
                    yield "wattscan_model_quality_difference_ratio", difference, value


class _WindowSeries:
    """A phase and the labels of its series, made once: a page is made at every scrape."""

    def __init__(self, spec: Spec, span: Span) -> None:
        own = {**LOADGEN, "run": spec.run, "target": "cpu", "task": span.task}
        self.span = span
        self.labels = {**own, "precision": span.precision, "repeat": str(span.repeat)}
        self.phase = {**self.labels, "phase": span.phase}
        self.outcomes = [{**self.labels, "outcome": each} for each in ("ok", "error", "dropped")]
        middle = latency(spec, span)
        shape = NormalDist(middle, middle * spec.spread)
        self.buckets = [
            ({**self.labels, "le": repr(bound)}, shape.cdf(bound))
            for bound in BOUNDS
            if span.phase == "load" and middle / 2 < bound < middle * 2
        ]
        self.buckets.append(({**self.labels, "le": "+Inf"}, 1.0))


def _generator_page(spec: Spec, windows: list[_WindowSeries], now: float) -> Iterator[Sample]:
    own = {**LOADGEN, "run": spec.run}
    info = {"target": "cpu", "target_instance": TARGET["instance"], "profile": spec.profile}
    more = {"scenario": "SingleStream", "seed": "7", "version": "0.1.0"}
    if spec.reference:
        more["reference"] = spec.reference
    yield Sample(now, "wattscan_run_info", {**own, **info, **more}, 1.0)
    if spec.workload:
        yield Sample(now, "wattscan_run_workload_info", {**own, **spec.workload}, 1.0)
    yield Sample(now, "wattscan_generator_cpu_ratio", own, spec.generator_cpu)
    yield Sample(now, "wattscan_page_timestamp_seconds", own, now)
    for window in windows:
        span = window.span
        if span.start > now:
            break
        yield Sample(now, "wattscan_run_phase_start_timestamp_seconds", window.phase, span.start)
        if span.end <= now:
            yield Sample(now, "wattscan_run_phase_end_timestamp_seconds", window.phase, span.end)
        # An older window's counters leave the page when a newer one runs.
        if span.phase == "load" and now < span.end + 25:
            done = (min(now, span.end) - span.start) / (span.end - span.start)
            yield from _counters(window, now, round(images(spec, span) * done))


def _counters(window: _WindowSeries, now: float, done: int) -> Iterator[Sample]:
    for labels, count in zip(window.outcomes, (done, 0, 0), strict=True):
        yield Sample(now, "wattscan_client_requests_total", labels, float(count))
    yield Sample(now, "wattscan_client_images_total", window.labels, float(done))
    for labels, below in window.buckets:
        value = float(round(done * below))
        yield Sample(now, "wattscan_client_latency_seconds_bucket", labels, value)
