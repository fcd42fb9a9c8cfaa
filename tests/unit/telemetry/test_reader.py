import threading
import time
from queue import Empty, SimpleQueue

import pytest

from wattscan.contracts import PowerReading, SensorChoice, TemperatureReading
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.reader import Reader
from wattscan.telemetry.sampler import Sampler
from wattscan.telemetry.schedule import Schedule
from wattscan.units import Celsius, Seconds, Watts

pytestmark = pytest.mark.concurrency


class Blocking:
    """A sensor that comes back when the test lets it."""

    def __init__(self):
        self.gate = threading.Event()
        self.calls = 0

    def read(self):
        self.calls += 1
        assert self.gate.wait(10)
        return self.calls


class Rig:
    """A reader, what it is to read next, and its answers."""

    def __init__(self):
        self.read = lambda: None
        self.answers = SimpleQueue()
        self.reader = Reader(
            "test", lambda: 7.0, self._call, lambda *a: self.answers.put(a), Seconds(0.05)
        )

    def _call(self):
        return self.read()

    def ask(self, read):
        """When and what; None where nothing comes within the timeout."""
        self.read = read
        self.reader.ask()
        try:
            return self.answers.get(timeout=0.2)
        except Empty:
            return None


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.reader.close()
    made.reader._thread.join(5)
    assert not made.reader._thread.is_alive()


def test_a_reading_comes_with_its_time(rig):
    assert rig.ask(lambda: 3) == (7.0, 3, False)
    assert rig.ask(lambda: 4) == (7.0, 4, False)


def test_a_reading_is_of_the_middle_of_the_time_that_it_took():
    times, answers = iter([10.0, 10.7]), SimpleQueue()
    made = Reader("plug", lambda: next(times), lambda: 3, lambda *answer: answers.put(answer))
    made.ask()
    assert answers.get(timeout=2) == (pytest.approx(10.35), 3, False)
    made.close()


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_the_sensor_raises_is_its_answer_and_the_next_reading_works(rig, kind):
    def end():
        raise kind("SECRET")

    assert isinstance(rig.ask(end)[1], kind)
    assert rig.ask(lambda: 5)[1] == 5


def test_one_that_blocks_is_told_and_its_late_reading_is_dropped(rig):
    sensor = Blocking()
    assert rig.ask(sensor.read) is None
    assert rig.reader.blocked
    sensor.gate.set()
    while rig.reader.blocked:
        pass
    assert rig.ask(sensor.read)[1] == sensor.calls == 2


def test_it_follows_a_schedule_and_answers_questions_between():
    answers = SimpleQueue()
    made = Reader("test", time.monotonic, lambda: 1, lambda *answer: answers.put(answer))
    made.follow(Schedule(Seconds(0.05), time.monotonic()))
    assert [answers.get(timeout=2)[2] for _ in range(3)] == [True] * 3
    made.ask()
    assert False in [answers.get(timeout=2)[2] for _ in range(3)]
    made.close()


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
