import threading
from queue import Empty, SimpleQueue

import pytest

from wattscan.contracts import PowerReading, SensorChoice, TemperatureReading
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.reader import Reader
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Celsius, Seconds, Watts


class Blocking:
    """A sensor that comes back when the test lets it."""

    def __init__(self):
        self.gate = threading.Event()
        self.calls = 0

    def read(self):
        self.calls += 1
        assert self.gate.wait(10)
        return self.calls


def reader(clock=lambda: 7.0):
    return Reader("test", clock, patience=Seconds(0.05))


def read(made, function):
    """When and what; None where nothing comes within the patience."""
    answers = SimpleQueue()
    made.ask(function, lambda *answer: answers.put(answer))
    try:
        return answers.get(timeout=0.2)
    except Empty:
        return None


def test_a_reading_comes_with_its_time():
    made = reader()
    assert read(made, lambda: 3) == (7.0, 3)
    assert read(made, lambda: 4) == (7.0, 4)
    assert not made.busy
    made.close()


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_the_sensor_raises_is_its_answer_and_the_next_reading_works(kind):
    def end():
        raise kind("SECRET")

    made = reader()
    assert isinstance(read(made, end)[1], kind)
    assert read(made, lambda: 5)[1] == 5
    made.close()


def test_one_that_blocks_is_told_and_its_late_reading_is_dropped():
    made, sensor = reader(), Blocking()
    assert read(made, sensor.read) is None
    assert made.busy and made.blocked
    sensor.gate.set()
    while made.busy:
        pass
    assert not made.blocked
    assert read(made, sensor.read)[1] == sensor.calls == 2
    made.close()
    made._thread.join(5)
    assert not made._thread.is_alive()


class Meter:
    name, uncertainty_ratio = "meter", 0.1

    def __init__(self, blocking):
        self.blocking = blocking

    def read_power(self):
        self.blocking.read()
        return [PowerReading("rail", "rail", Watts(2.0))]


class Thermometer:
    name = "zones"

    def read_temperature(self):
        return [TemperatureReading("zone0", Celsius(41.5))]


def found(sensor):
    return FoundSensor(sensor, SensorChoice(sensor.name, {}))


def test_a_sensor_that_blocks_holds_up_no_other_and_ends_with_the_sampler():
    blocking = Blocking()
    sampler = Sampler([found(Meter(blocking)), found(Thermometer())], Seconds(0.01), Ledger())
    sampler.start()
    meter, thermometer = sampler.states
    assert (meter.up, thermometer.up) == (False, True)
    assert meter.errors["blocked"] >= 1
    assert thermometer.temperatures == {"zone0": 41.5}
    sampler.stop()
    assert not sampler._thread.is_alive()
    blocking.gate.set()
    meter.reader._thread.join(5)
    assert not meter.reader._thread.is_alive()
