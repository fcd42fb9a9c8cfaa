import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from fake_plug import Plug, reason

from wattscan import device_http
from wattscan.contracts import EnergySensor, PowerSensor, SensorAbsent, WattscanError
from wattscan.sensors import shelly

STATUS = {
    "id": 0,
    "output": True,
    "apower": 12.5,
    "voltage": 230.4,
    "aenergy": {"total": 2.5, "by_minute": [1.0, 2.0, 3.0], "minute_ts": 1_760_000_040},
    "temperature": {"tC": 41.25, "tF": 106.25},
}


@pytest.fixture
def plug():
    with Plug(STATUS) as plug:
        yield plug


def find(host, **settings):
    return shelly.find({"host": host, **settings}, None)


def test_watts_and_degrees_are_taken_as_they_are(plug):
    power, temperature = find(plug.host)
    assert isinstance(power, PowerSensor)
    (reading,) = power.read_power()
    assert (reading.domain, reading.scope, reading.power) == ("inlet", "system", 12.5)
    # minute_ts stands still for a minute: as a stamp it would make a plug look frozen.
    assert reading.stamp is None
    (warmth,) = temperature.read_temperature()
    assert (warmth.zone, warmth.temperature) == ("plug", 41.25)
    assert (power.name, temperature.name) == ("shelly", "shelly_temperature")
    assert set(plug.paths) == {"/rpc/Switch.GetStatus?id=0"}


def test_watt_hours_become_joules(plug):
    energy, _ = find(plug.host, use="energy", domain="desk", uncertainty_ratio=0.02)
    assert isinstance(energy, EnergySensor)
    (reading,) = energy.read_energy()
    assert (reading.domain, reading.count) == ("desk", pytest.approx(9000))
    assert (energy.name, energy.method, energy.uncertainty_ratio) == ("shelly", "counter", 0.02)


def test_a_plug_without_a_thermometer_has_no_temperature(plug):
    plug.body = json.dumps({"apower": 1.0}).encode()
    assert [sensor.name for sensor in find(plug.host, channel=2)] == ["shelly"]
    assert plug.paths == ["/rpc/Switch.GetStatus?id=2"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, b"oops", "http_error"),
        (404, b"No handler", "http_error"),
        (302, b"", "http_error"),
        (401, b"", "permission"),
        (200, b"", "garbage"),
        (200, b"\xff\x00", "garbage"),
        (200, b"[1, 2]", "garbage"),
        (200, b"[" * 50_000, "garbage"),
        (200, b'{"apower": null}', "garbage"),
        (200, b'{"apower": "much"}', "garbage"),
        (200, b'{"apower": true}', "garbage"),
        (200, b'{"apower": NaN}', "garbage"),
        (200, b'{"apower": 1e999}', "garbage"),
        (200, b'{"apower": 2e15}', "garbage"),
        (200, b'{"apower": ' + b"9" * 400 + b"}", "garbage"),
        (200, b'{"apower": 1' + b" " * 70_000 + b"}", "too_large"),
    ],
)
def test_what_is_no_measurement_is_a_failure(plug, status, body, expected):
    power, temperature = find(plug.host)
    plug.status, plug.body = status, body
    if status == 302:
        plug.headers = {"Location": "http://127.0.0.1:1/elsewhere"}
    assert reason(power.read_power) == expected
    assert reason(temperature.read_temperature) == expected
    plug.status, plug.body = 200, json.dumps(STATUS).encode()
    assert power.read_power()[0].power == 12.5


def test_a_plug_that_does_not_answer_is_late(plug, monkeypatch):
    monkeypatch.setattr(device_http, "_TIMEOUT_SECONDS", 0.1)
    power, _ = find(plug.host)
    plug.hang.clear()
    assert reason(power.read_power) == "timeout"
    plug.hang.set()
    assert power.read_power()[0].power == 12.5


@pytest.mark.parametrize("head", ["", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"])
def test_a_plug_that_drips_its_answer_is_late(head, monkeypatch):
    """Each byte comes in time, and the answer never would."""
    monkeypatch.setattr(device_http, "_TIMEOUT_SECONDS", 0.3)
    late = pytest.raises(SensorAbsent, match=r"no answer within 0\.3 s")
    with dripping(head.encode()) as host, late:
        find(host)


@contextmanager
def dripping(head):
    """The address of a server that sends the head, and then a byte each 50 ms."""

    def serve():
        with suppress(OSError):
            line, _ = server.accept()
            with line:
                line.recv(4096)
                line.sendall(head)
                while True:
                    line.sendall(b" ")
                    time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
    thread.join(5)


def test_a_plug_that_is_gone_comes_back():
    plug = Plug(STATUS)
    try:
        power, _ = find(plug.host)
        plug.end()
        assert reason(power.read_power) == "unreachable"
        plug = Plug(STATUS, plug.server_port)
        assert power.read_power()[0].power == 12.5
    finally:
        plug.end()


def test_a_proxy_of_the_environment_is_not_asked(plug, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert find(plug.host)[0].read_power()[0].power == 12.5


def test_a_plug_that_was_never_there_is_absent_with_what_to_do():
    plug = Plug(STATUS)
    plug.end()
    with pytest.raises(SensorAbsent, match=r"cannot be reached: .*plugged in"):
        find(plug.host)


@pytest.mark.parametrize("host", ["127.0.0.1:port", "[::", "x" * 70])
def test_an_address_that_is_none_is_absent(host):
    with pytest.raises(SensorAbsent, match="cannot be read"):
        find(host)


def test_a_password_is_told(plug):
    plug.status = 401
    with pytest.raises(SensorAbsent, match="asks for a password"):
        find(plug.host)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "x", "use": "volts"}, "use must be one of power, energy"),
        ({"host": "x", "channel": -1}, "channel must be a whole number"),
        ({"hosts": "x"}, "unknown key hosts"),
        ({"host": "http://192.0.2.7"}, "host must be a name or an address alone"),
        ({"host": "192.0.2.7/rpc"}, "host must be a name or an address alone"),
        ({"host": "not a host"}, "host must be a name or an address alone"),
        ({"host": "admin@192.0.2.7"}, "host must be a name or an address alone"),
    ],
)
def test_wrong_settings_are_refused(settings, told):
    with pytest.raises(WattscanError, match=told):
        shelly.find(settings, None)


def test_no_host_is_absent():
    with pytest.raises(SensorAbsent, match="give its address as host"):
        shelly.find({}, None)
