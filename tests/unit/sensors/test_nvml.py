"""Power and energy of NVIDIA GPUs."""

import time
from dataclasses import replace

import pytest
from nvml_rig import build, run

from wattscan.contracts import SensorChoice
from wattscan.sensors.nvml.readers import NvmlEnergy, NvmlPower
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.state import SensorState
from wattscan.units import Seconds

NEWER = [
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetTemperatureV",
    "nvmlDeviceGetCurrentClocksEventReasons",
]


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="module")
def older_driver(tmp_path_factory):
    """As of a Pascal's time: the newer calls are not in the library."""
    return build(tmp_path_factory.mktemp("older"), without=NEWER)


def test_the_counters_millijoules_become_joules(driver):
    gpu = {"COUNT": "1", "ENERGY_0": "12345678901", "DEGREES_0": "41"}
    got = run(driver, gpu, later=[{"ENERGY_0": "12345679901", "DEGREES_0": "42"}])
    assert got["states"][0] == {
        "nvml": {"gpu0": ["board", 12345678.901]},
        "nvml_temperature": {"gpu0": 41},
    }
    assert got["states"][1]["nvml"] == {"gpu0": ["board", 12345679.901]}
    assert got["states"][1]["nvml_temperature"] == {"gpu0": 42}
    assert got["ratios"] == [0.05]


def test_without_a_counter_the_usages_milliwatts_become_watts(driver):
    got = run(driver, {"COUNT": "1", "USAGE_0": "61250"})
    assert got["states"][0] == {"nvml": {"gpu0": ["board", 61.25, None]}}


def test_the_instantaneous_field_is_preferred_and_brings_its_time(driver):
    gpu = {"COUNT": "1", "USAGE_0": "61250", "INSTANT_0": "75500", "STAMP_0": "1700000000000000"}
    got = run(driver, gpu, settings={"uncertainty_ratio": 0.1})
    assert got["states"][0] == {"nvml": {"gpu0": ["board", 75.5, 1700000000000000]}}
    assert got["ratios"] == [0.1]


def test_a_field_without_a_time_has_none(driver):
    got = run(driver, {"COUNT": "1", "INSTANT_0": "75500"})
    assert got["states"][0] == {"nvml": {"gpu0": ["board", 75.5, None]}}


def test_a_driver_without_the_newer_calls_is_read_by_the_older_ones(older_driver):
    gpu = {"COUNT": "1", "ENERGY_0": "1", "INSTANT_0": "2", "DEGREES_0": "3", "CLOCKS_0": "0"}
    gpu |= {"USAGE_0": "61250", "OLD_DEGREES_0": "41", "OLD_CLOCKS_0": "64"}
    got = run(older_driver, gpu)
    assert got["states"][0] == {
        "nvml": {"gpu0": ["board", 61.25, None]},
        "nvml_temperature": {"gpu0": 41},
    }
    assert got["throttled"] == [True]


def test_gpus_that_differ_are_read_each_by_what_it_has(driver):
    gpus = {"COUNT": "3", "ENERGY_0": "1000", "USAGE_0": "9", "USAGE_1": "50000", "DEGREES_2": "35"}
    assert run(driver, gpus)["states"][0] == {
        "nvml": {"gpu0": ["board", 1.0]},
        "nvml_power": {"gpu1": ["board", 50.0, None]},
        "nvml_temperature": {"gpu2": 35},
    }


def test_a_gpu_with_a_counter_is_verified_by_each_power_that_it_gives(driver):
    gpus = {"COUNT": "3", "ENERGY_0": "1000", "USAGE_0": "61250", "INSTANT_0": "75500"}
    gpus |= {"ENERGY_1": "2000", "USAGE_1": "50000", "USAGE_2": "40000"}
    got = run(driver, gpus)
    assert got["beside"] == {
        "nvml_power_instant": {"gpu0": ["board", 75.5, None]},
        "nvml_power_usage": {"gpu0": ["board", 61.25, None], "gpu1": ["board", 50.0, None]},
    }
    assert got["facts"] == {
        "gpu0": "Mock GPU 0", "gpu1": "Mock GPU 1", "gpu2": "Mock GPU 2", "driver": "NVIDIA 1.2.3",
    }  # fmt: skip


COUNTERS = {"COUNT": "2", "WATTS_0": "50", "WATTS_1": "70"}


@pytest.mark.parametrize(
    ("gpus", "devices", "of_each"),
    [
        pytest.param({"COUNT": "1", "ENERGY_0": "1"}, None, {"nvml": ["gpu0"]}, id="one"),
        pytest.param(COUNTERS, None, {"nvml": ["gpu0"]}, id="two, and nothing told: the first"),
        pytest.param(
            {**COUNTERS, "PID_1": "1"}, None, {"nvml": ["gpu1"]}, id="the second computes"
        ),
        pytest.param(
            {**COUNTERS, "PID_0": "1", "PID_1": "1"}, None, {"nvml": ["gpu0", "gpu1"]}, id="both do"
        ),
        pytest.param(
            {**COUNTERS, "PID_0": "999999", "PID_1": "1"}, None, {"nvml": ["gpu1"]}, id="another's"
        ),
        pytest.param(COUNTERS, [0, 1], {"nvml": ["gpu0", "gpu1"]}, id="both named"),
        pytest.param(
            {"COUNT": "2", "USAGE_0": "1", "ENERGY_1": "2"},
            None,
            {"nvml": [], "nvml_power": ["gpu0"]},
            id="the first has no counter",
        ),
        pytest.param(
            {"COUNT": "3", "DEGREES_0": "1", "USAGE_1": "1", "ENERGY_2": "2"},
            None,
            {"nvml": [], "nvml_power": ["gpu1"]},
            id="the first tells nothing",
        ),
        pytest.param(
            {"COUNT": "2", "USAGE_0": "1", "ENERGY_1": "2", "PID_0": "1", "PID_1": "1"},
            None,
            {"nvml": [], "nvml_power": []},
            id="a part would be too little",
        ),
    ],
)
def test_the_tables_read_the_gpus_that_the_models_run_on(driver, gpus, devices, of_each):
    got = run(driver, gpus, settings={"devices": devices} if devices else None)
    assert got["devices"] == of_each


def test_power_without_a_counter_is_polled_at_50_hz():
    choice = SensorChoice("nvml", {})
    sensor = NvmlPower(None, {}, 0.05, None, "nvml")
    for wanted, of_target, of_entry in (
        (0.02, 0.1, None),
        (0.01, 0.01, None),
        (0.5, 0.1, 0.5),
    ):
        found = FoundSensor(sensor, replace(choice, interval=Seconds(of_entry)))
        assert (
            SensorState(found, Seconds(of_target), time.monotonic, print).wanted_interval == wanted
        )
    counter = FoundSensor(NvmlEnergy(None, {}, 0.05, None), choice)
    assert SensorState(counter, Seconds(0.1), time.monotonic, print).wanted_interval == 0.1


def test_heat_and_the_power_brake_throttle_and_the_power_cap_does_not(driver):
    gpu = {"COUNT": "1", "DEGREES_0": "41", "CLOCKS_0": "0"}
    bits = {"4": False, "8": True, "32": True, "64": True, "129": True, "1": False}
    got = run(driver, gpu, later=[{"CLOCKS_0": text} for text in bits])
    assert got["throttled"] == [False, *bits.values()]


def test_a_driver_that_does_not_tell_of_clocks_is_not_taken_for_unthrottled(driver):
    got = run(driver, {"COUNT": "1", "DEGREES_0": "41"})
    assert got["throttled"] == [{"failed": "not_supported"}]
