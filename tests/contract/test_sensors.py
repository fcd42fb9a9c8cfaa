"""One suite over all sensors: on a machine that has nothing, and on one that has them all."""

import pytest

from wattscan import plugins
from wattscan.contracts import (
    EnergySensor,
    PowerSensor,
    SensorAbsent,
    SensorFailed,
    TemperatureSensor,
)
from wattscan.targets import load_target, target_names

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
}


@pytest.fixture(params=plugins.names("sensors"))
def name(request):
    return request.param


@pytest.fixture
def sysfs(tmp_path):
    for path, text in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def find(name, sysfs):
    return plugins.sensor(name).find(SETTINGS[name], sysfs)


def readings(sensor):
    if isinstance(sensor, EnergySensor):
        return [(r.domain, r.count) for r in sensor.read_energy()]
    if isinstance(sensor, PowerSensor):
        return [(r.domain, r.power) for r in sensor.read_power()]
    assert isinstance(sensor, TemperatureSensor)
    return [(r.zone, r.temperature) for r in sensor.read_temperature()]


def test_some_target_uses_it(name):
    assert name in SETTINGS


def test_where_there_is_nothing_it_says_so(name, tmp_path):
    try:
        found = find(name, tmp_path)
    except SensorAbsent as reason:
        assert len(str(reason)) > 20
    else:
        assert all(sensor.method == "modelled" for sensor in found)


def test_where_there_is_something_it_is_read(name, sysfs):
    for sensor in find(name, sysfs):
        got = readings(sensor)
        assert got
        assert len({label for label, _ in got}) == len(got)
        # Joules, watts and degrees Celsius of a plausible size: a forgotten milli or micro is not.
        assert all(0 < value < 1e9 for _, value in got)
        assert isinstance(sensor.name, str)


def test_what_vanishes_is_a_failure_and_not_a_zero(name, sysfs):
    found = find(name, sysfs)
    for path in FILES:
        (sysfs / path).unlink()
    for sensor in found:
        if getattr(sensor, "method", "") == "modelled":
            continue
        with pytest.raises(SensorFailed):
            readings(sensor)
