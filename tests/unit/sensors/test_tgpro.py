import pytest

from wattscan.contracts import SensorAbsent, SensorFailed, WattscanError
from wattscan.sensors import tgpro

HEADER = "Date,CPU Efficiency Core 1,GPU 1,Left Fan (RPM),Battery %,Airport Proximity\n"
ROW = "2026-11-22 10:00:05,41.5,38.25,1200,97,33\n"


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "tgpro.csv"
    file.write_text(HEADER + ROW)
    return file


def find(file, **settings):
    (sensor,) = tgpro.find({"file": str(file), **settings}, None)
    return sensor


def zones(sensor):
    return {r.zone: r.temperature for r in sensor.read_temperature()}


def reason(sensor):
    with pytest.raises(SensorFailed) as caught:
        sensor.read_temperature()
    return caught.value.reason


def test_columns_of_temperatures_are_zones(log):
    sensor = find(log)
    assert sensor.name == "tgpro"
    assert zones(sensor) == {
        "CPU Efficiency Core 1": 41.5, "GPU 1": 38.25, "Airport Proximity": 33.0,
    }  # fmt: skip


def test_degrees_fahrenheit_become_celsius(log):
    log.write_text("Date,CPU,GPU (°C)\n2026-11-22 10:00:05,212,38\n")
    assert zones(find(log, unit="F")) == pytest.approx({"CPU": 100.0, "GPU (°C)": 38.0})
    log.write_text("Date,CPU (F),GPU [C]\n2026-11-22 10:00:05,32 °F,38\n")
    assert zones(find(log)) == pytest.approx({"CPU (F)": 0.0, "GPU [C]": 38.0})


def test_the_last_row_counts_and_its_time_is_the_stamp(log):
    sensor = find(log)
    first = sensor.read_temperature()[0].stamp
    with log.open("a") as opened:
        opened.write(ROW.replace("10:00:05", "10:00:07").replace("41.5", "50"))
    (reading, *_) = sensor.read_temperature()
    assert (reading.temperature, reading.stamp - first) == (50.0, 2.0)


@pytest.mark.parametrize(
    "time", ["11/22/26, 10:00:05", "11/22/26 10:00:05 AM", "22.11.26 10:00:05"]
)
def test_other_forms_of_time_are_known(log, time):
    sensor = find(log)
    wanted = sensor.read_temperature()[0].stamp
    log.write_text(f'Date,CPU\n"{time}",41\n')
    assert sensor.read_temperature()[0].stamp == wanted


def test_a_row_whose_time_is_not_known_moves_the_stamp_by_its_place(log):
    log.write_text("Date,CPU\nnoon,41\n")
    sensor = find(log)
    first = sensor.read_temperature()[0].stamp
    assert sensor.read_temperature()[0].stamp == first
    with log.open("a") as opened:
        opened.write("noon,41\n")
    assert sensor.read_temperature()[0].stamp != first


def test_a_row_that_is_being_written_is_left_alone(log):
    sensor = find(log)
    with log.open("a") as opened:
        opened.write("2026-11-22 10:00:07,9")
    assert zones(sensor)["CPU Efficiency Core 1"] == 41.5


def test_a_long_log_is_read_at_its_end(log):
    sensor = find(log)
    with log.open("a") as opened:
        opened.write(ROW * 20_000 + ROW.replace("41.5", "77"))
    assert log.stat().st_size > 10 * tgpro._CHUNK
    assert zones(sensor)["CPU Efficiency Core 1"] == 77.0


def test_a_log_that_was_rotated_is_followed(log):
    sensor = find(log)
    log.rename(log.with_suffix(".1"))
    assert reason(sensor) == "gone"
    log.write_text(HEADER)
    assert reason(sensor) == "empty"
    log.write_text("Date,SSD\n2026-11-23 00:00:01,30\n")
    assert zones(sensor) == {"SSD": 30.0}


def test_semicolons_go_with_decimal_commas_and_a_sleeping_sensor_is_left_out(log):
    log.write_text("\ufeffDate;CPU;GPU;SSD\n22.11.26 10:00:05;41,5;;-\n")
    assert zones(find(log)) == {"CPU": 41.5}


@pytest.mark.parametrize(
    "content",
    [
        "Date,CPU\n2026-11-22 10:00:05,hot\n",
        "Date,CPU\n2026-11-22 10:00:05,nan\n",
        "Date,CPU\n2026-11-22 10:00:05\n",
        "Date,CPU\n2026-11-22 10:00:05,41,42\n",
        "Date,Fan\n2026-11-22 10:00:05,1200\n",
        "\n\n",
        "Date\nnow\n",
    ],
)
def test_garbage_is_a_failure(log, content):
    sensor = find(log)
    log.write_text(content)
    assert reason(sensor) in {"garbage", "empty"}


@pytest.mark.parametrize("row", [b"\xff\xff,1,2,3,4,5\n", b"2026-11-22,\0,2,3,4,5\n"])
def test_bytes_that_are_no_text_are_garbage(log, row):
    sensor = find(log)
    log.write_bytes(HEADER.encode() + row)
    assert reason(sensor) == "garbage"


def test_what_is_missing_is_told(log):
    with pytest.raises(SensorAbsent, match="switch logging on"):
        tgpro.find({}, None)
    with pytest.raises(SensorAbsent, match="is its logging on"):
        find(log.with_name("none.csv"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"unit": "K"}, "unit must be one of C, F"), ({"path": "x"}, "unknown key")],
)
def test_wrong_settings_are_refused(settings, told):
    with pytest.raises(WattscanError, match=told):
        tgpro.find(settings, None)
