import os
import time
from types import SimpleNamespace

import pytest

from wattscan import textfile
from wattscan.contracts import (
    EnergyReading,
    PowerReading,
    SensorAbsent,
    SensorFailed,
    TemperatureReading,
    WattscanError,
)
from wattscan.sensors import bridge
from wattscan.units import Celsius, Joules, Watts

POWER = PowerReading("inlet", "system", Watts(4.2), 1000.0)
ENERGY = EnergyReading("inlet", "system", Joules(123.0))
CAMERA = TemperatureReading("camera", Celsius(41.2), 1000.0)


def find(folder, **settings):
    return bridge.find({"folder": str(folder), **settings}, folder)


def reason(read):
    with pytest.raises(SensorFailed) as caught:
        read()
    return caught.value.reason


def age(file, seconds):
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_all_three_kinds_are_read_in_base_units(tmp_path):
    textfile.write(tmp_path, "meter", [POWER, ENERGY])
    textfile.write(tmp_path, "camera", [CAMERA])
    energy, power, temperature = find(tmp_path, uncertainty_ratio=0.01)
    assert energy.read_energy() == [ENERGY]
    assert power.read_power() == [POWER]
    assert temperature.read_temperature() == [CAMERA]
    assert [s.name for s in (energy, power, temperature)] == [
        "bridge_energy", "bridge", "bridge_temperature",
    ]  # fmt: skip
    assert (energy.method, energy.uncertainty_ratio, power.uncertainty_ratio) == (
        "counter", 0.01, 0.01,
    )  # fmt: skip


def test_only_what_the_folder_holds_is_found(tmp_path):
    textfile.write(tmp_path, "camera", [CAMERA])
    (sensor,) = find(tmp_path)
    assert sensor.name == "bridge_temperature"


@pytest.mark.parametrize("content", [None, "", "# nothing\n", "junk", "other_metric 1\n"])
def test_a_folder_without_readings_is_absent_with_the_way_to_fill_it(tmp_path, content):
    if content is not None:
        (tmp_path / "a.prom").write_text(content)
    with pytest.raises(SensorAbsent, match="wattscan sensors push"):
        find(tmp_path / "missing" if content is None else tmp_path)


def test_no_folder_is_absent(tmp_path):
    with pytest.raises(SensorAbsent, match="give folder in the TOML"):
        bridge.find({}, tmp_path)


def test_unknown_settings_are_refused(tmp_path):
    with pytest.raises(WattscanError, match="unknown key path"):
        find(tmp_path, path="x")


def test_a_file_that_is_not_renewed_is_stale_and_comes_back(tmp_path):
    file = textfile.write(tmp_path, "camera", [CAMERA])
    (sensor,) = find(tmp_path)
    age(file, 11)
    assert reason(sensor.read_temperature) == "stale"
    textfile.write(tmp_path, "camera", [CAMERA])
    assert sensor.read_temperature() == [CAMERA]


def test_how_long_is_a_setting(tmp_path):
    file = textfile.write(tmp_path, "camera", [CAMERA])
    (sensor,) = find(tmp_path, stale_after_seconds=60)
    age(file, 30)
    assert sensor.read_temperature() == [CAMERA]
    age(file, 61)
    assert reason(sensor.read_temperature) == "stale"


@pytest.fixture
def clocks(monkeypatch):
    """The clocks that the driver sees; `wall` can be set, as an NTP client or a person does."""
    clocks = SimpleNamespace(wall=time.time(), steady=1000.0)
    stand_in = SimpleNamespace(time=lambda: clocks.wall, monotonic=lambda: clocks.steady)
    monkeypatch.setattr(bridge, "time", stand_in)
    return clocks


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_clock_that_is_set_neither_spoils_a_file_nor_keeps_it_fresh(tmp_path, clocks, step):
    file = textfile.write(tmp_path, "camera", [CAMERA])
    (sensor,) = find(tmp_path)
    clocks.wall += step
    clocks.steady += 5
    assert sensor.read_temperature() == [CAMERA]
    clocks.steady += 6
    assert reason(sensor.read_temperature) == "stale"
    os.utime(file, (clocks.wall, clocks.wall))  # its logger goes on, by the new time
    assert sensor.read_temperature() == [CAMERA]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x", "half_written"),
        ("x\n", "garbage"),
        ('wattscan_temperature_celsius{zone="z"} -300\n', "garbage"),
        ("#" * (1 << 21), "too_large"),
        (None, "gone"),
    ],
)
def test_a_spoilt_file_is_a_failure_and_not_a_zero(tmp_path, content, expected):
    file = textfile.write(tmp_path, "meter", [POWER])
    (sensor,) = find(tmp_path)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    assert reason(sensor.read_power) == expected


def test_one_logger_s_end_does_not_silence_the_others(tmp_path):
    textfile.write(tmp_path, "camera", [CAMERA])
    probe = textfile.write(tmp_path, "probe", [TemperatureReading("probe", Celsius(30.0), 5.0)])
    (sensor,) = find(tmp_path)
    assert {r.zone for r in sensor.read_temperature()} == {"camera", "probe"}
    age(probe, 20)
    assert [r.zone for r in sensor.read_temperature()] == ["camera"]


def test_two_files_of_one_zone_are_refused(tmp_path):
    textfile.write(tmp_path, "a", [CAMERA])
    (sensor,) = find(tmp_path)
    textfile.write(tmp_path, "b", [CAMERA])
    assert reason(sensor.read_temperature) == "garbage"


def test_only_whole_files_of_its_kind_are_opened(tmp_path):
    textfile.write(tmp_path, "camera", [CAMERA])
    (tmp_path / ".camera.x.tmp").write_text("half")
    (tmp_path / "folder.prom").mkdir()
    # Opening a pipe that nobody writes to would wait for ever.
    os.mkfifo(tmp_path / "pipe.prom")
    (sensor,) = find(tmp_path)
    assert sensor.read_temperature() == [CAMERA]


def test_how_old_a_file_may_be_is_judged_by_the_setting_alone(tmp_path):
    """A power without a time of its own has its file's: handed over anew, it has moved."""
    plain = PowerReading("inlet", "system", Watts(4.2))
    textfile.write(tmp_path, "meter", [plain])
    textfile.write(tmp_path, "camera", [CAMERA])
    power, temperature = find(tmp_path, stale_after_seconds=60)
    assert power.read_power()[0].stamp == (tmp_path / "meter.prom").stat().st_mtime
    assert power.update_period == 60, "it is not frozen before it is stale"
    assert temperature.read_temperature()[0].stamp == CAMERA.stamp


def test_files_that_are_gone_are_forgotten(tmp_path):
    textfile.write(tmp_path, "camera", [CAMERA])
    (sensor,) = find(tmp_path)
    for number in range(5):
        textfile.write(
            tmp_path, f"logger-{number}", [TemperatureReading(f"z{number}", Celsius(1.0))]
        )
        sensor.read_temperature()
        (tmp_path / f"logger-{number}.prom").unlink()
    sensor.read_temperature()
    assert [file.name for file in sensor._folder._seen] == ["camera.prom"]
