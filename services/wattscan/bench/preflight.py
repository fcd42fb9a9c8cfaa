"""What a machine can give, looked at before minutes are spent on it: within ten seconds."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wattscan.contracts import EnergySensor, Method, PowerSensor, Target, WattscanError
from wattscan.profiles import Profile
from wattscan.telemetry.discovery import Found, FoundSensor, discover
from wattscan.telemetry.machine import machine_facts
from wattscan.units import Seconds

# Modules that the run needs when it has ended its minutes, and their extra.
_NEEDED = {"locust": "load", "psutil": "load", "jinja2": "collector", "matplotlib": "collector",
           "scipy": "collector"}  # fmt: skip
# A second of a run takes about this much of the disk: some 150 series of 130 bytes from the
# service, and the generator's longer page at intervals.
_BYTES_PER_SECOND = 60_000
_LEAST_FREE_BYTES = 100_000_000
_CLOCK_SECONDS = Seconds(0.5)
_MOST_CLOCK_STEP = Seconds(0.01)
# 2024-01-01: a board without a battery for its clock begins in 1970.
_EARLIEST = 1_704_067_200.0
_BUSY_CORES = 0.2
_MOST_NAMED = 3


@dataclass(frozen=True)
class Outlook:
    """What the run can give, as sentences, and what disturbs it."""

    machine: str
    source: str
    warnings: tuple[str, ...]

    @property
    def paragraph(self) -> str:
        """For a reader."""
        return " ".join(filter(None, [self.machine, self.source, *self.warnings]))


def look(target: Target | None, sysfs: Path, out: Path, profile: Profile, windows: int) -> Outlook:
    """Look at source, packages, ports, disk, clock, other busy processes and other clients.

    Args:
        target: what is measured; None: a service that runs elsewhere.
        sysfs: where sysfs is mounted.
        out: where the run's folder goes.
        profile: the phases' lengths.
        windows: how many windows are to be measured.

    Raises:
        WattscanError: it could give nothing here: why, and what to do.
    """
    _check_packages()
    _check_disk(out, windows * (profile.idle + profile.warmup + profile.load + profile.cooldown))
    _check_ports()
    if target is None:
        steady = tuple(_clock_and_load(None))
        return Outlook(_machine("The load comes from this machine"), "", steady)
    found = discover(target, sysfs)
    source = _source(target, found)
    warnings = [*_clock_and_load(found), *_other_services()]
    return Outlook(_machine("This machine"), source, tuple(warnings))


def _machine(what: str) -> str:
    facts = machine_facts()
    virtual = facts["virtualization"]
    where = "" if virtual in ("none", "unknown") else f", {virtual}"
    return f"{what}: {facts['processor']}, {facts['cores']} cores{where}."


def _check_packages() -> None:
    for module, extra in _NEEDED.items():
        if importlib.util.find_spec(module) is None:
            raise WattscanError(
                f"{module} is not installed, and the run needs it: pip install 'wattscan[{extra}]'"
            )


def _check_disk(out: Path, seconds: float) -> None:
    there = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "no permission" if there.is_dir() else f"{there} is not a folder"
        raise WattscanError(f"cannot write to {out}: {why}; choose another folder with --out")
    free, needed = shutil.disk_usage(there).free, _LEAST_FREE_BYTES + _BYTES_PER_SECOND * seconds
    if free < needed:
        raise WattscanError(
            f"{there} has {free / 1e6:.0f} MB free, and the run may need {needed / 1e6:.0f}: "
            "make room, or choose another folder with --out"
        )


def _check_ports() -> None:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            pass
    except OSError as error:
        raise WattscanError(
            f"no port can be opened on 127.0.0.1 ({error.strerror}): bring up the loopback "
            "interface (ip link set lo up), or allow this user to listen"
        ) from None


def _source(target: Target, found: Found) -> str:
    """Where the joules will come from. Raises: WattscanError: from nowhere."""
    metered = [
        each for each in found.sensors if isinstance(each.sensor, PowerSensor | EnergySensor)
    ]
    if not metered:
        why = "; ".join(f"{name}: {reason}" for name, reason in found.absent.items())
        raise WattscanError(
            f"nothing gives power or energy for the target {target.name} on this machine, so there "
            f"would be no joules ({why or 'the target names no sensor'}). Set one of these right, "
            "or measure with --target cpu, which models power where nothing measures it"
        )
    proven = [each for each in metered if each.is_whole]
    model = next((each for each in metered if _method(each) == "modelled"), None)
    proving = [each.sensor.name for each in metered if each not in proven and each is not model]
    said = _said(proven[0] if proven else model)
    if proving and not proven:
        waits = f"{', '.join(proving)} has not moved yet, and is read as soon as it does."
        said = f"{said} {waits}" if said else f"The source {waits}"
    return said


def _said(source: FoundSensor | None) -> str:
    if source is None:
        return ""
    ratio: float = getattr(source.sensor, "uncertainty_ratio", 0.0)
    if _method(source) == "modelled":
        return (
            f"No sensor here measures power: it is modelled from the service's processor time, "
            f"±{100 * ratio:.0f} % (1 sigma), and no figure is better than indicative."
        )
    how = "counts energy" if _method(source) == "counter" else "measures power"
    domains = ", ".join(sorted(source.evidence.proven))
    return f"The sensor {source.sensor.name} {how} ({domains}), ±{ratio:.1%}."


def _method(found: FoundSensor) -> Method | None:
    return found.sensor.method if isinstance(found.sensor, EnergySensor) else "integrated"


def _clock_and_load(found: Found | None) -> Iterator[str]:
    """Whether the clock steps, and who else computes, over one short time."""
    import psutil

    used = _processor_seconds(psutil.process_iter(["pid", "name", "cpu_times"]))
    begin, wall = time.monotonic(), time.time()
    time.sleep(_CLOCK_SECONDS)
    elapsed, walled = time.monotonic() - begin, time.time() - wall
    if abs(walled - elapsed) > _MOST_CLOCK_STEP or wall < _EARLIEST:
        yield (
            f"The clock is not steady: {walled:.3f} s by its count in {elapsed:.3f} s, at "
            f"{time.strftime('%Y-%m-%d', time.gmtime(wall))}. Wait until it is synchronized."
        )
    using = _processor_seconds(psutil.process_iter(["pid", "name", "cpu_times"]))
    busy = {who: (using[who] - used.get(who, using[who])) / elapsed for who in using}
    others = sorted(((load, who) for who, load in busy.items()), reverse=True)
    total = sum(load for load, _ in others)
    if total > _BUSY_CORES:
        named = [
            f"{name}, process {pid}"
            for load, (pid, name) in others[:_MOST_NAMED]
            if load > _BUSY_CORES / 4
        ]
        yield _busy(total, named, None if found is None else _measures(found))


def _busy(cores: float, named: Sequence[str], measured: bool | None) -> str:
    """What other processes do to the figures: a model does not see the power that they draw.
    `measured` None: the service runs elsewhere."""
    who = f" ({'; '.join(named)})" if named else ""
    effect = "they slow the service, and the figures include that"
    if measured is None:
        effect = "they slow the load generator, and the latencies include that"
    elif measured:
        effect = "the figures include the power that they draw, and they slow the service"
    return f"Other processes keep {cores:.1f} cores busy{who}: {effect}."


def _measures(found: Found) -> bool:
    return any(
        isinstance(each.sensor, PowerSensor | EnergySensor)
        and _method(each) != "modelled"
        and each.evidence.proven
        for each in found.sensors
    )


def _processor_seconds(processes: Iterator[object]) -> dict[tuple[int, str], float]:
    """(pid, name) -> processor time of each other process."""
    found: dict[tuple[int, str], float] = {}
    for process in processes:
        info: Mapping[str, object] = process.info  # type: ignore[attr-defined]
        times, pid = info["cpu_times"], info["pid"]
        if times is not None and isinstance(pid, int) and pid != os.getpid():
            found[pid, str(info["name"])] = times.user + times.system  # type: ignore[attr-defined]
    return found


def _other_services() -> Iterator[str]:
    """Other services and generators of Wattscan's on this machine."""
    import psutil

    # Whoever started this one, sudo say, has its command in their own.
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    pids = [
        str(process.info["pid"])
        for process in psutil.process_iter(["pid", "cmdline"])
        if process.info["pid"] not in mine and _is_ours(process.info["cmdline"] or [])
    ]
    if pids:
        several = len(pids) > 1
        who = (
            "Other Wattscan services or runs are"
            if several
            else "Another Wattscan service or run is"
        )
        yield (
            f"{who} on this machine (process{'es' * several} {', '.join(pids)}): measure one at a "
            "time, for they slow each other, and a sensor counts the energy of all."
        )


def _is_ours(command: Sequence[str]) -> bool:
    program = " ".join(command[:3])
    return ("wattscan" in program and bool({"serve", "bench"} & set(command))) or any(
        part.endswith("loadtest/locustfile.py") for part in command
    )
