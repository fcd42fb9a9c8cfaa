import pytest

from wattscan.contracts import PowerSensor, SensorAbsent, SensorFailed, TemperatureSensor
from wattscan.sensors import hwmon, thermal_zone


@pytest.fixture
def sysfs(tmp_path):
    chip = tmp_path / "class" / "hwmon" / "hwmon0"
    chip.mkdir(parents=True)
    for name, text in {
        "name": "k10temp\n",
        "temp1_input": "41500\n",
        "temp1_label": "Tctl\n",
        "temp3_input": "39250\n",
        "power1_average": "65250000\n",
        "power1_input": "1\n",
        "power2_input": "1500000\n",
    }.items():
        (chip / name).write_text(text)
    for number, kind, value in ((0, "x86_pkg_temp", "47000"), (1, "acpitz", "-5000")):
        zone = tmp_path / "class" / "thermal" / f"thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{kind}\n")
        (zone / "temp").write_text(f"{value}\n")
    return tmp_path


def test_hwmon_power_is_in_watts_and_the_average_is_preferred(sysfs):
    power, _ = hwmon.find({}, sysfs)
    assert isinstance(power, PowerSensor)
    readings = {r.domain: r.power for r in power.read_power()}
    assert readings == {"hwmon0:k10temp:power1": 65.25, "hwmon0:k10temp:power2": 1.5}


def test_hwmon_temperatures_are_in_degrees(sysfs):
    _, temperature = hwmon.find({}, sysfs)
    assert isinstance(temperature, TemperatureSensor)
    readings = {r.zone: r.temperature for r in temperature.read_temperature()}
    assert readings == {"hwmon0:k10temp:Tctl": 41.5, "hwmon0:k10temp:temp3": 39.25}


def test_one_channel_asleep_does_not_silence_the_others(sysfs):
    _, temperature = hwmon.find({}, sysfs)
    assert isinstance(temperature, TemperatureSensor)
    chip = sysfs / "class" / "hwmon" / "hwmon0"
    (chip / "temp1_input").write_text("asleep")
    assert [r.zone for r in temperature.read_temperature()] == ["hwmon0:k10temp:temp3"]
    (chip / "temp3_input").unlink()
    with pytest.raises(SensorFailed):
        temperature.read_temperature()


def test_thermal_zones_are_in_degrees(sysfs):
    (sensor,) = thermal_zone.find({}, sysfs)
    assert isinstance(sensor, TemperatureSensor)
    readings = {r.zone: r.temperature for r in sensor.read_temperature()}
    assert readings == {"x86_pkg_temp": 47.0, "acpitz": -5.0}


def test_two_thermal_zones_of_one_type_are_told_apart(sysfs):
    (sysfs / "class" / "thermal" / "thermal_zone1" / "type").write_text("x86_pkg_temp")
    (sensor,) = thermal_zone.find({}, sysfs)
    assert isinstance(sensor, TemperatureSensor)
    zones = {r.zone for r in sensor.read_temperature()}
    assert zones == {"x86_pkg_temp:thermal_zone0", "x86_pkg_temp:thermal_zone1"}


@pytest.mark.parametrize("module", [hwmon, thermal_zone])
def test_nothing_there_is_absent(module, tmp_path):
    with pytest.raises(SensorAbsent, match="usual in virtual machines"):
        module.find({}, tmp_path)
