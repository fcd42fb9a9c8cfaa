import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattscan import textfile
from wattscan.contracts import (
    EnergyReading,
    PowerReading,
    SensorFailed,
    TemperatureReading,
    WattscanError,
)
from wattscan.units import Celsius, Joules, Watts

POWER = 'wattscan_power_watts{domain="inlet",scope="system"} 4.2\n'
labels = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)
stamps = st.none() | st.integers(0, 4_000_000_000).map(float)
numbers = st.floats(0, 1e15)
celsius = st.floats(-273.15, 1e15)
scopes = st.sampled_from(["system", "board", "chip", "rail"])
readings = st.one_of(
    st.builds(PowerReading, labels, scopes, numbers, stamps),
    st.builds(EnergyReading, labels, scopes, numbers),
    st.builds(TemperatureReading, labels, celsius, stamps),
)


def reason(text):
    with pytest.raises(SensorFailed) as caught:
        textfile.parse(text)
    return caught.value.reason, str(caught.value)


def test_lines_become_readings_in_base_units():
    text = (
        "# HELP wattscan_power_watts Latest power.\n# TYPE wattscan_power_watts gauge\n"
        + POWER
        + "# TYPE wattscan_energy_joules_total counter\n"
        'wattscan_energy_joules_total{domain="inlet",scope="system"} 123\n'
        'wattscan_temperature_celsius{zone="camera"} -41.2 1760000000500\n\n'
    )
    assert textfile.parse(text) == [
        PowerReading("inlet", "system", Watts(4.2)),
        EnergyReading("inlet", "system", Joules(123.0)),
        TemperatureReading("camera", Celsius(-41.2), stamp=1_760_000_000.5),
    ]


def test_no_text_holds_no_reading():
    assert textfile.parse("") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("wattscan_power_volts 4\n", "wattscan_power_volts is not among what it may hold"),
        (POWER.replace("4.2", "NaN"), "not a number up to 1e+15"),
        (POWER.replace("4.2", "+Inf"), "not a number up to 1e+15"),
        (POWER.replace("4.2", "9" * 400), "not a number up to 1e+15"),
        (POWER.replace("4.2", "-4.2"), "is negative"),
        ('wattscan_energy_joules_total{domain="a",scope="chip"} -1\n', "is negative"),
        (POWER + POWER.replace("4.2", "4.3"), "'inlet' stands there more than once"),
        (POWER.replace("system", "planet"), "scope must be one of"),
        (POWER.replace(',scope="system"', ""), "must have domain and scope"),
        (POWER.replace('"inlet"', '""'), "must have domain and scope"),
        (POWER.replace("scope=", 'x="y",scope='), "and no more"),
        ("wattscan_temperature_celsius 41\n", "must have zone"),
        ('wattscan_temperature_celsius{zone="camera"} -300\n', "below -273.15 degrees Celsius"),
        (POWER.replace("4.2", "4.2 NaN"), "not a Unix time"),
        (POWER.replace("4.2", "4.2 -5"), "not a Unix time"),
        (POWER.replace("4.2", "four"), "not Prometheus text"),
        (POWER.replace("4.2", "2e15"), "not a number up to 1e+15"),
        (POWER.replace("inlet", "\x1b[31m"), "what cannot be printed"),
        (POWER.replace("inlet", "a\\nb"), "what cannot be printed"),
        ("{{{\n", "not Prometheus text"),
        ("<html>no</html>\n", "not Prometheus text"),
    ],
)
def test_what_is_no_reading_is_refused(text, told):
    why, detail = reason(text)
    assert why == "garbage"
    assert told in detail


def test_a_half_written_line_is_refused():
    assert reason(POWER + POWER[:-2].replace("inlet", "other"))[0] == "half_written"


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text):
    got: object
    try:
        got = textfile.parse(text + "\n")
    except SensorFailed as failure:
        got = failure.reason
    assert got in ([], "garbage")


@given(st.lists(readings, min_size=1, unique_by=textfile._key))
def test_what_is_written_is_read(tmp_path_factory, given_readings):
    folder = tmp_path_factory.mktemp("bridge")
    file = textfile.write(folder, "camera-1", given_readings)
    got, _ = textfile.read(file)
    assert [textfile._key(reading) for reading in got] == [
        textfile._key(reading) for reading in given_readings
    ]
    for have, want in zip(got, given_readings, strict=True):
        if not isinstance(want, EnergyReading):
            assert not isinstance(have, EnergyReading)
            assert have.stamp == want.stamp
    assert [p.name for p in folder.iterdir()] == ["camera-1.prom"]


def test_values_come_back_as_they_were(tmp_path):
    given_readings: list[textfile.Reading] = [
        PowerReading("inlet", "system", Watts(1 / 3), 12.5),
        EnergyReading("inlet", "system", Joules(1e14 + 0.125)),
        TemperatureReading("die", Celsius(1e-9), 13.0),
    ]
    assert textfile.read(textfile.write(tmp_path, "all", given_readings))[0] == given_readings


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "a.prom", "a" * 65, "ä", "a\n"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(WattscanError, match="a-z"):
        textfile.write(tmp_path, name, [TemperatureReading("z", Celsius(1.0))])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([], "no reading"),
        ([PowerReading("inlet", "system", Watts(float("nan")))], "is not a number up to"),
        ([PowerReading("inlet", "system", Watts(-1.0))], "is negative"),
        (
            [TemperatureReading("z", Celsius(1.0)), TemperatureReading("z", Celsius(2.0))],
            "more than once",
        ),
        ([TemperatureReading("", Celsius(1.0))], "must have zone"),
        ([TemperatureReading("z" * (1 << 20), Celsius(1.0))], "over 1048576 bytes"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, bad, told):
    with pytest.raises(WattscanError, match=told):
        textfile.write(tmp_path, "bad", bad)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_and_another_user_may_read(tmp_path):
    file = textfile.write(tmp_path / "new" / "folder", "a", [TemperatureReading("z", Celsius(1.0))])
    assert file.stat().st_mode & 0o777 == 0o644


def test_an_earlier_file_stays_whole_when_writing_fails(tmp_path, monkeypatch):
    file = textfile.write(tmp_path, "a", [TemperatureReading("z", Celsius(1.0))])

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(textfile.Path, "replace", refuse)
    with pytest.raises(WattscanError, match="No space left"):
        textfile.write(tmp_path, "a", [TemperatureReading("z", Celsius(2.0))])
    (kept,), _ = textfile.read(file)
    assert isinstance(kept, TemperatureReading)
    assert kept.temperature == 1.0
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"#" * (textfile.LARGEST + 1), "too_large"),
        (b"\xff\xfe\n", "garbage"),
        (POWER.encode()[:-1], "half_written"),
        (None, "gone"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, expected):
    file = tmp_path / "camera.prom"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SensorFailed, match=r"camera\.prom") as caught:
        textfile.read(file)
    assert caught.value.reason == expected


def test_the_file_s_time_is_told_apart_and_is_no_stamp(tmp_path):
    file = tmp_path / "a.prom"
    file.write_text(POWER)
    os.utime(file, (1000.5, 1000.5))
    assert textfile.read(file) == ([PowerReading("inlet", "system", Watts(4.2))], 1000.5)
