import pytest

from wattscan.contracts import (
    PowerSensor,
    SensorAbsent,
    SensorFailed,
    TemperatureSensor,
    WattscanError,
)
from wattscan.sensors import power_supply


def supply(sysfs, name, **files):
    folder = sysfs / "class" / "power_supply" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(f"{text}\n")
    return folder


def battery(sysfs, name="BAT0", **files):
    return supply(sysfs, name, type="Battery", status="Discharging", **files)


def read(sysfs):
    (sensor,) = power_supply.find({}, sysfs)
    assert isinstance(sensor, PowerSensor)
    return sensor, {r.domain: (r.scope, r.power) for r in sensor.read_power()}


def reason(sensor):
    with pytest.raises(SensorFailed) as caught:
        sensor.read_power()
    return caught.value.reason


def test_a_batterys_microwatts_become_watts(tmp_path):
    battery(tmp_path, power_now=12_500_000, energy_now=40_000_000)
    sensor, readings = read(tmp_path)
    assert (sensor.name, sensor.uncertainty_ratio) == ("power_supply", 0.05)
    assert readings == {"BAT0": ("system", pytest.approx(12.5))}


def test_microvolts_and_microamperes_become_watts(tmp_path):
    battery(tmp_path, voltage_now=11_400_000, current_now=1_500_000)
    assert read(tmp_path)[1]["BAT0"][1] == pytest.approx(17.1)


def test_the_sign_that_drivers_give_to_discharging_is_left_out(tmp_path):
    battery(tmp_path, voltage_now=12_000_000, current_now=-500_000)
    battery(tmp_path, "BAT1", power_now=-3_000_000)
    _, readings = read(tmp_path)
    assert readings["BAT0"][1] == pytest.approx(6.0)
    assert readings["BAT1"][1] == pytest.approx(3.0)


def test_an_input_is_read_while_it_is_plugged_in(tmp_path):
    folder = supply(
        tmp_path, "usb", type="USB_PD", online=1, voltage_now=5_000_000, current_now=2_000_000
    )
    sensor, readings = read(tmp_path)
    assert readings == {"usb": ("system", pytest.approx(10.0))}
    (folder / "online").write_text("0")
    assert reason(sensor) == "offline"


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown"])
def test_a_battery_that_does_not_discharge_does_not_say_what_is_drawn(tmp_path, status):
    folder = battery(tmp_path, power_now=30_000_000)
    (sensor,) = power_supply.find({}, tmp_path)
    (folder / "status").write_text(f"{status}\n")
    assert reason(sensor) == "not_discharging"


def test_on_the_plug_the_power_is_awaited_and_the_temperature_is_there(tmp_path):
    """Else the model would step back for a sensor that says nothing."""
    folder = battery(tmp_path, power_now=30_000_000)
    (folder / "status").write_text("Full\n")
    with pytest.raises(SensorAbsent, match=r"BAT0 is Full: .*when the plug is pulled") as caught:
        power_supply.find({}, tmp_path)
    assert caught.value.awaited
    (folder / "temp").write_text("315")
    assert [each.name for each in power_supply.find({}, tmp_path)] == ["power_supply_temperature"]
    (folder / "status").write_text("Discharging\n")
    assert [each.name for each in power_supply.find({}, tmp_path)] == [
        "power_supply", "power_supply_temperature",
    ]  # fmt: skip
    assert power_supply.MORE_MAY_COME


def test_one_battery_in_use_is_read_beside_one_that_is_not(tmp_path):
    (battery(tmp_path, power_now=1_000_000) / "status").write_text("Full")
    battery(tmp_path, "BAT1", power_now=2_000_000)
    assert list(read(tmp_path)[1]) == ["BAT1"]


def test_tenths_of_a_degree_become_degrees(tmp_path):
    battery(tmp_path, power_now=1_000_000, temp=315)
    _, sensor = power_supply.find({}, tmp_path)
    assert isinstance(sensor, TemperatureSensor)
    assert sensor.name == "power_supply_temperature"
    (reading,) = sensor.read_temperature()
    assert (reading.zone, reading.temperature) == ("BAT0", pytest.approx(31.5))


def test_no_supply_is_absent_with_the_reason(tmp_path):
    with pytest.raises(SensorAbsent, match="no battery and no power input"):
        power_supply.find({}, tmp_path)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("hidpp_battery_0", {"type": "Battery", "scope": "Device", "power_now": 1}),
        ("ucsi-source-psy-1-00081", {"type": "USB", "voltage_now": 5, "current_now": 3}),
        ("ups", {"type": "UPS", "power_now": 1}),
    ],
)
def test_what_does_not_measure_this_machine_is_not_one(tmp_path, name, files):
    supply(tmp_path, name, **files)
    with pytest.raises(SensorAbsent, match="no battery and no power input"):
        power_supply.find({}, tmp_path)


def test_a_supply_that_measures_nothing_is_absent_with_the_way_out(tmp_path):
    supply(tmp_path, "AC", type="Mains", online=1, voltage_now=19_000_000)
    with pytest.raises(SensorAbsent, match=r"AC under .*no power_now.*external meter"):
        power_supply.find({}, tmp_path)


def test_a_setting_that_nobody_reads_is_refused(tmp_path):
    with pytest.raises(WattscanError, match="unknown key battery"):
        power_supply.find({"battery": "BAT0"}, tmp_path)


def refuse(file):
    raise SensorFailed("permission", f"{file} may not be read")


def test_what_may_not_be_read_is_absent_with_the_way_out(tmp_path, monkeypatch):
    battery(tmp_path, power_now=1)
    monkeypatch.setattr(power_supply, "read_int", refuse)
    with pytest.raises(SensorAbsent, match=r"chmod a\+r"):
        power_supply.find({}, tmp_path)


def test_permission_lost_later_is_a_failure(tmp_path, monkeypatch):
    battery(tmp_path, power_now=1_000_000)
    sensor, _ = read(tmp_path)
    monkeypatch.setattr(power_supply, "read_int", refuse)
    assert reason(sensor) == "permission"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda f: (f / "voltage_now").unlink(), "unreadable"),
        (lambda f: (f / "current_now").write_text("none"), "garbage"),
        (lambda f: [file.unlink() for file in f.iterdir()], "gone"),
    ],
)
def test_a_battery_lost_later_is_a_failure(tmp_path, spoil, expected):
    folder = battery(tmp_path, voltage_now=12_000_000, current_now=1_000_000)
    sensor, _ = read(tmp_path)
    spoil(folder)
    assert reason(sensor) == expected
