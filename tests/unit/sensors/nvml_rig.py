"""A stand-in for the NVIDIA driver, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("mock_nvml.c")
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
