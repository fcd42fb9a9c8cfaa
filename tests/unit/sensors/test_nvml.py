"""The NVML sensors against a library of our own: the binding loads it as it does NVIDIA's.

A process loads the library once, so each case runs in a child of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from wattscan.contracts import SensorChoice, WattscanError
from wattscan.sensors import nvml
from wattscan.sensors.nvml.readers import NvmlEnergy, NvmlPower
from wattscan.telemetry.discovery import FoundSensor
from wattscan.telemetry.state import SensorState
from wattscan.units import Seconds

SOURCE = Path(__file__).with_name("mock_nvml.c")
NEWER = [
    "nvmlDeviceGetTotalEnergyConsumption",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetTemperatureV",
    "nvmlDeviceGetCurrentClocksEventReasons",
]
CHILD = """
import json, os, sys
from pathlib import Path
from wattscan.contracts import Covering, EnergySensor, PowerSensor, SensorAbsent, SensorFailed
from wattscan.sensors import nvml

def ask(question):
    try:
        return question()
    except SensorFailed as failure:
        return {"failed": failure.reason}

def state(sensor):
    if isinstance(sensor, EnergySensor):
        return ask(lambda: {r.domain: [r.scope, r.count] for r in sensor.read_energy()})
    if isinstance(sensor, PowerSensor):
        return ask(lambda: {r.domain: [r.scope, r.power, r.stamp] for r in sensor.read_power()})
    return ask(lambda: {r.zone: r.temperature for r in sensor.read_temperature()})

settings, later = json.loads(sys.argv[1])
try:
    found = nvml.find(settings, Path("/nowhere"))
except SensorAbsent as reason:
    print(json.dumps({"absent": str(reason)}))
else:
    ratios = [s.uncertainty_ratio for s in found if hasattr(s, "uncertainty_ratio")]
    states, throttled = [], []
    for change in [{}, *later]:
        os.environ.update(change)
        states.append({s.name: state(s) for s in found})
        throttled += [ask(s.throttled) for s in found if hasattr(s, "throttled")]
    devices = {
        s.name: s.device_domains({})  # whether they have moved or not
        for s in found
        if isinstance(s, Covering)
    }
    beside = {s.name: state(s) for s in nvml.gauges(settings)}
    facts = dict(nvml.device_facts(settings))
    told = {"beside": beside, "facts": facts}
    told |= {"states": states, "throttled": throttled, "ratios": ratios, "devices": devices}
    print(json.dumps(told))
"""


def build(folder, without=()):
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc, which builds the library that stands in for NVIDIA's, is not installed")
    macros = [f"-DWITHOUT_{function}" for function in without]
    command = [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-pthread", *macros]
    subprocess.run([*command, "-o", folder / "libnvidia-ml.so.1", SOURCE], check=True)
    return folder


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="module")
def older_driver(tmp_path_factory):
    """As of a Pascal's time: the newer calls are not in the library."""
    return build(tmp_path_factory.mktemp("older"), without=NEWER)


def run(library, gpus, settings=None, later=()):
    """What the sensors say at first and after each change, or why there are none."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NVML_")}
    environment |= {"LD_LIBRARY_PATH": str(library), **{f"NVML_{k}": v for k, v in gpus.items()}}
    later = [{f"NVML_{k}": v for k, v in change.items()} for change in later]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([settings or {}, later])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


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


def test_a_gpu_that_refuses_its_handle_leaves_the_others(driver):
    got = run(driver, {"COUNT": "2", "HANDLE_0": "!4", "ENERGY_1": "2000"})
    assert got["states"][0] == {"nvml": {"gpu1": ["board", 2.0]}}


@pytest.mark.parametrize("devices", [[1], ["GPU-1"], [1, "GPU-1"]])
def test_the_settings_choose_gpus_by_index_or_uuid(driver, devices):
    gpus = {"COUNT": "2", "ENERGY_0": "1000", "ENERGY_1": "2000"}
    got = run(driver, gpus, settings={"devices": devices})
    assert got["states"][0] == {"nvml": {"gpu1": ["board", 2.0]}}


def test_what_fails_later_is_a_failure_with_its_reason(driver):
    gpu = {"COUNT": "1", "ENERGY_0": "1000", "DEGREES_0": "41"}
    reasons = {"!15": "gone", "!3": "not_supported", "!4": "permission", "!999": "nvml_999"}
    got = run(driver, gpu, later=[{"ENERGY_0": code, "DEGREES_0": code} for code in reasons])
    assert got["states"][1:] == [
        {"nvml": {"failed": reason}, "nvml_temperature": {"failed": reason}}
        for reason in reasons.values()
    ]


def test_a_field_that_fails_later_is_a_failure_though_its_call_succeeds(driver):
    got = run(driver, {"COUNT": "1", "INSTANT_0": "75500"}, later=[{"INSTANT_0": "!15"}])
    assert got["states"][1] == {"nvml": {"failed": "gone"}}


def test_a_gpu_lost_later_leaves_the_others(driver):
    gpus = {"COUNT": "2", "ENERGY_0": "1000", "ENERGY_1": "2000"}
    got = run(driver, gpus, later=[{"ENERGY_0": "!15"}])
    assert got["states"][1] == {"nvml": {"gpu1": ["board", 2.0]}}


def test_heat_and_the_power_brake_throttle_and_the_power_cap_does_not(driver):
    gpu = {"COUNT": "1", "DEGREES_0": "41", "CLOCKS_0": "0"}
    bits = {"4": False, "8": True, "32": True, "64": True, "129": True, "1": False}
    got = run(driver, gpu, later=[{"CLOCKS_0": text} for text in bits])
    assert got["throttled"] == [False, *bits.values()]


def test_a_driver_that_does_not_tell_of_clocks_is_not_taken_for_unthrottled(driver):
    got = run(driver, {"COUNT": "1", "DEGREES_0": "41"})
    assert got["throttled"] == [{"failed": "not_supported"}]


def test_no_library_is_absent_with_the_way_out(tmp_path):
    # The loader stops at this file, so that a machine with a driver tests the same.
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert "libnvidia-ml.so.1 is not here: install the NVIDIA driver" in run(tmp_path, {})["absent"]


@pytest.mark.parametrize(
    ("gpus", "reason"),
    [
        ({"INIT": "!9"}, "not loaded: modprobe nvidia"),
        ({"INIT": "!4"}, "grant this user /dev/nvidiactl"),
        ({"INIT": "!18"}, "reload it, or reboot"),
        ({"INIT": "!999"}, "does not answer: Unknown Error (NVML error 999)"),
        ({"COUNT": "!27"}, "does not answer: as the mock was told (NVML error 27)"),
        ({"COUNT": "0"}, "no GPU that can be addressed: in a container, pass one in"),
        ({"COUNT": "1", "HANDLE_0": "!15"}, "Refused: 0 (GPU is lost)"),
        ({"COUNT": "1"}, "gpu0: the driver gives neither energy, power nor temperature"),
    ],
)
def test_what_is_not_here_says_why(driver, gpus, reason):
    assert reason in run(driver, gpus)["absent"]


def test_a_gpu_that_is_named_and_not_here_is_absent(driver):
    gpus = {"COUNT": "2", "ENERGY_0": "1000", "ENERGY_1": "2000"}
    got = run(driver, gpus, settings={"devices": [0, "MIG-7"]})
    assert "no GPU MIG-7" in got["absent"]
    assert "1 (GPU-1)" in got["absent"]


@pytest.mark.parametrize("devices", [[], "0", [True], [1.5]])
def test_devices_that_are_no_names_are_refused(tmp_path, devices):
    with pytest.raises(WattscanError, match="devices must be a list"):
        nvml.find({"devices": devices}, tmp_path)


def test_a_setting_that_nobody_reads_is_refused(tmp_path):
    with pytest.raises(WattscanError, match="unknown key gpu"):
        nvml.find({"gpu": 0}, tmp_path)
