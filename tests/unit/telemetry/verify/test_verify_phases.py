"""The phases of a verification."""

import itertools
import time
from contextlib import nullcontext

import pytest
from verify_rig import Blocking

from wattscan.contracts import EnergyReading, Method, PowerReading, SensorChoice
from wattscan.targets import load_target
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.verify.found_sources import VerifyPlan
from wattscan.telemetry.verify.phases import Verification
from wattscan.units import Seconds


class Rig:
    """A device of 10 to 50 W, with a counter and a power that shows `factor` of it."""

    name = "as the test says"

    def __init__(self, factor):
        self.factor = factor
        self.level, self.joules, self.since = 0.0, 0.0, time.monotonic()
        self.flicker = itertools.cycle((0.0, 0.001))

    def at(self, level, period, together):
        self.count()
        self.level = level
        return nullcontext()

    @property
    def watts(self):
        return 10 + 40 * self.level

    def count(self):
        now = time.monotonic()
        self.joules += self.watts * (now - self.since)
        self.since = now
        return self.joules


class Counting:
    name, uncertainty_ratio, update_period = "meter", 0.1, 0.05
    method: Method = "counter"

    def __init__(self, rig):
        self.rig = rig

    def read_energy(self):
        return [EnergyReading("gpu0", "board", self.rig.count())]


class Showing:
    name, uncertainty_ratio, update_period = "gauge", 0.1, 0.05

    def __init__(self, rig):
        self.rig = rig

    def read_power(self):
        shown = self.rig.factor * self.rig.watts + next(self.rig.flicker)
        return [PowerReading("gpu0", "board", shown)]


@pytest.mark.parametrize("factor, verdict", [(1.0, "agrees"), (1.5, "differs")])
def test_the_phases_compare_what_is_there(factor, verdict):
    rig, choice = Rig(factor), SensorChoice("nvml", {})
    found, beside = FoundSensor(Counting(rig), choice), FoundSensor(Showing(rig), choice)
    told = []
    plan = VerifyPlan(Seconds(0.3), Seconds(0.05), [0.0, 0.5, 1.0], told.append)
    with Verification(load_target("nvidia"), [found], [beside], rig, plan) as verification:
        verification.poll()
        assert {r.subject: r.verdict for r in verification.reads()} == {
            "meter": "agrees", "gauge": "agrees",
        }  # fmt: skip
        verification.prove()
        assert [source.name for source in verification.sources] == ["meter gpu0", "gauge gpu0"]
        assert all(r.verdict == "agrees" for r in verification.step())
        (ratio,) = verification.counters_over_power()
        (line,) = verification.against_each_other()
        bursts = verification.bursts()
        assert {r.verdict for r in (ratio, line, *bursts)} == {verdict}
        assert [r.figures["on and off in [s]"] for r in bursts] == [0.025, 0.1, 0.5]
        (requests,) = verification.requests()
        assert requests.verdict == "agrees" and requests.figures["requests [J]"] > 0
        assert verification.cost()
    assert ratio.figures["100%"] == pytest.approx(1 / factor, rel=0.1)
    assert "load 50%" in told


@pytest.mark.parametrize("after", [5, 10**6], ids=["while it is polled", "later"])
def test_the_phases_go_on_without_a_source_that_blocks(after):
    """Of three, the middle one begins to block after it was found."""
    rig, choice = Rig(1.0), SensorChoice("nvml", {})
    blocking, told = Blocking("other", rig.count, after), []
    sensors = [FoundSensor(each, choice) for each in (Counting(rig), blocking, Showing(rig))]
    plan = VerifyPlan(Seconds(0.3), Seconds(0.05), [0.0, 0.5, 1.0], told.append)
    begin = time.monotonic()
    with Verification(load_target("nvidia"), sensors, [], rig, plan) as verification:
        verification.poll()
        verification.prove()
        if after > 5:
            assert verification.blocked == set()
            blocking.left = 0
        followed = {r.subject: r.verdict for r in verification.step()}
        costs = verification.cost()
        reads = {r.subject: r for r in verification.reads()}
    took = time.monotonic() - begin
    blocking.free.set()
    assert took < 30
    assert followed["meter gpu0"] == followed["gauge gpu0"] == "agrees"
    assert followed.get("other gpu0") == (None if after == 5 else "not measurable here")
    assert [r.subject for r in costs] == ["meter, gauge"]
    assert reads["meter"].verdict == reads["gauge"].verdict == "agrees"
    assert reads["other"].verdict == "differs"
    assert "does not come back from a read" in reads["other"].why
    assert any(line.startswith("other: it does not come back") for line in told) == (after == 5)
