"""`wattscan sensors verify` over a library that stands in for NVIDIA's."""

import json
import os
import subprocess
import sys

import pytest
from test_nvml import build

from commands import WATTSCAN

TARGET = """
title = "A GPU"
sample_interval_seconds = 0.2
queue_limit = 4
[backend]
name = "litert"
[[sensors]]
name = "nvml"
uncertainty_ratio = 0.4
"""
# A load that takes nothing: these tests' GPUs do not follow it, and other tests run beside them.
NOTHING = ("--load", "exec sleep 120")
# As on a bare machine.
BARE = """
import sys
for name in ("grpc", "google.protobuf", "PIL", "pydicom", "prometheus_client"):
    sys.modules[name] = None
from wattscan.telemetry.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def verify(driver, tmp_path):
    (tmp_path / "gpu.toml").write_text(TARGET)

    def run(gpus, *arguments, command=(*WATTSCAN, "sensors")):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NVML_")}
        environment |= {"LD_LIBRARY_PATH": str(driver), **{f"NVML_{k}": v for k, v in gpus.items()}}
        return subprocess.run(
            [*command, "verify", "--target", str(tmp_path / "gpu.toml"), "--steps", "3",
             "--seconds", "0.5", "--out", str(tmp_path / "page.md"), *arguments],
            env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


def following(tmp_path):
    """A GPU, and the load that it follows from the first moment on, however busy the machine is."""
    level = tmp_path / "level"
    level.write_text("0")
    tell = f'echo "$WATTSCAN_LOAD $WATTSCAN_PERIOD" > {level}.new && mv {level}.new {level}'
    load = f"{tell} && exec sleep 120"
    return {"COUNT": "1", "WATTS_0": "60", "LEVEL": str(level)}, ("--load", load)


def verdicts(done):
    """Section -> its verdicts."""
    sections = json.loads(done.stdout)["sections"]
    return {s["title"]: {r["verdict"] for r in s["results"]} for s in sections}


def test_a_gpu_whose_power_is_its_counters_agrees(verify, tmp_path):
    gpu, load = following(tmp_path)
    done = verify(gpu, "--format", "json", *load)
    found = verdicts(done)
    # What sampling costs is the machine's: the mock's own thread counts in it.
    dear = found.pop("Cost of sampling") == {"differs"}
    assert set().union(*found.values()) == {"agrees"}, done.stdout
    assert done.returncode == dear, done.stderr
    told = json.loads(done.stdout)
    assert told["devices"] == {"gpu0": "Mock GPU 0", "driver": "NVIDIA 1.2.3"}
    text = (tmp_path / "page.md").read_text()
    assert text.startswith("# Mock GPU 0: target gpu, 20")
    assert "--target gpu.toml" in text and str(tmp_path) not in text
    assert "load 50%" in done.stderr


def test_a_power_that_disagrees_with_its_counter_differs(verify, tmp_path):
    gpu, load = following(tmp_path)
    done = verify({**gpu, "GAUGE_FACTOR_0": "2"}, *load)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("differs") and "Counter over integrated" in line for line in lines)
    assert sum(line.startswith("differs") and "Bursts: " in line for line in lines) == 3
    text = (tmp_path / "page.md").read_text()
    assert "What differs: " in text and "| nvml gpu0 / nvml_power_usage gpu0 |" in text


def test_a_gpu_that_the_load_does_not_move_has_no_bursts(verify):
    done = verify({"COUNT": "1", "WATTS_0": "60"}, "--format", "json", *NOTHING)
    found = verdicts(done)
    assert found["Bursts"] == found["Idle and stepped loads"] == {"not measurable here"}
    assert found["Counter over integrated power"] == found["Energy of requests"] == {"agrees"}


def test_a_gpu_without_a_counter_has_one_source(verify):
    done = verify({"COUNT": "1", "WATTS_0": "60", "ENERGY_0": "!3"}, *NOTHING)
    lines = done.stdout.splitlines()
    (counter,) = [line for line in lines if "Counter over integrated power" in line]
    assert counter.startswith("not measurable here")
    assert counter.endswith("no device here has both a counter and a power")
    (others,) = [line for line in lines if "Each source against the others" in line]
    assert others.endswith("only one source")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "gpus, told",
    [
        ({"COUNT": "0"}, "the NVIDIA driver shows no GPU that can be addressed"),
        ({"COUNT": "1", "ENERGY_0": "5000"}, "nvml: listed, but its count stands still"),
        ({"COUNT": "1", "USAGE_0": "5000"}, "nvml: its figure does not move"),
    ],
)
def test_where_nothing_is_proven_the_reason_is_told(verify, tmp_path, gpus, told):
    done = verify(gpus, command=(sys.executable, "-c", BARE))
    assert done.returncode == 2, done.stderr
    assert "there is nothing to verify: no source of power or energy is proven" in done.stderr
    assert told in done.stderr
    assert not (tmp_path / "page.md").exists()


def test_a_target_that_is_only_modelled_has_nothing_to_verify(verify, tmp_path):
    text = 'name = "cpu_model"\nidle_watts_per_core = 1\nbusy_watts_per_core = 2\n'
    (tmp_path / "gpu.toml").write_text(
        TARGET.replace('name = "nvml"\nuncertainty_ratio = 0.4', f"{text}uncertainty_ratio = 0.5")
    )
    done = verify({})
    assert done.returncode == 2
    assert "cpu_model: it is modelled, and measures nothing" in done.stderr


def test_a_page_that_cannot_be_written_is_told_before_minutes_are_spent(verify, tmp_path):
    done = verify({"COUNT": "1", "WATTS_0": "60"}, "--out", str(tmp_path / "nowhere/page.md"))
    assert done.returncode == 2
    assert "No such file or directory" in done.stderr
    assert "reading" not in done.stderr
