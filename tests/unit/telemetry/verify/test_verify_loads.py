"""The load on a GPU, with a PyTorch of our own that counts its products."""

import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from wattscan.contracts import WattscanError
from wattscan.targets import load_target
from wattscan.telemetry.loads import running
from wattscan.telemetry.verify.loads import STEADY, ProcessLoad, TorchLoad, make_load

TORCH = """
import os, time
from types import SimpleNamespace

float16 = float32 = None
cuda = SimpleNamespace(
    is_available=lambda: {available}, device_count=lambda: 1,
    get_device_capability=lambda number: (8, 0), synchronize=lambda number: None,
)

def rand(shape, dtype, device):
    assert device == "cuda:0"

def mm(a, b, out):
    time.sleep(0.001)
    with open(os.environ["PRODUCTS"], "a") as file:
        file.write("x")
"""


@pytest.fixture
def torch(tmp_path, monkeypatch):
    """Puts it where the load's process finds it; returns the file that grows by its products."""
    products = tmp_path / "products"
    monkeypatch.setenv("PRODUCTS", str(products))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)

    def put(available=True):
        (tmp_path / "torch.py").write_text(TORCH.format(available=available))
        return products

    return put


def grown(products):
    """By how much it grows in a while, once what was under way is over."""
    time.sleep(0.1)
    before = products.stat().st_size
    time.sleep(0.3)
    return products.stat().st_size - before


def test_a_gpu_is_loaded_while_it_is_told_to(torch):
    products = torch()
    with make_load(load_target("nvidia"), None) as load:
        assert isinstance(load, TorchLoad)
        assert grown(products) == 0
        with load.at(1.0, STEADY, together=False):
            assert grown(products) > 0
        assert grown(products) == 0


def test_a_load_that_has_ended_is_told(torch):
    torch()
    with make_load(load_target("nvidia"), None) as load:
        assert isinstance(load, TorchLoad)
        os.kill(load._process.pid, signal.SIGKILL)
        load._process.wait()
        ended = pytest.raises(WattscanError, match="ended by itself, with exit code -9")
        with ended, load.at(1.0, STEADY, together=False):
            pass


def test_without_a_gpu_for_pytorch_the_processors_are_the_load_and_the_page_says_why(torch):
    torch(available=False)
    with make_load(load_target("nvidia"), None) as load:
        assert isinstance(load, ProcessLoad)
        assert load.name == "all processors (no load on the GPU: PyTorch sees no CUDA device)"


def test_a_command_comes_before_pytorch():
    with make_load(load_target("nvidia"), "sleep 60") as load:
        assert load.name == "a command of the user's"


def test_a_signal_while_a_load_starts_leaves_no_process_behind(monkeypatch):
    started = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt), running(1.0, "sleep 60"):
        pass
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_a_signal_while_a_load_is_ended_leaves_no_process_behind(monkeypatch):
    kill = os.killpg

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        kill(*arguments)

    monkeypatch.setattr(os, "killpg", interrupted)
    with pytest.raises(KeyboardInterrupt), running(1.0, "sleep 60") as load:
        pass
    assert [process.returncode for process in load] == [-signal.SIGKILL]


def test_a_target_without_cuda_loads_the_processors():
    target = replace(load_target("nvidia"), backend_settings={})
    with make_load(target, None) as load:
        assert load.name == "all processors"
        with load.at(0.5, STEADY, together=True):
            pass
