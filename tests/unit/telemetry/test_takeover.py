"""When the sensor that the tables read falls silent, or cannot be believed."""

import threading
from typing import Any

import pytest
from ledger_rig import ledger_of, total
from sampler_rig import COUNTER, METER, Rig

from wattscan.contracts import EnergyReading, SensorFailed
from wattscan.telemetry.attribution import LedgerSource
from wattscan.units import Joules, Seconds, Watts

FLOOR = {"package-0": Watts(1.0)}


def table(rig):
    """The sensor that the tables read; there is one at most."""
    found = [
        sample.labels["sensor"]
        for family in rig.registry.collect()
        for sample in family.samples
        if sample.name == "wattscan_energy_source_info" and sample.labels["use"] == "table"
    ]
    assert len(found) <= 1
    return found[0] if found else None


def silence(rig, seconds, failure="unreadable"):
    rig.counter.failure = SensorFailed(failure)
    for _ in range(round(seconds / 0.1)):
        rig.tick()


def test_the_next_sensor_takes_over_in_series_of_its_own(rig):
    for _ in range(60):
        rig.tick()
    before = rig.value("wattscan_energy_joules_total", **METER)
    silence(rig, 0.4)
    assert table(rig) is None, "a gap that would be joined is no reason to change"
    silence(rig, 0.4)
    assert table(rig) == "ina3221"
    assert rig.value("wattscan_energy_joules_total", **COUNTER) is None
    after = rig.value("wattscan_energy_joules_total", **METER)
    assert after == pytest.approx(before + 0.8 * 4.0), "it goes on, and takes nothing over"


def test_who_has_taken_over_stays_until_it_fails_too(rig):
    for _ in range(60):
        rig.tick()
    silence(rig, 1.0)
    rig.counter.failure = None
    for _ in range(20):
        rig.tick()
    assert table(rig) == "ina3221"
    assert rig.value("wattscan_energy_joules_total", **COUNTER) is not None
    rig.meter.failure = SensorFailed("gone")
    for _ in range(8):
        rig.tick()
    assert table(rig) == "rapl"


def test_a_better_one_that_is_slow_to_start_is_taken_in_the_first_seconds():
    rig = Rig()
    rig.counter.failure = SensorFailed("no_sample_yet")
    rig.sampler.tick()
    rig.tick()
    assert table(rig) == "ina3221"
    rig.counter.failure = None
    rig.tick()
    assert table(rig) == "rapl"


def test_requests_get_the_new_source_s_energy(rig):
    for _ in range(60):
        rig.tick()
    silence(rig, 1.0)
    account = rig.ledger.open("nerve-ultrasound", "int8")
    account.start()
    rig.tick()
    account.stop()
    assert account.close(ok=True).method == "integrated"
    assert rig.value(
        "wattscan_inference_energy_joules_total",
        task="nerve-ultrasound",
        precision="int8",
        outcome="ok",
        method="integrated",
    ) == pytest.approx(0.4)


def test_a_frozen_counter_is_absent_with_its_reason():
    rig = Rig(frozen_after=Seconds(1.0))
    rig.sampler.tick()
    rig.tick()
    for _ in range(12):
        rig.tick(joules=0.0)
    assert rig.value("wattscan_sensor_up", sensor="rapl") == 0
    assert rig.value("wattscan_sensor_read_errors_total", sensor="rapl", reason="frozen") >= 1
    assert rig.value("wattscan_energy_joules_total", **COUNTER) is None
    rig.tick()
    assert rig.value("wattscan_sensor_up", sensor="rapl") == 1


@pytest.mark.parametrize("fault", ["frozen", "below_floor"])
def test_what_was_not_believed_stays_a_gap(fault):
    """A counter that stood still has not counted: nothing of that time is covered afterwards."""
    choice: dict[str, dict[str, Any]] = {
        "frozen": {"frozen_after": Seconds(1.0)},
        "below_floor": {"floors": FLOOR},
    }
    rig = Rig(**choice[fault])
    rig.sampler.tick()
    for _ in range(20):
        rig.tick()
    for _ in range(40):
        rig.tick(joules=0.0 if fault == "frozen" else 0.001)
    for _ in range(20):
        rig.tick()
    covered = rig.value("wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0")
    energy = rig.value("wattscan_energy_joules_total", **COUNTER)
    assert 3.0 < covered < 5.5
    assert energy < 41


def test_a_counter_that_moves_seldom_covers_the_time_behind_it(rig):
    before = rig.value("wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0")
    for _ in range(9):
        rig.tick(joules=0.0)
    still = rig.value("wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0")
    assert still == before
    rig.tick(joules=10.0)
    after = rig.value("wattscan_sensor_covered_seconds_total", sensor="rapl", domain="package-0")
    assert after == pytest.approx(before + 1.0)
    assert rig.value("wattscan_power_watts", **COUNTER) == pytest.approx(10.0)


def test_a_rail_does_not_stand_for_its_board():
    rig, asleep = Rig(), threading.Event()

    def rails():
        rig.counter.check()
        board = (
            [] if asleep.is_set() else [EnergyReading("board", "board", Joules(rig.counter.count))]
        )
        return [*board, EnergyReading("gpu", "rail", Joules(rig.counter.count / 2))]

    rig.counter.read_energy = rails
    rig.sampler.states[0]._read = rails
    for _ in range(60):
        rig.tick()
    assert table(rig) == "rapl"
    asleep.set()
    for _ in range(10):
        rig.tick()
    assert table(rig) == "ina3221", "the next sensor, not the next domain"


def test_a_takeover_by_a_slower_sensor_settles_nothing_twice(clock):
    ledger = ledger_of(clock)
    account = ledger.open("t", "fp32")
    account.start()
    clock.now = 10.0
    account.stop()
    account.close(ok=True)
    for end in range(1, 8):
        ledger.settle(Seconds(end - 1), Seconds(end), Joules(10.0))
    ledger.set_source(LedgerSource("integrated", "system"))
    ledger.settle(Seconds(4), Seconds(8), Joules(40.0))
    assert total(ledger) == pytest.approx(80.0)
    ledger.settle(Seconds(3), Seconds(8), Joules(40.0))
    assert total(ledger) == pytest.approx(80.0)


def test_a_sensor_of_0_watts_is_absent_where_it_has_a_floor():
    rig = Rig(floors={"gpu-rail": Watts(0.1)})
    rig.sampler.tick()
    rig.meter.watts = 0.0
    rig.tick()
    assert rig.value("wattscan_power_watts", **METER) is None
    errors = rig.value("wattscan_sensor_read_errors_total", sensor="ina3221", reason="below_floor")
    assert errors >= 1
