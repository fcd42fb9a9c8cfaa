"""One suite over all sensors: on a machine that has nothing, and on one that has them all."""

import errno
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from wattscan import plugins
from wattscan.contracts import SensorAbsent, SensorChoice
from wattscan.targets import load_target, target_names
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.exporter import TelemetryCollector
from wattscan.telemetry.proof import SensorEvidence
from wattscan.telemetry.sampler import Sampler
from wattscan.testing import SensorContract
from wattscan.testing.sensors import readings
from wattscan.units import Seconds

SETTINGS = {
    choice.name.replace("_", "-"): choice.settings
    for name in target_names()
    for choice in load_target(name).sensors
}
FILES = {
    "class/powercap/intel-rapl:0/name": "package-0",
    "class/powercap/intel-rapl:0/energy_uj": "1000000",
    "class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850",
    "class/hwmon/hwmon0/name": "k10temp",
    "class/hwmon/hwmon0/temp1_input": "41500",
    "class/hwmon/hwmon0/power1_input": "65000000",
    "class/thermal/thermal_zone0/type": "x86_pkg_temp",
    "class/thermal/thermal_zone0/temp": "47000",
    "bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_0": "POM_5V_IN",
    "bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input": "2380",
    "class/apex/apex_0/temp": "48050",
    "class/apex/apex_0/trip_point0_temp": "85050",
    "class/power_supply/BAT0/type": "Battery",
    "class/power_supply/BAT0/status": "Discharging",
    "class/power_supply/BAT0/power_now": "12500000",
    "class/power_supply/BAT0/temp": "315",
    "tgpro.csv": "Date,CPU\n2026-11-22 10:00:05,41\n",
    "bridge/camera.prom": 'wattscan_temperature_celsius{zone="lid"} 41.25\n',
}
# Where the file that a setting names lies.
NAMED = {"tgpro": {"file": "tgpro.csv"}, "bridge": {"folder": "bridge"}}
# What no file can stand for is read in the driver's own tests: a library, a system call, a tool, a
# bus, a server.
ELSEWHERE = {
    "nvml", "rapl-perf", "ioreport", "powermetrics", "scpi", "shelly", "tasmota", "mqtt",
}  # fmt: skip


@pytest.fixture(params=plugins.names("sensors"))
def name(request):
    return request.param


def write(folder):
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def sysfs(tmp_path):
    write(tmp_path)
    return tmp_path


@pytest.fixture(params=sorted(set(plugins.names("sensors")) - ELSEWHERE))
def read_from_files(request):
    return request.param


def find(name, sysfs):
    named = {key: str(sysfs / path) for key, path in NAMED.get(name, {}).items()}
    return plugins.sensor(name).find({**SETTINGS[name], **named}, sysfs)


def moved(sensor):
    """As if all that it gives had been seen to move: files stand still."""
    return SensorEvidence(frozenset(label for label, _ in readings(sensor)))


def test_some_target_uses_it(name):
    assert name in SETTINGS


def test_what_is_not_read_here_has_tests_of_its_own():
    for name in ELSEWHERE & set(plugins.names("sensors")):
        own = Path(__file__).parents[1] / "unit" / "sensors" / f"test_{name.replace('-', '_')}.py"
        assert own.is_file()
    assert set(plugins.names("sensors")) >= ELSEWHERE


def test_where_there_is_nothing_it_says_so(name, tmp_path):
    try:
        found = find(name, tmp_path)
    except SensorAbsent as reason:
        assert len(str(reason)) > 20
    else:
        assert all(sensor.method == "modelled" for sensor in found)


class TestSensorsReadFromFiles(SensorContract):
    """The suite that is given to vendors."""

    @pytest.fixture(autouse=True)
    def chosen(self, read_from_files, tmp_path):
        named = {k: str(tmp_path / path) for k, path in NAMED.get(read_from_files, {}).items()}
        self.name = read_from_files
        self.settings = {**SETTINGS[read_from_files], **named}

    @pytest.fixture
    def sysfs(self, tmp_path):
        return tmp_path

    def arrange(self, sysfs):
        write(sysfs)

    def take_away(self, sysfs):
        for path in FILES:
            (sysfs / path).unlink()


def gone(file):
    file.unlink()


def garbage(file):
    file.write_text("no number\n")


def empty(file):
    file.write_text("")


def cut(file):
    # What a file that was opened before an unplugging, or a bus that gives up, answers.
    file.unlink()
    file.mkdir()


REASONS = {
    gone: {"gone", "unreadable"},
    garbage: {"garbage", "empty"},
    empty: {"garbage", "empty", "gone"},
    cut: {"unreadable", "gone"},
    "permission": {"permission"},
}
VALUES = [path for path in FILES if not path.endswith(("/name", "/type", "/status", "rail_name_0"))]


@pytest.mark.parametrize("take_away", REASONS)
def test_taken_away_mid_run_its_series_disappear_and_the_reason_is_counted(
    read_from_files, sysfs, take_away, monkeypatch
):
    found = [
        FoundSensor(sensor, SensorChoice(read_from_files, {}), moved(sensor))
        for sensor in find(read_from_files, sysfs)
        if getattr(sensor, "method", "") != "modelled"
    ]
    sampler = Sampler(found, Seconds(0.1), Ledger())
    registry = CollectorRegistry()
    registry.register(TelemetryCollector(load_target("cpu"), sampler, Ledger()))

    def series():
        sampler.sample()
        page = [sample for family in registry.collect() for sample in family.samples]
        about = {"wattscan_sensor_up", "wattscan_sensor_read_errors_total"}
        return [s for s in page if s.name not in about and "sensor" in s.labels], {
            s.labels["sensor"]: s.value for s in page if s.name == "wattscan_sensor_up"
        }

    try:
        if found:
            shown, up = series()
            assert shown and set(up.values()) == {1}
        if take_away == "permission":  # root may read all: the kernel's refusal is played
            forbid(monkeypatch, sysfs)
        else:
            for path in VALUES:
                take_away(sysfs / path)
        shown, up = series()
        assert not shown and set(up.values()) <= {0}
        for state in sampler.states:
            (reason,) = (reason for reason, count in state.errors.items() if count)
            assert state.errors[reason] == 1 and reason in REASONS[take_away]
    finally:
        sampler.stop()


def forbid(monkeypatch, folder):
    def refuse(original):
        def opened(path, *arguments, **options):
            if str(path).startswith(str(folder)):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return original(path, *arguments, **options)

        return opened

    monkeypatch.setattr(os, "open", refuse(os.open))
    monkeypatch.setattr(Path, "open", refuse(Path.open))
