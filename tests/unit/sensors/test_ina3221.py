import pytest

from wattscan.contracts import PowerSensor, SensorAbsent, SensorFailed, WattscanError
from wattscan.sensors import ina3221


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    return folder


@pytest.fixture
def nano(tmp_path):
    """The one chip of a Jetson Nano, as drivers and as devices show it."""
    chip = write(
        tmp_path / "bus/i2c/drivers/ina3221x/6-0040/iio:device0",
        name="ina3221x",
        rail_name_0="POM_5V_GPU",
        in_power0_input=0,
        rail_name_1="POM_5V_IN",
        in_power1_input=2380,
        rail_name_2="POM_5V_CPU",
        in_power2_input=410,
    )
    devices = tmp_path / "bus/i2c/devices"
    devices.mkdir()
    (devices / "6-0040").symlink_to(chip.parent)
    return tmp_path


def orin_chip(sysfs, address, hwmon, rails):
    # From 4 on the chip shows its shunts' voltages and their sums, which are no rails.
    files = {"in4_label": "shunt", "in4_input": 40, "curr4_input": 900}
    for channel, (label, millivolts, milliamperes) in enumerate(rails, 1):
        files[f"in{channel}_label"] = label
        files[f"in{channel}_input"] = millivolts
        files[f"curr{channel}_input"] = milliamperes
    return write(sysfs / f"bus/i2c/drivers/ina3221/{address}/hwmon/{hwmon}", **files)


@pytest.fixture
def orin(tmp_path):
    """An Orin NX: one chip that measures the module's input."""
    rails = [("VDD_CPU_GPU_CV", 4960, 800), ("VDD_IN", 4968, 1200), ("VDD_SOC", 4960, 300)]
    orin_chip(tmp_path, "1-0040", "hwmon1", rails)
    return tmp_path


@pytest.fixture
def agx_orin(tmp_path):
    """Two chips, and no rail that is the module's input."""
    first = [("VDD_GPU_SOC", 20000, 400), ("VDD_CPU_CV", 20000, 100), ("VIN_SYS_5V0", 5000, 1000)]
    orin_chip(tmp_path, "1-0040", "hwmon3", first)
    orin_chip(tmp_path, "1-0041", "hwmon4", [("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 200)])
    return tmp_path


def read(sysfs, **settings):
    (sensor,) = ina3221.find(settings, sysfs)
    assert isinstance(sensor, PowerSensor)
    return sensor, {r.domain: (r.scope, r.power) for r in sensor.read_power()}


def test_a_nanos_milliwatts_become_watts_and_its_input_comes_first(nano):
    sensor, readings = read(nano)
    assert (sensor.name, sensor.uncertainty_ratio) == ("ina3221", 0.02)
    assert list(readings) == ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"]
    assert readings["POM_5V_IN"] == ("board", pytest.approx(2.38))
    assert readings["POM_5V_CPU"] == ("rail", pytest.approx(0.41))


def test_the_board_stands_for_the_device_even_while_it_cannot_be_read(nano):
    sensor, readings = read(nano)
    assert list(sensor.device_domains({"POM_5V_GPU": 0.0})) == list(readings)[:1]


def test_a_rail_at_zero_is_a_reading(nano):
    assert read(nano)[1]["POM_5V_GPU"] == ("rail", 0.0)


def test_the_layout_without_a_driver_folder_is_read_too(tmp_path):
    chip = tmp_path / "bus/i2c/devices/0-0041/iio_device"
    write(chip, rail_name_0="VDD_IN", in_power0_input=5200)
    assert read(tmp_path)[1] == {"VDD_IN": ("board", pytest.approx(5.2))}


def test_an_orins_millivolts_and_milliamperes_become_watts(orin):
    _, readings = read(orin)
    assert list(readings) == ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]
    assert readings["VDD_IN"] == ("board", pytest.approx(4.968 * 1.2))
    assert readings["VDD_SOC"] == ("rail", pytest.approx(1.488))


def test_where_no_rail_is_the_input_those_that_add_up_to_it_are_added(agx_orin):
    _, readings = read(agx_orin)
    board, *rails = readings
    assert board == "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"
    assert readings[board] == ("board", pytest.approx(8 + 2 + 5))
    assert rails == ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"]
    assert {readings[rail][0] for rail in rails} == {"rail"}


def test_rails_of_one_name_on_two_chips_stay_apart(orin):
    orin_chip(orin, "2-0040", "hwmon2", [("VDD_IN", 5000, 100)])
    _, readings = read(orin)
    assert readings["VDD_IN"][1] == pytest.approx(5.9616)
    assert readings["VDD_IN-2-0040"] == ("rail", pytest.approx(0.5))


def test_rails_without_a_name_or_not_connected_are_left_out(tmp_path):
    orin_chip(tmp_path, "1-0040", "hwmon1", [("", 1, 1), ("NC", 1, 1), ("VDD_IN", 5000, 1000)])
    assert list(read(tmp_path)[1]) == ["VDD_IN"]


def test_the_settings_name_the_board_and_the_uncertainty(nano):
    sensor, readings = read(nano, board_rails=["POM_5V_CPU"], uncertainty_ratio=0.1)
    assert sensor.uncertainty_ratio == 0.1
    assert next(iter(readings.items())) == ("POM_5V_CPU", ("board", pytest.approx(0.41)))
    assert readings["POM_5V_IN"][0] == "rail"


@pytest.mark.parametrize("board_rails", [[], "VDD_IN", [1]])
def test_board_rails_that_are_no_labels_are_refused(nano, board_rails):
    with pytest.raises(WattscanError, match="board_rails must be a list"):
        ina3221.find({"board_rails": board_rails}, nano)


def test_a_setting_that_nobody_reads_is_refused(nano):
    with pytest.raises(WattscanError, match="unknown key rails"):
        ina3221.find({"rails": []}, nano)


def test_a_board_rail_that_is_not_here_is_absent_and_says_what_is(nano):
    with pytest.raises(SensorAbsent, match="no rail VDD_IN here; there is: POM_5V_GPU"):
        ina3221.find({"board_rails": ["VDD_IN"]}, nano)


def test_no_chip_is_absent_with_the_reason(tmp_path):
    with pytest.raises(SensorAbsent, match="not a Jetson"):
        ina3221.find({}, tmp_path)


def refuse(file):
    raise SensorFailed("permission", f"{file} may not be read")


def test_rails_that_may_not_be_read_are_absent_with_the_way_out(nano, monkeypatch):
    monkeypatch.setattr(ina3221, "read_int", refuse)
    with pytest.raises(SensorAbsent, match=r"may not be read; .*chmod a\+r"):
        ina3221.find({}, nano)


def test_permission_lost_later_is_a_failure(nano, monkeypatch):
    sensor, _ = read(nano)
    monkeypatch.setattr(ina3221, "read_int", refuse)
    with pytest.raises(SensorFailed) as caught:
        sensor.read_power()
    assert caught.value.reason == "permission"


def test_an_idle_rail_s_offset_is_no_negative_power(orin):
    sensor, _ = read(orin)
    (orin / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/curr2_input").write_text("-16")
    assert {r.domain: r.power for r in sensor.read_power()}["VDD_IN"] == 0


def test_a_rail_lost_later_is_missing_and_the_others_stay(orin):
    sensor, _ = read(orin)
    (orin / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/curr2_input").write_text("garbage")
    assert [r.domain for r in sensor.read_power()] == ["VDD_CPU_GPU_CV", "VDD_SOC"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.unlink(), "unreadable"),
        (lambda f: f.write_text("NC"), "garbage"),
        (lambda f: f.write_text(""), "garbage"),
    ],
)
def test_a_chip_lost_later_is_a_failure(nano, spoil, reason):
    sensor, _ = read(nano)
    for file in nano.glob("bus/i2c/drivers/*/*/*/in_power*"):
        spoil(file)
    with pytest.raises(SensorFailed) as caught:
        sensor.read_power()
    assert caught.value.reason == reason
