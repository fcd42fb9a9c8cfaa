"""The energy counters of a Mac."""

import gc
from dataclasses import replace

import pytest
from fake_mac import M1, read
from ledger_rig import Clock

from wattscan.contracts import EnergySensor, PowerSensor, SensorChoice, WattscanError
from wattscan.metrics import COUNTER_RESET
from wattscan.sensors import ioreport
from wattscan.targets import load_target
from wattscan.telemetry.attribution import Ledger
from wattscan.telemetry.discovery import FoundSensor, discover
from wattscan.telemetry.proof import SensorEvidence
from wattscan.telemetry.sampler import Sampler
from wattscan.units import Seconds

# Two dies, as all-smi has recorded them of an M1 Ultra.
ULTRA = {
    "DIE_0_PACC0_CPU": "900 mJ",
    "DIE_0_CPU Energy": "1000 mJ",
    "DIE_1_CPU Energy": "200 mJ",
    "GPU0_0": "90 mJ",
    "GPU Energy": "100000000 nJ",
    "ANE0_0": "30 mJ",
    "ANE0_1": "4 mJ",
    "DRAM0_0": "5 mJ",
    "DRAM0_1": "6 mJ",
}


def test_counts_of_any_unit_become_joules_and_the_package_comes_first(mac):
    sensor = mac.find({**M1, "ANE": "250000 uJ", "DRAM": "60 mJ  "})
    assert isinstance(sensor, EnergySensor)
    assert not isinstance(sensor, PowerSensor)
    got = read(sensor)
    assert list(got) == ["package", "cpu", "gpu", "ane", "dram"]
    assert got == pytest.approx(
        {"package": 2.42226124, "cpu": 2.131, "gpu": 0.04126124, "ane": 0.25, "dram": 0.06}
    )
    assert {(r.scope, r.wraps_at) for r in sensor.read_energy()} == {("chip", None)}
    assert (sensor.name, sensor.method, sensor.uncertainty_ratio) == ("ioreport", "counter", 0.1)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (ULTRA, {"package": 1.334, "cpu": 1.2, "gpu": 0.1, "ane": 0.034, "dram": 0.011}),
        # A total and its parts are never added up.
        ({**ULTRA, "CPU Energy": "1200 mJ", "ANE": "34 mJ"}, {"cpu": 1.2, "ane": 0.034}),
        ({**ULTRA, "GPU Energy": None}, {"gpu": 0.09}),
        ({**M1, "GPU Energy": None, "GPU0": "40 mJ"}, {"gpu": 0.04}),
        ({**M1, "ANE0": "1 mJ", "ANE": None, "ANE0_SRAM": "5 mJ"}, {"ane": 0.001}),
    ],
)
def test_each_chip_s_names_are_known(mac, channels, expected):
    got = read(mac.find(channels))
    assert {domain: got[domain] for domain in expected} == pytest.approx(expected)


def test_a_chip_that_does_not_count_its_memory(mac):
    assert list(read(mac.find({**M1, "DRAM": None}))) == ["package", "cpu", "gpu", "ane"]


def test_a_count_that_moves_late_is_waited_for(mac, monkeypatch):
    waited = []
    monkeypatch.setattr(ioreport, "_PATIENCE", 60.0)

    def sleep(seconds):
        waited.append(seconds)
        mac.counts({**M1, "CPU Energy": f"{2131 + len(waited) // 3} mJ"})

    monkeypatch.setattr(ioreport.time, "sleep", sleep)
    mac.counts(M1)
    assert ioreport.find(mac.settings, mac.folder)
    assert len(waited) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"CPU Energy": "1 kWh"}, "garbage"),
        ({"DRAM": f"{-(2**63)} mJ"}, "garbage"),
        (dict.fromkeys(M1), "gone"),
    ],
)
def test_what_is_no_measurement_is_a_failure(mac, change, reason):
    sensor = mac.find()
    mac.counts({**M1, **change})
    assert read(sensor) == reason
    mac.counts(M1)
    assert read(sensor)["package"] == pytest.approx(2.42226124)


def test_without_a_sample_it_is_unreadable(mac):
    sensor = mac.find()
    mac.gives_null("IOReportCreateSamples")
    assert read(sensor) == "unreadable"


@pytest.mark.parametrize(
    ("channels", "gone", "left"),
    [
        (M1, "ANE", ["cpu", "gpu", "dram"]),
        (M1, "DRAM", ["package", "cpu", "gpu", "ane"]),
        (ULTRA, "DIE_1_CPU Energy", ["gpu", "ane", "dram"]),
    ],
)
def test_of_a_channel_that_vanishes_no_sum_is_left(mac, channels, gone, left):
    sensor = mac.find(channels)
    before = read(sensor)
    mac.counts({**channels, gone: None})
    assert list(read(sensor)) == left
    mac.counts(channels)
    assert read(sensor) == before


def test_a_cpu_that_stands_still_is_frozen_and_an_idle_neural_engine_is_not(mac, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(ioreport.time, "monotonic", lambda: now)
    sensor = mac.find()
    for second in range(30):
        now += 1
        mac.counts({**M1, "CPU Energy": f"{2132 + second} mJ"})
        assert read(sensor)["ane"] == 0.25
    now += 10
    mac.counts({**M1, "CPU Energy": "2161 mJ", "GPU Energy": "50000000 nJ"})
    assert isinstance(read(sensor), dict)
    now += 1
    mac.counts({**M1, "CPU Energy": "2161 mJ", "GPU Energy": "60000000 nJ"})
    assert read(sensor) == "frozen", "the GPU moves the package all the same"
    mac.counts({**M1, "CPU Energy": "2162 mJ"})
    assert isinstance(read(sensor), dict)


def test_every_object_is_released(mac):
    sensor = mac.find()
    held = mac.mock.mock_live()
    for change in ({}, {"ANE": None}, {"CPU Energy": "1 kWh"}) * 10:
        mac.counts({**M1, **change})
        read(sensor)
    assert mac.mock.mock_live() == held
    del sensor
    gc.collect()
    assert (mac.mock.mock_live(), mac.mock.mock_misuses()) == (0, 0)


@pytest.fixture
def sampled(mac):
    """The Mac, and the sampler's state of its sensor; `tick` reads it a second later."""
    clock = Clock()
    choice = SensorChoice("ioreport", {}, frozen_after=Seconds(0.0))
    proven = SensorEvidence(frozenset({"package", "cpu", "gpu", "ane", "dram"}))
    sampler = Sampler([FoundSensor(mac.find(), choice, proven)], Seconds(1.0), Ledger(clock), clock)

    def tick(**change):
        mac.counts({**M1, **change})
        clock.now += 1.0
        sampler.tick()
        return sampler.states[0]

    yield tick
    sampler.stop()


def test_a_count_that_goes_back_is_a_reset(sampled):
    sampled()
    state = sampled(**{"CPU Energy": "4131 mJ"})
    assert state.domains["package"].energy == pytest.approx(2.0)
    state = sampled(**{"CPU Energy": "0 mJ"})
    assert state.errors[COUNTER_RESET] == 2, "of the CPU and of the package"
    state = sampled(**{"CPU Energy": "500 mJ"})
    assert state.domains["package"].energy == pytest.approx(2.5)


def test_taken_away_while_it_runs_it_is_absent_and_loses_nothing(sampled, monkeypatch):
    sampled()
    monkeypatch.setenv("IOREPORT_NULL", "IOReportCreateSamples")
    state = sampled()
    assert (state.up, state.errors["unreadable"]) == (False, 1)
    assert not any(domain.present for domain in state.domains.values())
    monkeypatch.setenv("IOREPORT_NULL", "")
    state = sampled(**{"CPU Energy": "3131 mJ"})
    assert state.up
    assert state.domains["package"].energy == pytest.approx(1.0)


def test_the_mac_s_target_prefers_it_and_falls_back_to_powermetrics(mac):
    target = load_target("apple-m1")
    first = replace(target.sensors[0], settings={**target.sensors[0].settings, **mac.settings})
    target = replace(target, sensors=(first, *target.sensors[1:]))
    mac.counts({**M1, "CPU Energy": "1+1 mJ"})
    found = discover(target, mac.folder)
    assert [each.sensor.name for each in found.sensors] == ["ioreport"]
    assert found.absent["powermetrics"] == "not needed: ioreport is here"
    mac.counts(M1)
    absent = discover(target, mac.folder).absent
    assert "stood still" in absent["ioreport"]
    assert "not needed" not in absent["powermetrics"]


def test_unknown_settings_are_refused(tmp_path):
    with pytest.raises(WattscanError, match="unknown key intervall"):
        ioreport.find({"intervall": 1}, tmp_path)
