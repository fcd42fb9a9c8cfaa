import pytest

from wattscan.contracts import SensorAbsent, SensorFailed, TemperatureSensor, WattscanError
from wattscan.sensors import apex


def chip(sysfs, name, millidegrees, trip_point=85_050):
    folder = sysfs / "class" / "apex" / name
    folder.mkdir(parents=True)
    (folder / "temp").write_text(f"{millidegrees}\n")
    (folder / "trip_point0_temp").write_text(f"{trip_point}\n")
    return folder


def read(sysfs):
    (sensor,) = apex.find({}, sysfs)
    assert isinstance(sensor, TemperatureSensor)
    return sensor, {r.zone: r.temperature for r in sensor.read_temperature()}


def test_thousandths_of_a_degree_become_degrees(tmp_path):
    chip(tmp_path, "apex_0", 48_050)
    chip(tmp_path, "apex_1", 51_300)
    sensor, readings = read(tmp_path)
    assert sensor.name == "apex"
    assert readings == {"apex_0": pytest.approx(48.05), "apex_1": pytest.approx(51.3)}


@pytest.mark.parametrize(
    ("millidegrees", "throttled"), [(85_049, False), (85_050, True), (95_000, True)]
)
def test_it_is_throttled_from_its_first_trip_point_on(tmp_path, millidegrees, throttled):
    chip(tmp_path, "apex_0", 40_000)
    chip(tmp_path, "apex_1", millidegrees)
    assert read(tmp_path)[0].throttled() is throttled


def test_a_usb_stick_or_none_is_absent_and_told_what_to_do(tmp_path):
    with pytest.raises(SensorAbsent, match=r"gasket-dkms.*on USB.*probe or a camera"):
        apex.find({}, tmp_path)


def test_it_has_no_settings(tmp_path):
    chip(tmp_path, "apex_0", 40_000)
    with pytest.raises(WattscanError, match="unknown key floor"):
        apex.find({"floor": 1}, tmp_path)


def refuse(files):
    raise SensorFailed("permission", f"{', '.join(files)} may not be read")


def test_what_may_not_be_read_is_absent_with_the_way_out(tmp_path, monkeypatch):
    chip(tmp_path, "apex_0", 40_000)
    monkeypatch.setattr(apex, "read_available", refuse)
    with pytest.raises(SensorAbsent, match=r"chmod a\+r"):
        apex.find({}, tmp_path)


def test_permission_lost_later_is_a_failure(tmp_path, monkeypatch):
    chip(tmp_path, "apex_0", 40_000)
    sensor, _ = read(tmp_path)
    monkeypatch.setattr(apex, "read_available", refuse)
    with pytest.raises(SensorFailed) as caught:
        sensor.read_temperature()
    assert caught.value.reason == "permission"


def test_a_chip_that_leaves_the_bus_is_missing_and_the_other_stays(tmp_path):
    lost = chip(tmp_path, "apex_0", 40_000)
    chip(tmp_path, "apex_1", 41_000)
    sensor, _ = read(tmp_path)
    (lost / "temp").write_text("-89700\n")
    assert [r.zone for r in sensor.read_temperature()] == ["apex_1"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.write_text("-89700\n"), "gone"),
        (lambda f: f.unlink(), "unreadable"),
        (lambda f: f.write_text("hot"), "garbage"),
    ],
)
def test_the_only_chip_lost_later_is_a_failure(tmp_path, spoil, reason):
    folder = chip(tmp_path, "apex_0", 40_000)
    sensor, _ = read(tmp_path)
    spoil(folder / "temp")
    for ask in (sensor.read_temperature, sensor.throttled):
        with pytest.raises(SensorFailed) as caught:
            ask()
        assert caught.value.reason == reason
