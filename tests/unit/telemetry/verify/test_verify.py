"""The verdicts of `wattscan sensors verify`, its polling, its phases and its page."""

import datetime
import itertools
import threading
import time
from contextlib import nullcontext

import pytest

from wattscan.contracts import EnergyReading, PowerReading, SensorChoice, SensorFailed
from wattscan.targets import load_target
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.verify import page, results
from wattscan.telemetry.verify.found_sources import VerifyPlan
from wattscan.telemetry.verify.phases import Verification
from wattscan.telemetry.verify.polling import Poll, Track, poll
from wattscan.telemetry.verify.results import LoadStep, Result, Totals, VerifiedSource

COUNTER = VerifiedSource("meter", "gpu0", "board", True, 0.05, 0.1, is_device=True)
GAUGE = VerifiedSource("gauge", "gpu0", "board", False, 0.01, 0.1)


def steps(counter, gauge):
    levels = [n / (len(counter) - 1) for n in range(len(counter))]
    pairs = zip(levels, counter, gauge, strict=True)
    return [LoadStep(level, {COUNTER.name: c, GAUGE.name: g}) for level, c, g in pairs]


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

    name, method, uncertainty_ratio = "meter", "counter", 0.0

    def __init__(self, clock):
        self.clock = clock
        self.reads = itertools.count()

    def read_energy(self):
        if next(self.reads) == 5:
            raise SensorFailed("gone", "for once")
        return [EnergyReading("gpu0", "board", 0.5 * int(self.clock() / 0.02 + 1e-6))]


def test_polling_finds_period_and_resolution():
    clock = Clock()
    found = poll(Stepping(clock), 0.1, 1.0, clock, clock.sleep)
    track = found.tracks["gpu0"]
    assert track.period == pytest.approx(0.02)
    assert track.resolution == pytest.approx(0.5)
    assert found.spacing == pytest.approx(0.001)
    assert found.failures == 1


class Blocking:
    """A counter whose reads from one on do not come back until it is let go."""

    method, uncertainty_ratio, update_period = "counter", 0.0, 0.05

    def __init__(self, name, count, after=5, seconds=None):
        self.name = name
        self.count = count
        self.left = after
        self.seconds = seconds
        self.free = threading.Event()

    def read_energy(self):
        self.left -= 1
        if self.left < 0 and not self.free.wait(self.seconds):
            self.free.set()  # it was slow for once
        return [EnergyReading("gpu0", "board", self.count())]


def test_a_source_that_blocks_is_not_waited_for():
    meter = Blocking("meter", time.monotonic)
    found = poll(meter, 0.05, 0.3)
    meter.free.set()
    assert (found.blocked, found.reads, found.failures) == (True, 6, 1)


def test_a_source_that_never_answers_is_not_waited_for():
    meter = Blocking("meter", time.monotonic, after=0)
    found = poll(meter, 0.05, 0.3)
    meter.free.set()
    assert (found.blocked, found.reads, found.failures, found.tracks) == (True, 1, 1, {})


def test_a_source_that_is_slow_once_is_read_on():
    found = poll(Blocking("meter", time.monotonic, seconds=1.3), 0.05, 2.0)
    assert not found.blocked
    assert found.failures == 1 and found.reads > 50


def test_a_driver_that_would_end_the_process_has_failed():
    class Ending:
        name, method, uncertainty_ratio = "meter", "counter", 0.0

        def read_energy(self):
            raise SystemExit

    found = poll(Ending(), 0.05, 0.05)
    assert found.failures == found.reads > 0


def test_a_new_time_with_the_same_figure_is_a_move():
    track = Track()
    for now, stamp in enumerate((1, 1, 2, 2, 3)):
        track.add(now, 50.0, stamp)
    assert (track.moves, track.period, track.resolution) == (2, 2, None)


def test_a_driver_that_gives_each_read_a_new_time_is_told_by_its_figure():
    track = Track()
    for now in range(20):
        track.add(now, 50.0 + now // 4, now)
    assert (track.moves, track.period, track.resolution) == (4, 4, 1)


@pytest.mark.parametrize(
    "times, verdict",
    [
        ([0.0, 0.1, 0.2, 0.3], "agrees"),
        ([0.0, 0.5, 1.0, 1.5], "differs"),
        ([0.0, 0.1], "not measurable here"),
        ([], "not measurable here"),
    ],
)
def test_a_period_is_held_against_the_drivers_statement(times, verdict):
    track = Track(list(times), [0.1] * len(times))
    watched = Poll(2.0, 100, 0, 1e-5, 1e-5, 0.001, {"gpu0": track})
    assert results.renewal(COUNTER, watched, track).verdict == verdict


@pytest.mark.parametrize(
    "counter, gauge, ratio, verdict",
    [
        ([10, 20, 30], [10, 20, 30.9], 30 / 30.9, "agrees"),
        ([10, 20, 30], [12, 24, 36], 10 / 12, "differs"),
    ],
)
def test_a_counter_is_held_against_its_power_at_each_load(counter, gauge, ratio, verdict):
    found = results.counter_over_power(COUNTER, GAUGE, steps(counter, gauge))
    assert found.figures["100%"] == pytest.approx(ratio)
    assert found.verdict == verdict
    assert "allowed is 5.0%" in found.why


@pytest.mark.parametrize(
    "gauge, verdict, why",
    [
        ([10.1, 20.1, 30.1], "agrees", "at worst"),
        ([12, 24, 36], "differs", "at worst"),
        ([15, 25, 35], "differs", "-16.7% at worst"),
        ([30, 20, 10], "differs", "falls while the meter rises"),
        ([20, 20, 20], "not measurable here", "less than 10%"),
    ],
)
def test_sources_are_fitted_against_each_other(gauge, verdict, why):
    found = results.against(GAUGE, COUNTER, steps([10, 20, 30], gauge))
    assert (found.verdict, why in found.why) == (verdict, True), found


def test_a_fit_needs_three_steps():
    found = results.against(GAUGE, COUNTER, steps([10, 30], [10, 30]))
    assert found.verdict == "not measurable here" and "3 are needed" in found.why


@pytest.mark.parametrize(
    "powers, verdict",
    [
        ([10, 20, 30], "agrees"),
        ([10, 30, 20], "differs"),
        ([20, 20, 20.1], "not measurable here"),
    ],
)
def test_a_power_follows_the_load(powers, verdict):
    assert results.follows(COUNTER, steps(powers, powers)).verdict == verdict


def test_a_source_that_falls_silent_in_a_step_is_not_judged():
    silent = [*steps([10, 20], [10, 20]), LoadStep(1.0, {})]
    found = results.follows(COUNTER, silent)
    assert found.verdict == "not measurable here" and "silent" in found.why


@pytest.mark.parametrize(
    "shown, loaded, verdict",
    [
        (51.0, True, "agrees"),
        (60.0, True, "differs"),
        (60.0, False, "not measurable here"),
        (None, True, "not measurable here"),
    ],
)
def test_a_burst_has_an_error(shown, loaded, verdict):
    powers = {COUNTER.name: 50.0} | ({} if shown is None else {GAUGE.name: shown})
    found = results.burst(COUNTER, GAUGE, 0.2, LoadStep(0.5, powers), loaded)
    assert found.verdict == verdict
    if shown is not None:
        assert found.figures["error [%]"] == pytest.approx(100 * (shown / 50 - 1))


@pytest.mark.parametrize(
    "totals, verdict",
    [
        ((100.0, 70.0, 5.0, 25.0), "agrees"),
        ((100.0, 70.0, 0.0, 25.0), "differs"),
        ((0.0, 0.0, 0.0, 0.0), "not measurable here"),
    ],
)
def test_no_energy_of_requests_is_lost(totals, verdict):
    assert results.requests("meter gpu0", Totals(*totals), last=2.0).verdict == verdict


def test_sampling_may_take_a_hundredth_of_a_processor():
    assert results.cost("meter", 0.1, 0.004).verdict == "agrees"
    assert results.cost("meter", 0.1, 0.04).verdict == "differs"


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
    name, method, uncertainty_ratio, update_period = "meter", "counter", 0.1, 0.05

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
    plan = VerifyPlan(0.3, 0.05, [0.0, 0.5, 1.0], told.append)
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
    plan = VerifyPlan(0.3, 0.05, [0.0, 0.5, 1.0], told.append)
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


def report(*found):
    return page.VerifyReport(
        target="nvidia",
        title="NVIDIA GPU",
        date=datetime.date(2026, 11, 28),
        command="wattscan sensors verify --target nvidia",
        machine={"processor": "Some CPU", "driver": "none"},
        devices={"gpu0": "GPU | <b>", "driver": "NVIDIA 1.2.3"},
        conditions={"load": "all processors"},
        absent={"other": "not here"},
        sections=[page.Section("Bursts", "On and off.", found)],
    )


def test_the_page_says_what_differs_and_how_to_send_it_in():
    good = Result("meter gpu0", {"error [%]": 1.25}, "agrees", "+1.2% at worst")
    bad = Result("gauge gpu0", {"error [%]": None, "other": 2.0}, "differs", "+20.0% at worst")
    text = page.markdown(report(good, bad))
    assert "Of 2 checks, 1 agree, 1 differ, and 0 could not be made here" in text
    assert "What differs: bursts, gauge gpu0 (+20.0% at worst)." in text
    assert "| meter gpu0 | 1.25 |  | agrees | +1.2% at worst |" in text
    assert "| gauge gpu0 |  | 2 | differs | +20.0% at worst |" in text
    assert text.startswith("# GPU \\| &lt;b>: target nvidia, 2026-11-28\n")
    assert "| driver | NVIDIA 1.2.3 |" in text and "| driver | none |" not in text
    assert "| other | not here |" in text
    assert "pull request" in text and text.endswith("\n")


def test_a_page_on_which_nothing_differs_says_so():
    text = page.summary(report(Result("meter gpu0", {}, "agrees", "fine")))
    assert text.endswith("Nothing differs.")
