"""What `pip install` gives: the two wheels alone, in an empty folder, without the checkout."""

import json
import os
import signal
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / "build" / "wheels"
ENVIRONMENT = ROOT / "build" / "wheel-environment"
BIN = ENVIRONMENT / "bin"
TASK = "nerve-ultrasound"
# Runs a command as if these modules were not installed.
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
from wattscan.cli import main
sys.exit(main(sys.argv[2:]))
"""


def files(folder):
    """Every file, with its size and when it was changed."""
    return {path: (s.st_size, s.st_mtime_ns) for path in folder.rglob("*")
            if "__pycache__" not in path.parts and (s := path.stat())}  # fmt: skip


@pytest.fixture(scope="module")
def installed():
    """The folder of the installed packages, which nobody may write to meanwhile."""
    if not BIN.exists():
        pytest.skip("the wheels are not installed anywhere: make wheel-environment")
    (folder,) = ENVIRONMENT.glob("lib/python3*/site-packages")
    folders = [folder, *(path for path in folder.glob("wattscan*/**/") if path.is_dir())]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in folders}
    before = files(folder)
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    yield folder
    for path, mode in modes.items():
        path.chmod(mode)
    assert files(folder) == before


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """An empty folder to work in, and a home."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def call(installed, work):
    """Calls a program of the environment, with nothing of ours in its own."""
    home = work / "home"
    home.mkdir()
    own = {"HOME": str(home), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    own |= {name: os.environ[name] for name in ("LANG", "CI") if name in os.environ}

    def call(program, *arguments, start=subprocess.run, **options):
        command = [BIN / program, *map(str, arguments)]
        if start is subprocess.run:
            options = {"capture_output": True, "timeout": 400, **options}
        return start(command, cwd=work, env=own, text=True, **options)

    return call


def test_the_wheels_hold_one_package_each_and_fit(installed):
    names = {}
    for path in WHEELS.glob("*.whl"):
        assert path.stat().st_size < 100e6
        with zipfile.ZipFile(path) as wheel:
            tops = {name.partition("/")[0] for name in wheel.namelist()}
            names |= dict.fromkeys(top for top in tops if not top.endswith(".dist-info"))
    assert set(names) == {"wattscan", "wattscan_models"}


def test_the_models_are_found_and_the_machine_is_read(call):
    listed = call("wattscan", "models", "list")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count(f"\n{TASK} ") == 4
    assert "cpu_model" in call("wattscan", "sensors").stdout


def test_locust_runs_the_load_generator(call):
    path = call("wattscan", "loadtest-path").stdout.strip()
    nobody = call("locust", "-f", path, "--headless", "--host", "127.0.0.1:1", "Server",
                  "--images", ".")  # fmt: skip
    assert "the server at 127.0.0.1:1 does not answer" in nobody.stderr + nobody.stdout


def test_the_service_serves_and_stops(call):
    ports = ("--grpc-port", "0", "--metrics-port", "0")
    service = call("wattscan", "serve", *ports, start=subprocess.Popen,
                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    try:
        ready = json.loads(service.stdout.readline())
        assert len(ready["models"]) == 6
        assert call("wattscan", "health", ready["grpc"]).stdout == "SERVING\n"
    finally:
        service.send_signal(signal.SIGTERM)
        service.communicate(timeout=60)
    assert service.returncode == 0


def test_a_run_ends_in_a_report_and_is_collected_again(call, work):
    done = call("wattscan", "bench", "--task", TASK, "--backend", "onnxruntime")
    assert done.returncode == 0, done.stderr
    (folder,) = (work / "runs").iterdir()
    page = (folder / "report.html").read_text()
    assert "wattscan bench --target cpu" in page and ".venv" not in page
    again = call("wattscan", "collect", "--source", folder, "--out", "tables")
    assert again.returncode == 0
    assert (work / "tables" / "tables.md").read_bytes() == (folder / "tables.md").read_bytes()


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("locust", ("bench",), "load"),
        ("jinja2", ("bench",), "collector"),
        ("openvino", ("serve", "--backend", "openvino"), "openvino"),
        ("onnxruntime", ("serve", "--backend", "onnxruntime"), "onnxruntime"),
        ("ai_edge_litert.interpreter", ("serve", "--backend", "litert"), "litert"),
        ("torch", ("models", "train", "--task", TASK), "train"),
    ],
)
def test_what_is_missing_is_named_with_its_extra(call, missing, command, extra):
    refused = call("python", "-c", WITHOUT, missing, *command, timeout=60)
    assert refused.returncode == 2, refused.stdout
    assert f"pip install 'wattscan[{extra}]'" in refused.stderr
    assert "Traceback" not in refused.stderr
