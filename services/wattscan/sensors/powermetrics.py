"""Energy of an Apple silicon chip, through macOS's own `powermetrics`.

Interface: macOS's manual page powermetrics(1). As property lists, each sample has `elapsed_ns` and
`processor`, with `cpu_energy`, `gpu_energy` and `ane_energy` in millijoules of that sample, and
`cpu_power`, `gpu_power`, `ane_power` and `combined_power` in milliwatts. A NUL parts the samples.
Apple calls the figures estimates, not for comparing one device with another.
"""

from __future__ import annotations

import os
import platform
import plistlib
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from xml.parsers.expat import ExpatError

from wattscan.contracts import EnergyReading, Method, Sensor, SensorAbsent, SensorFailed
from wattscan.device_http import finite
from wattscan.settings import check_keys, number, text, uncertainty
from wattscan.units import (
    Joules,
    Seconds,
    Watts,
    energy,
    joules_from_millijoules,
    milliseconds_from_seconds,
    seconds_from_nanoseconds,
    watts_from_milliwatts,
)

_SETTINGS = {"sample_interval_seconds", "uncertainty_ratio", "command"}
_COMMAND = "/usr/bin/powermetrics"
_INTERVAL = Seconds(0.2)
_STALE_INTERVALS = 5
# The tool takes a moment to start; a reader waits for one second at most.
_FIRST_SAMPLE = Seconds(0.8)
_START = Seconds(5.0)
# It ended, and would again: it is started anew after 1 s, 2 s, ... of pause.
_FIRST_PAUSE, _LONGEST_PAUSE = Seconds(1.0), Seconds(30.0)
_PARTS = ("cpu", "gpu", "ane")
_PACKAGE = "package"
_END = b"</plist>"
_LARGEST = 1024 * 1024


def find(settings: Mapping[str, Any], sysfs: Path) -> Sequence[Sensor]:  # noqa: ARG001
    """The chip's energy; see `contracts.SensorModule.find`.

    Settings: `sample_interval_seconds` (0.2), `uncertainty_ratio`, `command`
    (`/usr/bin/powermetrics`).
    """
    check_keys(settings, _SETTINGS)
    interval = Seconds(number(settings, "sample_interval_seconds", _INTERVAL))
    ratio = uncertainty(settings)
    command = Path(text(settings, "command", _COMMAND))
    if platform.system() != "Darwin":
        raise SensorAbsent("powermetrics is macOS's own tool, and this is not macOS")
    if platform.machine() != "arm64":
        raise SensorAbsent("powermetrics gives these figures on Apple silicon only")
    if not command.is_file():
        raise SensorAbsent(f"{command} is not there: give the tool's path as command")
    if os.geteuid() != 0:
        raise SensorAbsent("powermetrics needs root: run the service as root")
    return [PowermetricsSensor(command, interval, ratio)]


@dataclass(frozen=True)
class _Sample:
    """One sample: the energy of each domain over its length, and the package's mean power."""

    energies: Mapping[str, Joules]
    power: Watts


def _sample(document: bytes) -> _Sample:
    """Raises: SensorFailed `garbage`."""
    try:
        content = plistlib.loads(document, fmt=plistlib.FMT_XML)
        processor = content["processor"]
        elapsed = seconds_from_nanoseconds(finite(content["elapsed_ns"], "elapsed_ns"))
        power = watts_from_milliwatts(finite(processor["combined_power"], "combined_power"))
        energies = {part: _energy(processor, part, elapsed) for part in _PARTS}
    except (ExpatError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SensorFailed("garbage", f"no sample: {type(error).__name__} {error}") from None
    if elapsed <= 0 or power < 0 or min(energies.values()) < 0:
        raise SensorFailed("garbage", "a sample with a negative figure")
    return _Sample({_PACKAGE: Joules(sum(energies.values())), **energies}, power)


def _energy(processor: Mapping[str, Any], part: str, elapsed: Seconds) -> Joules:
    if f"{part}_energy" in processor:
        return joules_from_millijoules(finite(processor[f"{part}_energy"], f"{part}_energy"))
    # Some releases of macOS leave out an energy and give its power.
    milliwatts = finite(processor[f"{part}_power"], f"{part}_power")
    return energy(watts_from_milliwatts(milliwatts), elapsed)


class _PowermetricsProcess:
    """One run of the tool, and what its samples add up to. Its threads end with it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._totals: dict[str, Joules] = {}
        self._power = Watts(0.0)
        self._failure: SensorFailed | None = None
        self._began = self._at = time.monotonic()
        self._ended = False
        self._complaint = ""

    def follow(self, child: subprocess.Popen[bytes], forget: Callable[[], object]) -> None:
        """Take in what the child writes, until it ends; then nobody has to end it any more."""
        threads = [
            threading.Thread(target=self._complaints, args=(child.stderr,), daemon=True),
            threading.Thread(target=self._samples, args=(child.stdout,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        child.wait()
        forget()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def readings(self, interval: Seconds, patience: Seconds) -> Sequence[EnergyReading]:
        """Raises: SensorFailed."""
        with self._changed:
            self._changed.wait_for(lambda: self._totals or self._failure or self._ended, patience)
            if self._ended:
                raise SensorFailed("ended", self._complaint or "powermetrics has ended")
            if self._failure is not None:
                raise self._failure
            now = time.monotonic()
            if not self._totals:
                starts = now - self._began < max(_START, _STALE_INTERVALS * interval)
                raise SensorFailed("starting" if starts else "stale", "no sample has come yet")
            if now - self._at > _STALE_INTERVALS * interval:
                raise SensorFailed("stale", f"no sample for {now - self._at:.1f} s")
            if not self._power:
                raise SensorFailed("zero_power", "it gives 0 W for the package")
            return [EnergyReading(d, "chip", joules) for d, joules in self._totals.items()]

    def _samples(self, pipe: IO[bytes]) -> None:
        # The NUL that parts two samples comes with the second: each ends at its closing tag.
        rest = b""
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                *documents, rest = (rest + chunk).split(_END)
                for document in documents:
                    self._take(document.lstrip(b"\0 \r\n\t") + _END)
                if len(rest) > _LARGEST:
                    rest = b""
                    self._fail(SensorFailed("garbage", f"no sample in {_LARGEST} bytes"))

    def _take(self, document: bytes) -> None:
        try:
            sample = _sample(document)
        except SensorFailed as failure:
            self._fail(failure)
            return
        with self._changed:
            for domain, joules in sample.energies.items():
                self._totals[domain] = Joules(self._totals.get(domain, 0.0) + joules)
            self._power, self._at, self._failure = sample.power, time.monotonic(), None
            self._changed.notify_all()

    def _fail(self, failure: SensorFailed) -> None:
        with self._changed:
            # What a lost sample held is unknown: the count starts anew, which its reader notices.
            self._failure, self._totals = failure, {}
            self._changed.notify_all()

    def _complaints(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                self._complaint = line[:200].decode(errors="replace").strip() or self._complaint


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()


class PowermetricsSensor:
    """The energy of the chip and of its parts, summed over the tool's samples.

    A run of the tool counts from zero: what was used between two runs is left out, and told.
    """

    name = "powermetrics"
    method: Method = "counter"

    def __init__(self, command: Path, interval: Seconds, uncertainty_ratio: float) -> None:
        self.uncertainty_ratio = uncertainty_ratio
        self.update_period = interval
        self._command = command
        self._interval = interval
        self._run: _PowermetricsProcess | None = None
        self._failure = SensorFailed("ended", "powermetrics has ended")
        self._pause, self._resumes = Seconds(0.0), 0.0

    def read_energy(self) -> Sequence[EnergyReading]:
        """`package` and its parts. Raises: SensorFailed."""
        patience = Seconds(0.0)
        if self._run is None:
            if time.monotonic() < self._resumes:
                raise self._failure
            self._run = self._start()
            patience = _FIRST_SAMPLE
        try:
            readings = self._run.readings(self._interval, patience)
        except SensorFailed as failure:
            if failure.reason == "ended":
                self._run, self._failure = None, failure
                self._pause = min(max(_FIRST_PAUSE, Seconds(2 * self._pause)), _LONGEST_PAUSE)
                self._resumes = time.monotonic() + self._pause
            raise
        self._pause = Seconds(0.0)
        return readings

    def _start(self) -> _PowermetricsProcess:
        milliseconds = max(1, round(milliseconds_from_seconds(self._interval)))
        arguments = ["--samplers", "cpu_power,gpu_power,thermal", "-i", str(milliseconds)]
        try:
            child = subprocess.Popen(  # noqa: S603  the target's TOML names the tool
                [str(self._command), *arguments, "-b", "1", "-f", "plist"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise SensorFailed("unreadable", f"powermetrics: {error.strerror}") from None
        run = _PowermetricsProcess()
        end = weakref.finalize(self, _end, child)
        threading.Thread(
            target=run.follow, args=(child, end.detach), name="powermetrics", daemon=True
        ).start()
        return run
