"""Meters that publish by MQTT: what is missing is told."""

import socket

import pytest

from wattscan.contracts import SensorAbsent, WattscanError
from wattscan.sensors import mqtt


def test_a_broker_that_is_not_there_is_absent():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"broker": "127.0.0.1", "port": port, "topic": "t", "uncertainty_ratio": 0.1}
    with pytest.raises(SensorAbsent, match="start it, or set broker and port"):
        mqtt.find(settings, None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "give broker and topic"),
        ({"broker": "x"}, "give broker and topic"),
        ({"broker": "x", "topic": "t", "password_file": "/nowhere"}, "password_file"),
    ],
)
def test_what_is_missing_is_told(settings, told):
    with pytest.raises(SensorAbsent, match=told):
        mqtt.find({"uncertainty_ratio": 0.1, **settings}, None)


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "paho.mqtt.client", None)
    with pytest.raises(SensorAbsent, match=r"pip install 'wattscan\[meters\]'"):
        mqtt.find({"broker": "x", "topic": "t", "uncertainty_ratio": 0.1}, None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"energy_unit": "cal"}, "energy_unit must be one of"),
        ({"host": "x"}, "unknown key host"),
        ({"uncertainty_ratio": None}, "uncertainty_ratio is missing"),
    ],
)
def test_wrong_settings_are_refused(settings, told):
    with pytest.raises(WattscanError, match=told):
        mqtt.find({"broker": "x", "topic": "t", "uncertainty_ratio": 0.1, **settings}, None)
