"""What the page shows of sensors that work, fail, are slow, and come back."""

import threading

import pytest
from sampler_rig import COUNTER, METER, PROVEN, Rig, Thermometer

from waiting import wait_until
from wattscan.contracts import PowerReading, SensorChoice, SensorFailed
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds, Watts


def test_energy_power_and_coverage(rig):
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == pytest.approx(3.0)
    assert rig.value("wattscan_power_watts", **COUNTER) == pytest.approx(10.0)
    assert rig.value("wattscan_energy_joules_total", **METER) == pytest.approx(1.2)
    covered = rig.value(
        "wattscan_sensor_covered_seconds_total", sensor="ina3221", domain="gpu-rail"
    )
    assert covered == pytest.approx(0.3)
    assert rig.value("wattscan_sensor_interval_seconds", sensor="rapl") == pytest.approx(0.1)
    assert rig.value("wattscan_temperature_celsius", sensor="zones", zone="zone0") == 41.5


def test_the_first_domain_is_the_one_that_tables_read(rig):
    assert rig.value("wattscan_energy_source_info", **COUNTER, use="table") == 1
    assert rig.value("wattscan_energy_source_info", **COUNTER, use="attribution") == 1
    assert rig.value("wattscan_energy_source_info", **METER, use="table") is None
    assert rig.value("wattscan_energy_source_info", **METER, use="paper") == 1
    assert rig.page().count('use="table"') == 1


def test_a_failed_sensor_is_absent_and_not_zero(rig):
    rig.counter.failure = SensorFailed("unreadable")
    rig.tick()
    page = rig.page()
    assert rig.value("wattscan_sensor_up", sensor="rapl") == 0
    assert rig.value("wattscan_sensor_read_errors_total", sensor="rapl", reason="unreadable") >= 1
    assert 'domain="package-0"' not in page
    assert rig.value("wattscan_power_watts", **METER) == 4.0


def test_a_failed_thermometer_is_absent(rig):
    rig.thermometer.failure = SensorFailed("garbage")
    rig.tick()
    assert "wattscan_temperature_celsius{" not in rig.page()
    assert rig.value("wattscan_sensor_up", sensor="zones") == 0


def test_a_counter_that_comes_back_has_lost_nothing(rig):
    rig.counter.failure = SensorFailed("unreadable")
    rig.tick(joules=5.0, seconds=2.0)
    rig.counter.failure = None
    rig.tick()
    assert rig.value("wattscan_sensor_up", sensor="rapl") == 1
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == pytest.approx(9.0)
    assert rig.value(
        "wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0"
    ) == pytest.approx(2.4)


def test_a_hardware_counter_that_starts_anew_is_counted_and_adds_nothing(rig):
    labels = {"sensor": "rapl", "reason": "counter_reset"}
    assert rig.value("wattscan_sensor_read_errors_total", **labels) == 0
    rig.counter.count = 0.0
    rig.tick()
    assert rig.value("wattscan_sensor_read_errors_total", **labels) == 1
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == pytest.approx(3.0)


def test_a_counter_that_jumps_is_told_and_gives_a_request_nothing(rig, caplog):
    labels = {"sensor": "rapl", "reason": "counter_jump"}
    assert rig.value("wattscan_sensor_read_errors_total", **labels) == 0
    before = rig.value("wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0")
    account = rig.ledger.open("chest-xray", "int8")
    account.start()
    rig.tick(joules=100_000.0)
    rig.tick()
    account.stop()
    share = account.close(ok=True)
    assert share.energy == pytest.approx(1.0) and share.method == "counter"
    assert rig.value("wattscan_sensor_read_errors_total", **labels) == 1
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == pytest.approx(4.0)
    after = rig.value("wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0")
    assert after == pytest.approx(before + 0.1)
    assert "the count of package-0 has gone up by more than 2000 W can" in caplog.text


def test_a_power_that_no_device_takes_is_not_believed(rig):
    before = rig.value("wattscan_energy_joules_total", **METER)
    rig.meter.watts = 9e9
    rig.tick()
    assert rig.value("wattscan_power_watts", **METER) is None
    labels = {"sensor": "ina3221", "reason": "too_much"}
    assert rig.value("wattscan_sensor_read_errors_total", **labels) >= 1
    rig.meter.watts = 4.0
    rig.tick()
    assert rig.value("wattscan_energy_joules_total", **METER) == pytest.approx(before)


def test_a_meter_that_comes_back_has_a_gap(rig):
    rig.meter.failure = SensorFailed("unreadable")
    rig.tick(seconds=2.0)
    rig.meter.failure = None
    rig.tick()
    assert rig.value("wattscan_energy_joules_total", **METER) == pytest.approx(1.2)


def test_a_drivers_bug_does_not_end_the_loop(rig):
    rig.meter.failure = ZeroDivisionError("bug")
    rig.tick()
    page = rig.page()
    assert 'reason="driver_error"' in page
    assert rig.value("wattscan_sensor_up", sensor="rapl") == 1


def test_the_ledger_gets_what_the_table_domain_used(rig):
    assert rig.value("wattscan_idle_energy_joules_total", method="counter") == pytest.approx(3.0)
    account = rig.ledger.open("nerve-ultrasound", "int8")
    account.start()
    rig.tick(joules=2.5)
    account.stop()
    account.close(ok=True)
    attributed = rig.value(
        "wattscan_inference_energy_joules_total",
        task="nerve-ultrasound",
        precision="int8",
        outcome="ok",
        method="counter",
    )
    assert attributed == pytest.approx(2.5)


def test_a_scrape_reads_afresh(rig):
    rig.clock.now += 0.05
    rig.counter.count += 7.0
    assert rig.value("wattscan_energy_joules_total", **COUNTER) == pytest.approx(10.0)


def test_the_loop_keeps_its_pace_and_stops():
    zones = CountedZones()
    sampler = Sampler([FoundSensor(zones, SensorChoice("zones", {}))], Seconds(0.01), Ledger())
    sampler.start()
    wait_until(lambda: zones.reads > 30)
    sampler.stop()
    assert not sampler._thread.is_alive()
    # It is not read more often. How much less on a busy machine is a benchmark's business.
    assert sampler.states[0].interval >= 0.005


class CountedZones(Thermometer):
    reads = 0

    def read_temperature(self):
        self.reads += 1
        return super().read_temperature()


class Slow:
    """A plug that answers when it is let."""

    name, uncertainty_ratio = "plug", 0.02

    def __init__(self):
        self.reads = 0
        self.free = threading.Event()

    def read_power(self):
        self.reads += 1
        assert self.free.wait(60)
        return [PowerReading("inlet", "system", Watts(9.0))]


def test_a_slow_sensor_with_an_interval_of_its_own_delays_nobody():
    slow, quick = Slow(), CountedZones()
    found = [
        FoundSensor(slow, SensorChoice("plug", {}, interval=Seconds(0.2)), PROVEN),
        FoundSensor(quick, SensorChoice("zones", {})),
    ]
    sampler = Sampler(found, Seconds(0.01), Ledger())
    sampler.start()
    wait_until(lambda: slow.reads == 1)
    before = quick.reads
    wait_until(lambda: quick.reads > before + 20)
    assert slow.reads == 1, "the other went on while it was being read"
    slow.free.set()
    plug, _ = sampler.states
    wait_until(lambda: "inlet" in plug.domains and plug.domains["inlet"].covered > 0.3)
    sampler.stop()
    assert quick.reads > 2 * slow.reads, "each at its own interval"
    assert plug.domains["inlet"].energy == pytest.approx(9.0 * plug.domains["inlet"].covered)


class Chip(Thermometer):
    slow = True

    def throttled(self):
        if self.slow is None:
            raise SensorFailed("not_supported")
        return self.slow


def test_a_device_that_limits_its_clock_is_told(rig):
    assert "wattscan_throttled{" not in rig.page(), "none of them tells"
    rig = Rig(Chip())
    for slow, told in ((True, 1), (False, 0), (None, None), (True, 1)):
        rig.thermometer.slow = slow
        rig.tick()
        assert rig.value("wattscan_throttled", sensor="zones") == told
        assert rig.value("wattscan_temperature_celsius", sensor="zones", zone="zone0") == 41.5
    rig.thermometer.failure = SensorFailed("gone")
    rig.tick()
    assert rig.value("wattscan_throttled", sensor="zones") is None
