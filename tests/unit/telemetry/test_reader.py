import threading

import pytest

from wattscan.contracts import PowerReading, SensorFailed, TemperatureReading
from wattscan.telemetry.attribution import Ledger
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


def failure(made, function):
    with pytest.raises(SensorFailed) as caught:
        made.read(function)
    return caught.value.reason


def test_a_reading_comes_with_its_time():
    made = reader()
    assert made.read(lambda: 3) == (7.0, 3)
    assert made.read(lambda: 4) == (7.0, 4)
    made.close()


def test_what_the_sensor_raises_is_raised_and_the_next_reading_works():
    made = reader()
    with pytest.raises(ZeroDivisionError):
        made.read(lambda: 1 // 0)
    assert made.read(lambda: 5)[1] == 5
    made.close()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_would_end_a_process_is_the_sensors_failure(kind):
    def end():
        raise kind("SECRET")

    made = reader()
    assert failure(made, end) == "driver_error"
    assert made.read(lambda: 5)[1] == 5
    made.close()


def test_one_that_blocks_is_not_asked_again_until_it_comes_back_and_its_late_reading_is_dropped():
    made, sensor = reader(), Blocking()
    assert [failure(made, sensor.read) for _ in range(3)] == ["blocked"] * 3
    assert sensor.calls == 1
    sensor.gate.set()
    while True:
        try:
            _, reading = made.read(sensor.read)
            break
        except SensorFailed:
            pass
    assert reading == sensor.calls == 2
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


def test_a_sensor_that_blocks_holds_up_no_other_and_ends_with_the_sampler():
    blocking = Blocking()
    sampler = Sampler([Meter(blocking), Thermometer()], Seconds(0.01), Ledger())
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
