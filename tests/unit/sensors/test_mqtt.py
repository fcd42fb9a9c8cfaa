"""Meters that publish by MQTT."""

import contextlib
import gc
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import paho.mqtt.client as paho
import pytest

from waiting import wait_until
from wattscan.contracts import EnergySensor, PowerSensor, SensorFailed
from wattscan.sensors import mqtt

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
needs_broker = pytest.mark.skipif(
    MOSQUITTO is None, reason="the broker is not here: apt-get install mosquitto"
)
TOPIC = "tele/plug/SENSOR"


class Broker:
    """A mosquitto of one's own on a free port, and a plug that publishes there."""

    def __init__(self, folder, settings="allow_anonymous true\n"):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        # Else, where root runs the tests, it becomes a user who may not read its folder.
        self._config.write_text(f"user root\nlistener {self.port} 127.0.0.1\n{settings}")
        self.on()

    def on(self):
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        self.off()
        raise AssertionError("mosquitto does not start")

    def off(self):
        self._process.terminate()
        self._process.wait(10)

    def publish(self, payload, retain=False):
        payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        plug = paho.Client(paho.CallbackAPIVersion.VERSION2)
        plug.connect("127.0.0.1", self.port)
        plug.loop_start()
        plug.publish(TOPIC, payload, qos=1, retain=retain).wait_for_publish(5)
        plug.disconnect()
        plug.loop_stop()


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path)
    yield broker
    # Clients end with their sensors; one that a failed test keeps would outlive it.
    gc.collect()
    broker.off()


def find(broker, **settings):
    table = {"broker": "127.0.0.1", "port": broker.port, "topic": TOPIC, "uncertainty_ratio": 0.02}
    return mqtt.find({**table, **settings}, None)


def reason(read):
    with pytest.raises(SensorFailed) as caught:
        read()
    return caught.value.reason


def until(read, wanted):
    """Read until it gives what is wanted, and return that."""
    got = []

    def is_wanted():
        try:
            got.append(read()[0])
        except SensorFailed as failure:
            got.append(failure.reason)
        return wanted(got[-1])

    wait_until(is_wanted, why=lambda: f"at last: {got[-1]}")
    return got[-1]


def publish_until(broker, payload, read, wanted):
    """As `until`, with a message before each reading: one subscribes when it can."""

    def read_next():
        broker.publish(payload)
        return read()

    return until(read_next, wanted)


def is_reading(got):
    return not isinstance(got, str)


@needs_broker
def test_power_and_energy_come_in_base_units(broker):
    power, energy = find(broker, power_field="ENERGY.Power", energy_field="ENERGY.Total",
                         energy_unit="kWh", domain="desk")  # fmt: skip
    assert isinstance(power, PowerSensor)
    assert isinstance(energy, EnergySensor)
    message = {"Time": "now", "ENERGY": {"Power": 48.5, "Total": "0.5"}}
    got = publish_until(broker, message, power.read_power, is_reading)
    assert (got.domain, got.scope, got.power) == ("desk", "system", 48.5)
    assert energy.read_energy()[0].count == pytest.approx(1.8e6)
    assert (power.name, energy.name, energy.method) == ("mqtt", "mqtt_energy", "counter")


@needs_broker
@pytest.mark.parametrize(("unit", "joules"), [({}, 3600.0), ({"energy_unit": "J"}, 1.0)])
def test_energy_alone_in_other_units(broker, unit, joules):
    (energy,) = find(broker, energy_field="", **unit)
    assert publish_until(broker, 1, energy.read_energy, is_reading).count == joules


@needs_broker
def test_a_plain_number_is_a_power_that_moves_with_each_message(broker):
    """Also where its figure is the same; it is stale long before it would be frozen."""
    (sensor,) = find(broker, stale_after_seconds=60)
    reading = publish_until(broker, b"12.5", sensor.read_power, is_reading)
    assert reading.power == 12.5
    assert 0 < reading.stamp <= time.monotonic()
    assert sensor.update_period == 60


@needs_broker
def test_messages_that_stop_are_stale(broker, monkeypatch):
    (sensor,) = find(broker, stale_after_seconds=5)
    assert reason(sensor.read_power) == "stale"
    publish_until(broker, b"1", sensor.read_power, is_reading)
    now = time.monotonic()
    monkeypatch.setattr(mqtt.time, "monotonic", lambda: now + 6)
    assert reason(sensor.read_power) == "stale"


def topic_of(sensor):
    """The subscription that a sensor reads."""
    return sensor.read.func.__self__


@needs_broker
def test_what_the_broker_has_kept_says_nothing_of_now(broker):
    broker.publish(b"99", retain=True)
    (sensor,) = find(broker)
    assert publish_until(broker, b"1", sensor.read_power, is_reading).power == 1.0
    assert topic_of(sensor)._inbox.payload == b"1"


@needs_broker
@pytest.mark.parametrize(
    ("payload", "expected"),
    [(b"no json", "garbage"), (b"{}", "garbage"), (b'{"p": null}', "garbage"), (b"", "garbage"),
     (b'{"p": NaN}', "garbage"), (b" " * 70_000, "too_large")],
)  # fmt: skip
def test_a_message_that_is_no_measurement_is_a_failure(broker, payload, expected):
    (sensor,) = find(broker, power_field="p")
    publish_until(broker, {"p": 1}, sensor.read_power, is_reading)
    assert publish_until(broker, payload, sensor.read_power, lambda got: got == expected)


@needs_broker
def test_a_broker_that_is_gone_comes_back(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "_RECONNECT_SECONDS", (1, 1))
    (sensor,) = find(broker)
    publish_until(broker, b"1", sensor.read_power, is_reading)
    broker.off()
    until(sensor.read_power, lambda got: got == "unreachable")
    broker.on()
    got = publish_until(broker, b"2", sensor.read_power, lambda got: getattr(got, "power", 0) == 2)
    assert got.power == 2.0


@needs_broker
def test_a_password_comes_from_its_file_and_is_told_to_nobody(tmp_path, caplog):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "meter", "s3cret"], check=True)
    passwords.chmod(0o644)
    broker = Broker(tmp_path, f"allow_anonymous false\npassword_file {passwords}\n")
    try:
        file = tmp_path / "mine"
        file.write_text("s3cret\n")
        (sensor,) = find(broker, username="meter", password_file=str(file))
        assert until(sensor.read_power, lambda got: got == "stale")
        assert "s3cret" not in repr(topic_of(sensor)._access)
        file.write_text("wrong\n")
        (refused,) = find(broker, username="meter", password_file=str(file))
        assert until(refused.read_power, lambda got: got == "permission")
        assert "s3cret" not in caplog.text
        del sensor, refused
    finally:
        gc.collect()
        broker.off()


@needs_broker
def test_the_client_begins_with_the_first_reading_and_ends_with_its_sensor(broker):
    before = threading.active_count()
    (sensor,) = find(broker)
    assert threading.active_count() == before
    reason(sensor.read_power)
    assert threading.active_count() == before + 1
    del sensor
    gc.collect()
    assert threading.active_count() == before
