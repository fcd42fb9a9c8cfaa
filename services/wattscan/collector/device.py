"""The measured device: the sensor that the tables read, its temperature zone, the models it ran."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wattscan import metrics
from wattscan.collector.series import Labels, Series, Source
from wattscan.collector.windows import Run, Window
from wattscan.contracts import PaperReading

_FACTS = (
    "sha256", "backend", "provider", "format", "engine_version", "threads", "max_batch_size",
)  # fmt: skip
# A zone whose name holds one of these is the die itself; the first that is found wins.
_DIE_ZONES = ("package", "tctl", "tdie", "gpu", "cpu", "core", "soc", "die")


@dataclass(frozen=True, eq=False)
class EnergySource:
    """One domain of one sensor, with its series in the run; a series is None where it is absent."""

    sensor: str
    domain: str
    scope: str
    method: str
    counter: Series | None
    covered: Series | None
    power: Series | None
    up: Series | None
    hardware_resets: Series | None
    uncertainty_ratio: float | None
    also_told: tuple[str, ...] = ()
    """Other scopes and methods under which this sensor's domain has an energy series too."""


@dataclass(frozen=True, eq=False)
class Zone:
    """One temperature: degrees Celsius."""

    sensor: str
    zone: str
    series: Series


@dataclass(frozen=True)
class ModelFacts:
    """The artifact that a cell ran: hex digest, backend, provider and format; the engine's version,
    its threads and the images that it takes at once. "" if not told."""

    sha256: str
    backend: str
    provider: str
    format: str
    engine_version: str = ""
    threads: str = ""
    max_batch_size: str = ""

    @property
    def runs_on(self) -> str:
        """The engine, in words."""
        return " ".join(part for part in (self.backend, self.engine_version, self.provider) if part)


@dataclass(frozen=True, eq=False)
class Device:
    """What the target's series say of it during the run.

    `table` is the domain that the energy table reads; `table_uses` are the samples of each
    `use="table"` series, of which there should be one; `paper` is the paper's rail and
    `paper_zone` its temperature zone, None where they are not there.
    """

    table: EnergySource | None
    table_uses: tuple[Series, ...]
    paper: EnergySource | None
    zone: Zone | None
    paper_zone: Zone | None
    throttled: tuple[Series, ...]
    models: dict[tuple[str, str], tuple[ModelFacts, ...]]
    model_infos: tuple[Series, ...]
    machine: Mapping[str, str]
    """The labels of `wattscan_machine_info`; empty where a service does not tell."""

    def tells_model(self, window: Window) -> bool:
        """Whether a window's model is on record: in its span, or one spacing beside it."""
        start, end = window.span
        return any(
            info.between(start - info.median_spacing(), end + info.median_spacing()).size
            for info in self.model_infos
            if _variant(info) == (window.task, window.precision)
        )


def read_device(source: Source, run: Run, paper: PaperReading) -> Device:
    """Everything that the target's series offer in the run's span. Raises: WattscanError."""
    infos = _select(source, run, metrics.ENERGY_SOURCE_INFO)
    infos_of_models = _select(source, run, metrics.MODEL_INFO)
    tables = [info for info in infos if info.labels.get("use") == "table"]
    rails = [info for info in infos if info.labels.get("use") == "paper"]
    if paper.domain:
        rails = [info for info in rails if info.labels.get("domain") == paper.domain] or rails
    table = max(tables, key=lambda info: info.times.size) if tables else None
    chosen = _energy_source(source, run, table.labels) if table else None
    zones = [
        Zone(series.labels.get("sensor", ""), series.labels.get("zone", ""), series)
        for series in _select(source, run, metrics.TEMPERATURE_CELSIUS)
    ]
    paper_zone = next((zone for zone in zones if paper.zone and zone.zone == paper.zone), None)
    return Device(
        table=chosen,
        table_uses=tuple(tables),
        paper=_energy_source(source, run, rails[0].labels) if rails else None,
        zone=paper_zone or _device_zone(zones, chosen),
        paper_zone=paper_zone,
        throttled=tuple(_select(source, run, metrics.THROTTLED)),
        models=_models(run, infos_of_models),
        model_infos=tuple(infos_of_models),
        machine=_machine(source, run),
    )


def _select(source: Source, run: Run, metric: metrics.Metric, **labels: str) -> list[Series]:
    return source.select(metric.name, {**run.target_matchers, **labels}, *run.span)


def _one(source: Source, run: Run, metric: metrics.Metric, **labels: str) -> Series | None:
    found = _select(source, run, metric, **labels)
    return found[0] if found else None


def _energy_source(source: Source, run: Run, labels: Labels) -> EnergySource:
    sensor, domain = labels.get("sensor", ""), labels.get("domain", "")
    one = {"sensor": sensor, "domain": domain}
    uncertain = source.last(
        metrics.SENSOR_UNCERTAINTY_RATIO.name, {**run.target_matchers, **one}, *run.span
    )
    how = {"scope": labels.get("scope", ""), "method": labels.get("method", "")}
    every = _select(source, run, metrics.ENERGY_JOULES, **one)
    return EnergySource(
        sensor=sensor,
        domain=domain,
        scope=how["scope"],
        method=how["method"],
        counter=next((series for series in every if _has(series, how)), None),
        covered=_one(source, run, metrics.SENSOR_COVERED_SECONDS, **one),
        power=_one(source, run, metrics.POWER_WATTS, **one, **how),
        up=_one(source, run, metrics.SENSOR_UP, sensor=sensor),
        hardware_resets=_one(
            source, run, metrics.SENSOR_READ_ERRORS, sensor=sensor, reason=metrics.COUNTER_RESET
        ),
        uncertainty_ratio=uncertain[0].value if uncertain else None,
        also_told=tuple(
            f"{series.labels.get('scope', '?')} {series.labels.get('method', '?')}"
            for series in every
            if not _has(series, how)
        ),
    )


def _has(series: Series, labels: Mapping[str, str]) -> bool:
    return all(series.labels.get(name, "") == text for name, text in labels.items())


def _device_zone(zones: Sequence[Zone], table: EnergySource | None) -> Zone | None:
    # The energy sensor's own zone first, then the die, then the first by name.
    def rank(zone: Zone) -> tuple[bool, int, str, str]:
        name = zone.zone.lower()
        die = next((i for i, part in enumerate(_DIE_ZONES) if part in name), len(_DIE_ZONES))
        return (not table or zone.sensor != table.sensor, die, zone.sensor, zone.zone)

    return min(zones, key=rank, default=None)


def _models(run: Run, infos: Sequence[Series]) -> dict[tuple[str, str], tuple[ModelFacts, ...]]:
    """What each cell ran, from its first phase to its last: what was served before is no matter."""
    found = defaultdict(list)
    spans = defaultdict(list)
    for window in run.windows:
        spans[window.task, window.precision].append(window.span)
    for info in infos:
        names = _variant(info)
        if any(info.between(*span).size for span in spans[names]):
            found[names].append(ModelFacts(*(info.labels.get(name, "") for name in _FACTS)))
    return {names: tuple(facts) for names, facts in found.items()}


def _variant(info: Series) -> tuple[str, str]:
    return info.labels.get("task", ""), info.labels.get("precision", "")


def _machine(source: Source, run: Run) -> dict[str, str]:
    told = source.last(metrics.MACHINE_INFO.name, run.target_matchers, *run.span)
    return {n: told[0].labels.get(n, "") for n in metrics.MACHINE_INFO.labels[1:]} if told else {}
