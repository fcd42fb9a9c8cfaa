"""A power meter that speaks SCPI, while it runs."""

import contextlib
import socket
import threading

import pytest

from wattscan.contracts import SensorFailed
from wattscan.sensors import scpi


class Meter:
    """A WT310 on a socket, which keeps what it was told and can be switched off."""

    def __init__(self, port=0):
        self.told, self.state, self.answer = [], "RES", "1.0,0.5"
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._lines = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._socket.accept()
                self._lines.append(line)
                with contextlib.suppress(OSError), line, line.makefile("rw") as talk:
                    for message in talk:
                        self._reply(talk, message.strip())

    def _reply(self, talk, message):
        self.told.append(message)
        if message == ":INTEGRATE:START":
            self.state = "STAR"
        if message.endswith("?"):
            talk.write((self.state if "STATE" in message else self.answer) + "\n")
            talk.flush()

    def off(self):
        for line in [self._socket, *self._lines]:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        self._thread.join()


@pytest.fixture
def meter():
    meter = Meter()
    yield meter
    meter.off()


def wt300(port):
    resource = f"TCPIP::127.0.0.1::{port}::SOCKET"
    (sensor,) = scpi.find({"resource": resource, "model": "wt300", "element": "SIGMA"}, None)
    return sensor


def reason(read):
    with pytest.raises(SensorFailed) as caught:
        read()
    return caught.value.reason


def test_a_meter_that_is_switched_off_comes_back_and_is_set_up_again():
    meter = Meter()
    try:
        sensor = wt300(meter.port)
        assert ":NUMERIC:NORMAL:ITEM2 WH,SIGMA" in meter.told
        assert meter.told.count(":INTEGRATE:START") == 1
        assert sensor.read_energy()[0].count == 1800.0
        meter.off()
        assert reason(sensor.read_energy) in {"unreachable", "timeout"}
        meter = Meter(meter.port)
        assert sensor.read_energy()[0].count == 1800.0
        assert meter.told.count(":INTEGRATE:START") == 1
    finally:
        meter.off()


def test_an_integration_that_runs_is_not_reset(meter):
    meter.state = "STAR"
    wt300(meter.port).read_energy()
    assert not {":INTEGRATE:RESET", ":INTEGRATE:START"} & set(meter.told)


def test_a_meter_whose_integration_has_just_begun_is_there(meter):
    meter.answer = "1.0,NAN"
    sensor = wt300(meter.port)
    assert reason(sensor.read_energy) == "overrange"
    meter.answer = "1.0,0.25"
    assert sensor.read_energy()[0].count == 900.0


@pytest.mark.parametrize("answer", ["1.0", "", ":NUM:NORM:VAL 1.0,2.0", "1.0,2.0.0", "é,1"])
def test_garbage_mid_run_is_a_failure_and_does_not_last(meter, answer):
    sensor = wt300(meter.port)
    meter.answer = answer
    assert reason(sensor.read_energy) == "garbage"
    meter.answer = "1.0,0.25"
    assert sensor.read_energy()[0].count == 900.0


@pytest.mark.parametrize("power", ["NAN", "INF", "9.9E+37"])
def test_a_power_over_its_range_does_not_spoil_the_energy(meter, power):
    sensor = wt300(meter.port)
    meter.answer = f"{power},0.25"
    assert sensor.read_energy()[0].count == 900.0


def test_an_energy_that_none_can_have_is_garbage(meter):
    sensor = wt300(meter.port)
    meter.answer = "1.0,1e20"
    assert reason(sensor.read_energy) == "garbage"
