r"""The text files in which other programs hand over readings: thermal cameras, loggers, scripts.

A folder holds `*.prom` files of Prometheus text, as node_exporter's textfile collector does. Each
line is a reading, with the reading's own Unix time in milliseconds where the program knows it:

    wattscan_power_watts{domain="inlet",scope="system"} 4.2
    wattscan_energy_joules_total{domain="inlet",scope="system"} 123.5
    wattscan_temperature_celsius{zone="camera"} 41.2 1760000000000
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_args

from prometheus_client.parser import text_string_to_metric_families

from wattscan.contracts import (
    EnergyReading,
    PowerReading,
    Scope,
    SensorFailed,
    TemperatureReading,
    WattscanError,
)
from wattscan.metrics import ENERGY_JOULES, POWER_WATTS, TEMPERATURE_CELSIUS
from wattscan.settings import MOST
from wattscan.units import ABSOLUTE_ZERO, Celsius, Joules, Seconds, Watts, milliseconds_from_seconds

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

Reading: TypeAlias = PowerReading | EnergyReading | TemperatureReading

SUFFIX = ".prom"
LARGEST = 1024 * 1024
"""Bytes: a handful of sensors fill a few hundred."""

_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_SCOPES: tuple[Scope, ...] = get_args(Scope)


def read(file: Path) -> tuple[list[Reading], Seconds]:
    """A file's readings, and the Unix time of its last change.

    Whoever reads the file judges by that how old it may be.

    Raises: SensorFailed: `gone`, `permission`, `unreadable`, `too_large`, `half_written` or
        `garbage`.
    """
    try:
        with file.open("rb") as opened:
            changed = Seconds(os.fstat(opened.fileno()).st_mtime)
            body = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise SensorFailed("gone", f"{file.name} is gone") from None
    except PermissionError:
        raise SensorFailed("permission", f"{file.name} may not be read") from None
    except OSError as error:
        raise SensorFailed("unreadable", f"{file.name}: {error.strerror}") from None
    if len(body) > LARGEST:
        raise SensorFailed("too_large", f"{file.name} is over {LARGEST} bytes")
    try:
        return parse(body.decode("utf-8")), changed
    except UnicodeDecodeError:
        raise SensorFailed("garbage", f"{file.name} is not UTF-8") from None
    except SensorFailed as failure:
        raise SensorFailed(failure.reason, f"{file.name}: {failure}") from None


def parse(text: str) -> list[Reading]:
    """The readings of a file's text; the stamp of those that carry a time is that.

    Raises: SensorFailed: `half_written` or `garbage`.
    """
    if text and not text.endswith("\n"):
        raise SensorFailed("half_written", "its last line does not end")
    try:
        samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    except (ValueError, IndexError, OverflowError):
        raise SensorFailed("garbage", "it is not Prometheus text") from None
    readings = [_reading(sample) for sample in samples]
    seen: set[tuple[type, str]] = set()
    for reading in readings:
        if _key(reading) in seen:
            raise SensorFailed("garbage", f"{_key(reading)[1]!r} stands there more than once")
        seen.add(_key(reading))
    return readings


def write(folder: Path, name: str, readings: Sequence[Reading]) -> Path:
    """Put readings into `folder/name.prom`, whole or not at all; returns the file.

    A reading's stamp, where it has one, is its Unix time in seconds.

    Raises: WattscanError: the name, a reading or the folder will not do.
    """
    if not _NAME.fullmatch(name):
        raise WattscanError(f"the name must be 1 to 64 of a-z, 0-9, _ and -, not {name!r}")
    if not readings:
        raise WattscanError("there is no reading to hand over")
    text = "".join(_line(reading) for reading in readings)
    try:
        parse(text)
    except SensorFailed as failure:
        raise WattscanError(f"these readings cannot be handed over: {failure}") from None
    if len(text.encode()) > LARGEST:
        raise WattscanError(f"these readings are over {LARGEST} bytes")
    return _replace(folder, name, text)


def _replace(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}{SUFFIX}"
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the file, since a rename is whole only within a file system.
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        # mkstemp lets nobody else in; the service may run as another user.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise WattscanError(f"{file} cannot be written: {error.strerror}") from None
    return file


def _reading(sample: Sample) -> Reading:
    build = _KINDS.get(sample.name)
    if build is None:
        raise SensorFailed(
            "garbage", f"{sample.name} is not among what it may hold: {', '.join(sorted(_KINDS))}"
        )
    if not -MOST <= sample.value <= MOST:  # nor is NaN
        raise SensorFailed("garbage", f"the value of {sample.name} is not a number up to {MOST:g}")
    stamp = None if sample.timestamp is None else float(sample.timestamp)
    if stamp is not None and not 0 <= stamp < math.inf:
        raise SensorFailed("garbage", f"the time of {sample.name} is not a Unix time")
    return build(sample, stamp)


def _power(sample: Sample, stamp: float | None) -> Reading:
    domain, scope = _domain(sample)
    return PowerReading(domain, scope, Watts(_not_negative(sample)), stamp)


def _energy(sample: Sample, stamp: float | None) -> Reading:  # noqa: ARG001
    domain, scope = _domain(sample)
    return EnergyReading(domain, scope, Joules(_not_negative(sample)))


def _temperature(sample: Sample, stamp: float | None) -> Reading:
    (zone,) = _labels(sample, "zone")
    if sample.value < ABSOLUTE_ZERO:
        raise SensorFailed("garbage", f"{sample.name} is below {ABSOLUTE_ZERO} degrees Celsius")
    return TemperatureReading(zone, Celsius(float(sample.value)), stamp)


_KINDS: dict[str, Callable[[Sample, float | None], Reading]] = {
    POWER_WATTS.name: _power,
    ENERGY_JOULES.name: _energy,
    TEMPERATURE_CELSIUS.name: _temperature,
}


def _domain(sample: Sample) -> tuple[str, Scope]:
    domain, scope = _labels(sample, "domain", "scope")
    for known in _SCOPES:
        if scope == known:
            return domain, known
    raise SensorFailed("garbage", f"scope must be one of {', '.join(_SCOPES)}, not {scope!r}")


def _labels(sample: Sample, *names: str) -> list[str]:
    if set(sample.labels) != set(names) or not all(sample.labels.values()):
        raise SensorFailed("garbage", f"{sample.name} must have {' and '.join(names)}, and no more")
    # They are printed: on a terminal, an escape sequence is a command.
    if not all(label.isprintable() for label in sample.labels.values()):
        raise SensorFailed("garbage", f"a name of {sample.name} holds what cannot be printed")
    return [sample.labels[name] for name in names]


def _not_negative(sample: Sample) -> float:
    if sample.value < 0:
        raise SensorFailed("garbage", f"{sample.name} is negative")
    return float(sample.value)


def _key(reading: Reading) -> tuple[type, str]:
    if isinstance(reading, TemperatureReading):
        return type(reading), reading.zone
    return type(reading), reading.domain


def _line(reading: Reading) -> str:
    if isinstance(reading, TemperatureReading):
        series = f"{TEMPERATURE_CELSIUS.name}{{zone={_quoted(reading.zone)}}}"
        return _sample(series, reading.temperature, reading.stamp)
    labels = f"{{domain={_quoted(reading.domain)},scope={_quoted(reading.scope)}}}"
    if isinstance(reading, PowerReading):
        return _sample(POWER_WATTS.name + labels, reading.power, reading.stamp)
    return _sample(ENERGY_JOULES.name + labels, reading.count, None)


def _sample(series: str, value: float, stamp: float | None) -> str:
    time = "" if stamp is None else f" {milliseconds_from_seconds(stamp):.0f}"
    return f"{series} {value!r}{time}\n"


def _quoted(label: str) -> str:
    escaped = label.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'"{escaped}"'
