"""Polling a source: its period, its resolution, and one that blocks."""

import itertools
import time

import pytest
from verify_rig import Blocking

from wattscan.contracts import EnergyReading, Method, SensorFailed
from wattscan.telemetry.verify.polling import poll
from wattscan.units import Joules, Seconds


class Clock:
    """Time passes only where somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Stepping:
    """A counter that is renewed every 20 ms, by 0.5 J."""

    name, uncertainty_ratio = "meter", 0.0
    method: Method = "counter"

    def __init__(self, clock):
        self.clock = clock
        self.reads = itertools.count()

    def read_energy(self):
        if next(self.reads) == 5:
            raise SensorFailed("gone", "for once")
        return [EnergyReading("gpu0", "board", Joules(0.5 * int(self.clock() / 0.02 + 1e-6)))]


def test_polling_finds_period_and_resolution():
    clock = Clock()
    found = poll(Stepping(clock), Seconds(0.1), Seconds(1.0), clock, clock.sleep)
    track = found.tracks["gpu0"]
    assert track.period == pytest.approx(0.02)
    assert track.resolution == pytest.approx(0.5)
    assert found.spacing == pytest.approx(0.001)
    assert found.failures == 1


def test_a_source_that_blocks_is_not_waited_for():
    meter = Blocking("meter", time.monotonic)
    found = poll(meter, Seconds(0.05), Seconds(0.3))
    meter.free.set()
    assert (found.blocked, found.reads, found.failures) == (True, 6, 1)


def test_a_source_that_never_answers_is_not_waited_for():
    meter = Blocking("meter", time.monotonic, after=0)
    found = poll(meter, Seconds(0.05), Seconds(0.3))
    meter.free.set()
    assert (found.blocked, found.reads, found.failures, found.tracks) == (True, 1, 1, {})


def test_a_source_that_is_slow_once_is_read_on():
    found = poll(Blocking("meter", time.monotonic, seconds=1.3), Seconds(0.05), Seconds(2.0))
    assert not found.blocked
    assert found.failures == 1 and found.reads > 50


def test_a_driver_that_would_end_the_process_has_failed():
    class Ending:
        name, uncertainty_ratio = "meter", 0.0
        method: Method = "counter"

        def read_energy(self):
            raise SystemExit

    found = poll(Ending(), Seconds(0.05), Seconds(0.05))
    assert found.failures == found.reads > 0
