"""A Mac whose counters the test sets."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from wattscan.contracts import SensorFailed
from wattscan.sensors import ioreport

SOURCE = Path(__file__).with_name("mock_ioreport.c")
# An M1's, by name: a part of the CPU and one of the GPU are not to be counted twice.
M1 = {
    "ECPU0": "3 mJ",
    "PCPU": "2100 mJ",
    "CPU Energy": "2131 mJ",
    "GPU SRAM": "7 mJ",
    "GPU": "40 mJ",
    "ANE": "250 mJ",
    "DRAM": "60 mJ",
    "GPU Energy": "41261240 nJ",
    "PCIe Port 0 Energy": "9 uJ",
}


def build(folder, without=()):
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc, which builds the library that stands in for Apple's, is not installed")
    library = folder / "libIOReport.so"
    macros = [f"-DWITHOUT_{function}" for function in without]
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", *macros]
    subprocess.run([*command, "-o", library, SOURCE], check=True)
    return library


class Mac:
    """A Mac's libraries; a copy for each test, so that none sees another's objects."""

    def __init__(self, built, folder, monkeypatch):
        self.folder = folder
        self.library = shutil.copy(built, folder / "libIOReport.so")
        self.mock = ctypes.CDLL(self.library)
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(ioreport.platform, "system", lambda: "Darwin")
        monkeypatch.setattr(ioreport.platform, "machine", lambda: "arm64")
        monkeypatch.setattr(ioreport, "_PATIENCE", 0.02)
        monkeypatch.setattr(ioreport, "_PAUSE", 0.001)

    def counts(self, channels):
        """The group from now on: name -> count and unit; None: it is not there."""
        present = {n: c.partition(" ") for n, c in channels.items() if c is not None}
        text = ";".join(f"{n}|{unit}|{count}" for n, (count, _, unit) in present.items())
        self.monkeypatch.setenv("IOREPORT_CHANNELS", text)

    def gives_null(self, function):
        self.monkeypatch.setenv("IOREPORT_NULL", function)

    @property
    def settings(self):
        paths = {"library": str(self.library), "core_foundation": str(self.library)}
        return {**paths, "uncertainty_ratio": 0.1}

    def find(self, channels=M1, **settings):
        """The sensor, found while the CPU's count moved."""
        cpu = [name for name in channels if name.endswith("CPU Energy")]
        self.counts({**channels, **dict.fromkeys(cpu, "1+1 mJ")})
        (sensor,) = ioreport.find({**self.settings, **settings}, self.folder)
        self.counts(channels)
        return sensor


def read(sensor):
    """Domain -> joules, or why there are none."""
    try:
        return {r.domain: r.count for r in sensor.read_energy()}
    except SensorFailed as failure:
        return failure.reason
