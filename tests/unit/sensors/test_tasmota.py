import pytest
from fake_plug import Plug, reason

from wattscan.contracts import EnergySensor, PowerSensor, SensorAbsent, WattscanError
from wattscan.sensors import tasmota

# As the documentation shows it: Total, Yesterday and Today in kWh.
STATUS = {
    "StatusSNS": {
        "Time": "2026-11-22T10:00:05",
        "ENERGY": {"Total": 3.185, "Yesterday": 3.058, "Today": 0.127, "Power": 48, "Factor": 0.6},
    }
}


@pytest.fixture
def plug():
    with Plug(STATUS) as plug:
        yield plug


def find(plug, **settings):
    (sensor,) = tasmota.find({"host": f"127.0.0.1:{plug.server_port}", **settings}, None)
    return sensor


def energy_table(**figures):
    return {"StatusSNS": {"Time": "2026-11-22T10:00:06", "ENERGY": figures}}


def test_watts_are_taken_as_they_are(plug):
    sensor = find(plug)
    assert isinstance(sensor, PowerSensor)
    (reading,) = sensor.read_power()
    assert (reading.domain, reading.scope, reading.power) == ("inlet", "system", 48.0)
    assert sensor.name == "tasmota"
    assert set(plug.paths) == {"/cm?cmnd=Status%2010"}


def test_the_plug_s_clock_is_the_stamp(plug):
    sensor = find(plug)
    (first,), (again,) = sensor.read_power(), sensor.read_power()
    plug.document = energy_table(Power=48)
    (later,) = sensor.read_power()
    assert (again.stamp - first.stamp, later.stamp - first.stamp) == (0, 1)
    plug.document = {"StatusSNS": {"ENERGY": {"Power": 48}}}
    assert sensor.read_power()[0].stamp is None


def test_kilowatt_hours_become_joules(plug):
    sensor = find(plug, use="energy", domain="desk", uncertainty_ratio=0.02)
    assert isinstance(sensor, EnergySensor)
    (reading,) = sensor.read_energy()
    assert (reading.domain, reading.count) == ("desk", pytest.approx(11_466_000))
    assert (sensor.method, sensor.uncertainty_ratio) == ("counter", 0.02)


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (500, STATUS, "http_error"),
        (401, STATUS, "permission"),
        (200, {"WARNING": "Need user=<username>&password=<password>"}, "permission"),
        (200, {"StatusSNS": {"Time": "2026-11-22T10:00:05"}}, "garbage"),
        # Plugs of three phases give a list.
        (200, energy_table(Power=[48, 0, 0]), "garbage"),
        (200, {"Command": "Unknown"}, "garbage"),
        (200, [], "garbage"),
    ],
)
def test_what_is_no_measurement_is_a_failure(plug, status, document, expected):
    sensor = find(plug)
    plug.status, plug.document = status, document
    assert reason(sensor.read_power) == expected
    plug.status, plug.document = 200, STATUS
    assert sensor.read_power()[0].power == 48.0


def test_a_plug_that_is_gone_comes_back():
    plug = Plug(STATUS)
    try:
        sensor = find(plug)
        plug.end()
        assert reason(sensor.read_power) == "unreachable"
        plug = Plug(STATUS, plug.server_port)
        assert sensor.read_power()[0].power == 48.0
    finally:
        plug.end()


def test_a_plug_that_does_not_measure_is_absent(plug):
    plug.document = {"StatusSNS": {"Switch1": "OFF"}}
    with pytest.raises(SensorAbsent, match="with power metering"):
        find(plug)


def test_no_host_is_absent():
    with pytest.raises(SensorAbsent, match="give its address as host"):
        tasmota.find({}, None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"use": "volts"}, "use must be one of power, energy"), ({"hosts": "x"}, "unknown key hosts")],
)
def test_wrong_settings_are_refused(settings, told):
    with pytest.raises(WattscanError, match=told):
        tasmota.find(settings, None)
