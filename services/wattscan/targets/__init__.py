"""Hardware targets: one TOML file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wattscan.contracts import (
    AUTO,
    LIMITS,
    Batching,
    Correction,
    Limits,
    PaperReading,
    SensorChoice,
    Target,
    WattscanError,
    check_variant,
)
from wattscan.settings import (
    MOST_ROWS,
    MOST_THREADS,
    batching,
    check_keys,
    number,
    read_toml,
    signed,
    text,
    uncertainty,
    whole_number,
)
from wattscan.units import Seconds, Watts

_FOLDER = Path(__file__).parent
_INTERVAL = (0.001, 3600.0)
# As of the options of those names; gRPC's own limit on a message.
_MOST_LIMIT = 2**31 - 1
_COMMON = {
    "interval_seconds", "frozen_after_seconds", "update_period_seconds", "unless", "calibration",
}  # fmt: skip
_TABLES = {
    "title", "sample_interval_seconds", "queue_limit", "batching", "backend", "sensors", "paper",
    "limits",
}  # fmt: skip


def target_names() -> list[str]:
    """The targets that come with the package, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_target(name_or_path: str) -> Target:
    """The target of that name, or the one that a TOML file describes (a path ending in `.toml`).

    Raises:
        WattscanError: no such target, malformed TOML, or a value that is missing or wrong.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in target_names():
            raise WattscanError(
                f"there is no target called {name_or_path!r}; there is: "
                f"{', '.join(target_names())}; or give the path of a .toml file"
            )
        path = _FOLDER / f"{name_or_path}.toml"
    data = read_toml(path, f"the target file {path}")
    try:
        return _target(path, data)
    except (KeyError, ValueError, WattscanError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise WattscanError(f"the target file {path} is wrong: {missing}") from None


def _target(path: Path, data: Mapping[str, Any]) -> Target:
    unknown = set(data) - _TABLES
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}")
    backend, sensors = data["backend"], data["sensors"]
    if not isinstance(backend, dict):
        raise ValueError("backend must be a table, [backend] with a name")
    if not isinstance(sensors, list) or not all(isinstance(entry, dict) for entry in sensors):
        raise ValueError("sensors must be tables, [[sensors]] with a name each")
    settings = {key: value for key, value in backend.items() if key != "name"}
    if backend.get("name") == AUTO:
        check_keys(settings, {"threads"})  # each engine has others of its own
    whole_number(settings, "threads", 1, MOST_THREADS)
    return Target(
        name=path.stem,
        title=_text(data, "title"),
        backend=_text(backend, "name"),
        backend_settings=settings,
        sensors=_sensors(sensors, path.parent),
        sample_interval=_interval(data, "sample_interval_seconds"),
        paper=_paper(data.get("paper", {})),
        batching=batching(data.get("batching", {}), Batching(queue_limit=_queue_limit(data))),
        limits=_limits(data.get("limits", {})),
    )


def _sensors(entries: list[Mapping[str, Any]], folder: Path) -> tuple[SensorChoice, ...]:
    choices: list[SensorChoice] = []
    for entry in entries:
        choice = _sensor(entry, folder)
        before = [each.name for each in choices]
        if choice.name in before:
            raise ValueError(f"two sensors are called {choice.name}: their series would be one")
        if choice.unless and choice.unless not in before:
            raise ValueError(f"unless must name a sensor above {choice.name}")
        choices.append(choice)
    return tuple(choices)


def _sensor(entry: Mapping[str, Any], folder: Path) -> SensorChoice:
    name = _text(entry, "name")
    settings = {key: value for key, value in entry.items() if key != "name"}
    floors = settings.pop("floor_watts", {})
    if not isinstance(floors, dict):
        raise ValueError("floor_watts must be a table: domain = watts")
    may_be_zero = settings.pop("may_be_zero", [])
    if not isinstance(may_be_zero, list) or not all(isinstance(x, str) for x in may_be_zero):
        raise ValueError("may_be_zero must be a list of domains' names")
    common = {key: settings.pop(key) for key in _COMMON & settings.keys()}
    return SensorChoice(
        name=name,
        settings=settings,
        interval=_interval(common, "interval_seconds") if "interval_seconds" in common else None,
        floors={domain: Watts(number(floors, domain)) for domain in floors},
        may_be_zero=frozenset(may_be_zero),
        frozen_after=Seconds(number(common, "frozen_after_seconds"))
        if "frozen_after_seconds" in common
        else None,
        update_period=_interval(common, "update_period_seconds")
        if "update_period_seconds" in common
        else None,
        unless=text(common, "unless"),
        corrections=_corrections(folder / text(common, "calibration"), name)
        if "calibration" in common
        else {},
    )


def _corrections(path: Path, module: str) -> dict[tuple[str, str], Correction]:
    data = read_toml(path, f"the calibration {path}")
    try:
        sensor = _text(data, "sensor")
        # A module may give several, such as bridge and bridge_energy.
        if sensor != module and not sensor.startswith(f"{module}_"):
            raise ValueError(f"it is of the sensor {sensor}, not of {module}")
        gain, offset = number(data, "gain"), signed(data, "offset_watts")
        if not gain > 0:
            raise ValueError("gain must be above 0")
        made = Correction(gain, Watts(offset), uncertainty(data))
        return {(sensor, _text(data, "domain")): made}
    except (KeyError, ValueError, WattscanError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise WattscanError(f"the calibration {path} is wrong: {missing}") from None


def _limits(table: Any) -> Limits:
    if not isinstance(table, dict):
        raise ValueError("limits must be a table, [limits]")
    known = {"max_bytes": LIMITS.max_bytes, "max_pixels": LIMITS.max_pixels}
    check_keys(table, set(known))
    found = {key: whole_number(table, key, known[key], _MOST_LIMIT) for key in known}
    return Limits(found["max_bytes"], found["max_pixels"])


def _queue_limit(data: Mapping[str, Any]) -> int:
    return whole_number(data, "queue_limit", 0, MOST_ROWS)


def _text(table: Mapping[str, Any], key: str) -> str:
    if not text(table, key):
        raise KeyError(key)
    return text(table, key)


def _interval(table: Mapping[str, Any], key: str) -> Seconds:
    interval = number(table, key)
    if not _INTERVAL[0] <= interval <= _INTERVAL[1]:
        raise ValueError(f"{key} must be from {_INTERVAL[0]:g} to {_INTERVAL[1]:g}")
    return Seconds(interval)


def _paper(table: Any) -> PaperReading:
    known = {"precision", "domain", "zone"}
    if not isinstance(table, dict) or set(table) - known:
        raise ValueError(f"paper must be a table with {', '.join(sorted(known))} at most")
    if not all(isinstance(value, str) for value in table.values()):
        raise ValueError("the values of paper must be texts")
    if "precision" in table:
        check_variant(table["precision"])
    return PaperReading(**table)
