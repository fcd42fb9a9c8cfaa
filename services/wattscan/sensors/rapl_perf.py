"""RAPL energy counters of x86 processors, through the kernel's perf events.

For those who may not read powercap's files and may open perf events. Interface: perf_event_open(2)
and `bus/event_source/devices/power` in sysfs: `type`, `cpumask`, and under `events` each event's
number, scale and unit. The kernel widens the hardware's counters to 64 bits, so none wraps, and
counts from the opening.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import struct
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattscan.contracts import EnergyReading, Method, Scope, Sensor, SensorAbsent, SensorFailed
from wattscan.rapl_domains import UPDATE_PERIOD, device_domains
from wattscan.settings import check_keys, uncertainty
from wattscan.sysfs import read_int, read_label
from wattscan.units import Joules, joules_from_scaled_count

# As of `rapl`: package RAPL is within a few percent of external meters on servers since Haswell.
_UNCERTAINTY_RATIO = 0.05
# Event -> the name that powercap has for it, in the order of `rapl`.
_EVENTS = {
    "energy-pkg": "package",
    "energy-psys": "psys",
    "energy-ram": "dram",
    "energy-cores": "core",
    "energy-gpu": "uncore",
}
# perf_event_open's number in Linux's system call tables.
_SYSCALLS = {"x86_64": 298, "aarch64": 241}
# From linux/perf_event.h: the size of perf_event_attr's first version, and close-on-exec.
_ATTR_SIZE = 64
_CLOSE_ON_EXEC = 8
# Its type, size, config, sample_period, sample_type, read_format, flags, wakeup_events, bp_type,
# bp_addr.
_ATTR = struct.Struct("=IIQQQQQIIQ")
_COUNT_BYTES = 8


@dataclass(frozen=True)
class _PerfCounter:
    domain: str
    scope: Scope
    descriptor: int
    joules_per_count: float


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:
    """The RAPL events that may be opened, as one sensor; see `contracts.SensorModule.find`.

    Settings: `uncertainty_ratio` (0.05).
    """
    check_keys(settings, {"uncertainty_ratio"})
    ratio = uncertainty(settings, _UNCERTAINTY_RATIO)
    pmu = sysfs / "bus" / "event_source" / "devices" / "power"
    try:
        pmu_type = read_int(pmu / "type")
    except SensorFailed:
        raise SensorAbsent(
            f"no RAPL events under {pmu}: not an x86 processor with RAPL, a virtual machine, or "
            "the kernel's module is not loaded (modprobe rapl)"
        ) from None
    packages = _packages(sysfs, read_label(pmu / "cpumask"))
    return [RaplPerfSensor(*_open_counters(pmu, pmu_type, packages), ratio)]


def attributes(pmu_type: int, config: int) -> bytes:
    """A perf_event_attr for plain counting, in its first version of 64 bytes."""
    return _ATTR.pack(pmu_type, _ATTR_SIZE, config, 0, 0, 0, 0, 0, 0, 0)


def open_event(pmu_type: int, config: int, cpu: int) -> int:
    """A file descriptor that counts the event on a processor. Raises: OSError."""
    call = _SYSCALLS.get(platform.machine())
    if call is None or not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    attr = ctypes.create_string_buffer(attributes(pmu_type, config), _ATTR_SIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    # Every process (-1) on that processor, in no group (-1).
    arguments = [ctypes.c_long(x) for x in (-1, cpu, -1, _CLOSE_ON_EXEC)]
    descriptor = int(libc.syscall(ctypes.c_long(call), ctypes.byref(attr), *arguments))
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def _packages(sysfs: Path, cpumask: str) -> dict[int, str]:
    """Processor of the mask, which has one for each package or die -> its name, as powercap has it:
    `0`, or `0-die-1` where several dies share a package's number."""
    cpus: list[int] = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", cpumask):
        cpus += range(int(first), int(last or first) + 1)
    topology = sysfs / "devices" / "system" / "cpu"
    numbers = [read_label(topology / f"cpu{c}/topology/physical_package_id") for c in cpus]
    if not all(n.isdecimal() for n in numbers):
        return {cpu: str(index) for index, cpu in enumerate(cpus)}
    if len(set(numbers)) == len(cpus):
        return dict(zip(cpus, numbers, strict=True))
    dies = [f"{n}-die-{numbers[:index].count(n)}" for index, n in enumerate(numbers)]
    return dict(zip(cpus, dies, strict=True))


def _open_counters(
    pmu: Path, pmu_type: int, packages: Mapping[int, str]
) -> tuple[list[_PerfCounter], dict[str, str]]:
    """Those that may be opened; why each other domain may not. Raises: SensorAbsent: none may."""
    counters: list[_PerfCounter] = []
    refused: dict[str, str] = {}
    refusal = "it lists no event in joules"
    for event, name in _EVENTS.items():
        described = _described(pmu / "events" / event)
        if described is None:
            continue
        config, scale = described
        # The platform's counter is one, seen from each package.
        seen_from = list(packages.items())[: 1 if name == "psys" else None]
        for cpu, package in seen_from:
            domain = "psys" if name == "psys" else f"{name}-{package}"
            scope: Scope = "system" if name == "psys" else "chip"
            try:
                counters.append(
                    _PerfCounter(domain, scope, open_event(pmu_type, config, cpu), scale)
                )
            except OSError as error:
                refusal = refused[domain] = _refusal(error)
    if not counters:
        raise SensorAbsent(f"the RAPL events under {pmu} cannot be counted: {refusal}")
    return counters, refused


def _described(file: Path) -> tuple[int, float] | None:
    """The event's number and its joules a count; None where it is not there, or not in joules."""
    number_of = re.search(r"\bevent=(0x[0-9a-fA-F]+|\d+)", read_label(file))
    if not number_of or read_label(file.with_name(f"{file.name}.unit")) != "Joules":
        return None
    try:
        scale = float(read_label(file.with_name(f"{file.name}.scale")))
    except ValueError:
        return None
    return int(number_of[1], 0), scale


def _refusal(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            "not permitted; give the process CAP_PERFMON (setcap cap_perfmon+ep, or in a container "
            "--cap-add PERFMON), or run: sysctl kernel.perf_event_paranoid=0"
        )
    return str(error.strerror)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class RaplPerfSensor:
    """The energy counts of all packages. Its file descriptors close when it is dropped."""

    name = "rapl_perf"
    method: Method = "counter"
    update_period = UPDATE_PERIOD

    def __init__(
        self, counters: Sequence[_PerfCounter], refused: Mapping[str, str], uncertainty_ratio: float
    ) -> None:
        """`refused`: domains that are listed and could not be opened, and why."""
        self.uncertainty_ratio = uncertainty_ratio
        self._counters = counters
        self._refused = refused
        self.unreadable = dict(refused)
        """Listed domains that could not be read the last time, and why."""
        weakref.finalize(self, _close, [counter.descriptor for counter in counters])

    def device_domains(self, moved: Mapping[str, Joules]) -> Sequence[str]:
        """See `contracts.Covering`: the platform, else all packages that are listed."""
        listed = [counter.domain for counter in self._counters]
        return device_domains(moved, sorted([*listed, *self._refused]))

    def read_energy(self) -> Sequence[EnergyReading]:
        """One reading an event and package that answers, in joules since the opening.

        Raises: SensorFailed when none does.
        """
        readings: list[EnergyReading] = []
        unreadable = dict(self._refused)
        failure: SensorFailed | None = None
        for counter in self._counters:
            try:
                count = joules_from_scaled_count(_count(counter), counter.joules_per_count)
                readings.append(EnergyReading(counter.domain, counter.scope, count))
            except SensorFailed as error:
                unreadable[counter.domain] = str(error)
                failure = error
        self.unreadable = unreadable
        if failure and not readings:
            raise failure
        return readings


def _count(counter: _PerfCounter) -> int:
    try:
        content = os.read(counter.descriptor, _COUNT_BYTES)
    except PermissionError:
        raise SensorFailed("permission", f"{counter.domain} may no longer be read") from None
    except OSError as error:
        raise SensorFailed("unreadable", f"{counter.domain}: {error.strerror}") from None
    if not content:
        # perf_event_open(2): an event in error state reads as the end of a file.
        raise SensorFailed("gone", f"{counter.domain} is no longer counted")
    if len(content) != _COUNT_BYTES:
        raise SensorFailed("garbage", f"{counter.domain} gave {len(content)} bytes, not 8")
    return int.from_bytes(content, sys.byteorder)
