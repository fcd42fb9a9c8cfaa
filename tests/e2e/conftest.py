"""A real service, and a real run of the main job, each in its own processes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import grpc
import pytest
from load import Load
from rig import NERVE, PLAIN, TINY, TINY_MODEL, Rig, write_target

from commands import WATTSCAN
from service_process import ServiceProcess
from wattscan.installation import models_folder
from wattscan.profiles import PROFILES, Profile
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2_grpc as rpc


class Service(ServiceProcess):
    """`wattscan serve` with a cache of its own, and a stub of the typed protocol."""

    def __init__(self, folder: Path, *arguments: str):
        # Its engines are not those that another test's run found to cost the least.
        cache = {"XDG_CACHE_HOME": str(folder / "cache")}
        super().__init__(folder / "serve.log", *arguments, environment=cache)
        self.channel = grpc.insecure_channel(
            self.ready["grpc"], options=[("grpc.max_send_message_length", -1)]
        )
        self.stub = rpc.ImagingServiceStub(self.channel)

    def stop(self) -> int:
        self.channel.close()
        return self.end()


@pytest.fixture(scope="session")
def nerve_only(tmp_path_factory):
    """A folder with two of the shipped models: a service of them starts in a third of the time."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("nerve-ultrasound-fp32", "nerve-ultrasound-int8"):
        shutil.copytree(models_folder() / name, folder / name)
    return folder


@pytest.fixture
def start_service(tmp_path):
    services = []

    def start(*arguments):
        services.append(Service(tmp_path, *arguments))
        return services[-1]

    yield start
    for service in services:
        service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"))
    yield service
    assert service.stop() == 0


# The quick profile, a sixth of its length; `test_wheels.py` runs the whole one.
QUICK = Profile(idle=1, warmup=0.5, load=2, cooldown=0.5, repeats=2)
SHORTER = {"PYTHONPATH": str(Path(__file__).parent / "quick_profile")}


@pytest.fixture(autouse=True)
def shorter_quick_profile(monkeypatch):
    """Here, and in every process that a test starts."""
    monkeypatch.setitem(PROFILES, "quick", QUICK)
    monkeypatch.setenv("PYTHONPATH", SHORTER["PYTHONPATH"])


@pytest.fixture(scope="session")
def quick_run(tmp_path_factory):
    """The folder and the output of one `wattscan bench`, as `make run` does it."""
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def one_task_run(tmp_path_factory):
    """The folder of one `wattscan bench` of one task: a third of the time."""
    return bench(tmp_path_factory.mktemp("bench"), "--task", "nerve-ultrasound")[0]


def bench(out, *arguments):
    command = ["bench", "--target", "cpu", "--run-profile", "quick", "--out", str(out)]
    done = subprocess.run(
        [*WATTSCAN, *command, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **SHORTER},
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = out.iterdir()
    return folder, done.stdout, done.stderr


@pytest.fixture
def load():
    """Starts load generators; none is left."""
    loads = []

    def start(*arguments, **keywords):
        loads.append(Load(*arguments, **keywords))
        return loads[-1]

    yield start
    for each in loads:
        each.kill()


@pytest.fixture
def start_rig(tmp_path):
    """Starts a service with the tests' own plug-ins, or a `real` one; see `rig.py`."""
    models = tmp_path / "models"
    rigs = []

    def start(*arguments, typed=True, real=False, **settings):
        if typed:
            shutil.copytree(models_folder() / NERVE, models / NERVE)
        if real:
            shutil.copytree(TINY_MODEL, models / TINY)
        else:
            (models / PLAIN / "1").mkdir(parents=True)
            (models / PLAIN / "1" / "model.onnx").write_bytes(b"for the faulty backend")
        options = {key: settings.pop(key) for key in ("prefix", "stderr", "env") if key in settings}
        path = "cpu" if real else write_target(tmp_path, **settings)
        where = ("--target", path, "--models", models)
        rigs.append(Rig(tmp_path, *where, *arguments, **options))
        return rigs[-1]

    yield start
    for rig in rigs:
        rig.stop()


@pytest.fixture
def models(tmp_path):
    """A folder with the model `tiny` alone."""
    shutil.copytree(TINY_MODEL, tmp_path / "models" / TINY)
    return tmp_path / "models"


@pytest.fixture
def start(start_service, models):
    """Starts a service of that folder; `oip` is its Open Inference stub."""

    def start(*flags):
        service = start_service("--models", str(models), *map(str, flags))
        service.oip = oip_rpc.GRPCInferenceServiceStub(service.channel)
        return service

    return start
