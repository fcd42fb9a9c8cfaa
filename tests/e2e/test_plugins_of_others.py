"""A package with a sensor, a backend and a task of its own, installed and used."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import wattscan
from commands import WATTSCAN
from service_process import ServiceProcess
from waiting import wait_until
from wattscan import plugins
from wattscan.installation import models_folder

EXAMPLE = Path(__file__).parents[1] / "plugin_example"
TASK = "nerve-outline"
TARGET = """
title = "Example"
sample_interval_seconds = 0.05
queue_limit = 8

[backend]
name = "example-runtime"

[[sensors]]
name = "example-meter"
domain = "socket"
"""


def install(source, folder):
    """Put the package into the folder, as pip does."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-build-isolation", "--target", folder, source),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with the package in it, as pip puts it there."""
    folder = tmp_path_factory.mktemp("packages")
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "example")
    install(source, folder)
    return folder


@pytest.fixture(scope="module")
def env(packages):
    before = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(packages), *([before] if before else [])]),
    }


@pytest.fixture
def sysfs(tmp_path):
    """The meter's file, whose power moves."""
    folder = tmp_path / "sys" / "class" / "example_meter"
    folder.mkdir(parents=True)
    ended = threading.Event()

    def write():
        number = 0
        while not ended.wait(0.01):
            number += 1
            fresh = folder / "power_uw.new"
            fresh.write_text(f"{12_000_000 + number % 100}\n")
            fresh.replace(folder / "power_uw")

    thread = threading.Thread(target=write)
    thread.start()
    while not (folder / "power_uw").exists():
        time.sleep(0.01)
    yield tmp_path / "sys"
    ended.set()
    thread.join()


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "example.toml"
    path.write_text(TARGET)
    return path


@pytest.mark.slow
def test_the_packages_own_tests_pass(env):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
         "--rootdir", EXAMPLE, EXAMPLE / "test_example.py"],
        capture_output=True, text=True, env=env, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert " failed" not in done.stdout and " passed" in done.stdout


def test_the_sensor_is_read(env, sysfs, target):
    command = [*WATTSCAN, "sensors", "--target", str(target), "--sysfs", str(sysfs)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "example-meter" in done.stdout and "socket" in done.stdout and "12" in done.stdout


def test_a_model_of_the_task_is_served_by_the_backend_and_costs_what_the_sensor_says(
    env, sysfs, target, tmp_path
):
    models = tmp_path / "models"
    folder = models / f"{TASK}-fp32"
    shutil.copytree(models_folder() / "nerve-ultrasound-fp32", folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "task": TASK}))
    arguments = ["--target", target, "--models", models, "--sysfs", sysfs]
    service = ServiceProcess(tmp_path / "log", *arguments, environment=env)
    try:
        frame = plugins.task("nerve-ultrasound").phantom(1, seed=3).images[0]
        with wattscan.Client(service.ready["grpc"]) as client:

            def receipt_of():
                return client.segment(frame, TASK, "fp32").receipt

            answer = client.segment(frame, TASK, "fp32")
            wait_until(lambda: receipt_of().method != "unknown", why=lambda: service.log_text)
            receipt = receipt_of()
        page = urllib.request.urlopen(service.ready["metrics"], timeout=10).read().decode()
    finally:
        service.end()
    assert answer.mask.shape == frame.shape and set(np.unique(answer.mask)) <= {0, 1}
    assert receipt.scope == "system" and receipt.method in ("integrated", "estimated")
    assert receipt.joules > 0
    assert 'backend="example-runtime"' in page and 'provider="ExampleRuntime"' in page


BROKEN = """
[project]
name = "broken-plugins"
version = "1.0"
[project.entry-points."wattscan.backends"]
litert = "json"
fails = "no_such_module_anywhere"
empty = "json"
"""
ASK = """
import json, sys
from wattscan import plugins
from wattscan.contracts import WattscanError
told = {}
for name in ("fails", "empty"):
    try:
        plugins.backend(name)
    except WattscanError as error:
        told[name] = str(error)
print(json.dumps([told, plugins.usable("backends"), plugins.backend("litert").__name__]))
"""


def test_a_plug_in_that_is_broken_is_told_and_disturbs_no_other(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "packages"
    source.mkdir()
    (source / "pyproject.toml").write_text(BROKEN + "[tool.setuptools]\npy-modules = []\n")
    install(source, folder)
    before = os.environ.get("PYTHONPATH", "")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(folder), before]))}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env=env)
    told, usable, own = json.loads(done.stdout)
    assert own == "wattscan.backends.litert"
    assert "the backend 'litert' of the package broken-plugins is not used" in done.stderr
    assert "package broken-plugins cannot be loaded: ModuleNotFoundError" in told["fails"]
    assert "has no FORMAT and no open_engine" in told["empty"]
    assert usable == ["litert", "onnxruntime", "openvino"]
    assert "no_such_module_anywhere" in done.stderr
