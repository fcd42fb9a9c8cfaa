"""The images, run as a careful site would: hardened, asked, scraped, stopped."""

import re
import subprocess
import threading
import time

import numpy as np
import pytest
from build_images import VERSION, tag
from podman_engine import podman
from pydicom.data import get_testdata_file

import wattscan
from commands import WATTSCAN

FRAME = str(get_testdata_file("examples_ybr_color.dcm"))
ENGINES = {"cpu-litert": "litert", "jetson-nano": "litert"}
SERVICES = ("cpu", "cpu-litert", "cpu-openvino", "jetson-nano")


@pytest.mark.parametrize("image", SERVICES)
def test_it_runs_hardened_and_segments_a_dicom_file(start, image):
    box = start(image)
    assert len(box.ready["models"]) == 6
    health = subprocess.run([*WATTSCAN, "health", box.grpc], capture_output=True, text=True)
    assert (health.stdout, health.returncode) == ("SERVING\n", 0)
    with wattscan.Client(box.grpc, timeout=60) as client:
        answer = client.segment(FRAME, task="nerve-ultrasound", variant="int8")
    assert answer.mask.dtype == np.uint8
    assert answer.mask.shape == (240, 320)
    engines = set(re.findall(r'^wattscan_model_info\{backend="(\w+)"', box.page(), re.MULTILINE))
    assert engines == {ENGINES.get(image, "openvino")}


def test_the_health_check_of_the_image(start):
    box = start("cpu-litert")
    assert podman("healthcheck", "run", box.name).returncode == 0
    # Another container's port, where nobody listens, is as bad as a service that does not serve.
    assert "wattscan: 127.0.0.1:8009 does not answer" in box.run(
        "env", "WATTSCAN_GRPC_PORT=8009", "wattscan", "health", check=False
    )


def test_the_nano_says_that_its_gpu_is_not_used(start):
    page = start("jetson-nano").page()
    assert 'title="Jetson Nano, GPU not used"' in page


def test_sigterm_drains(start):
    """What has come is answered; the exit code is 0."""
    box = start("cpu-litert", "--cpus=0.5")
    answers: list[object] = []
    begun = threading.Barrier(5)

    def ask():
        with wattscan.Client(box.grpc, timeout=60, attempts=1) as client:
            client.models()
            begun.wait()
            for _ in range(200):
                try:
                    answers.append(
                        client.segment(FRAME, task="brain-mri", variant="fp32").mask.size
                    )
                except wattscan.RequestFailed as error:
                    answers.append(error.status)
                    return

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    begun.wait()
    while not answers:
        time.sleep(0.05)
    code = box.stop()
    for client in clients:
        client.join()
    assert code == 0, box.log()
    assert "stopped with requests unfinished" not in box.log()
    # Each client's last word: the service was gone before it took the call.
    assert sorted(set(answers), key=str) == [320 * 240, "UNAVAILABLE"]
    assert answers.count("UNAVAILABLE") == 4


def test_a_second_signal_does_not_cut_the_drain_short(start):
    box = start("cpu-litert")
    podman("kill", "--signal", "TERM", box.name)
    podman("kill", "--signal", "TERM", box.name, check=False)
    assert box.wait() == 0


@pytest.mark.parametrize("image", ("cpu", "edge-tpu", "nvidia", "loadtest", "collector"))
def test_what_an_image_is_and_is_not(images, image):
    shown = podman(
        "inspect", "--format",
        "{{.Config.User}}|{{.Config.Entrypoint}}|{{.Config.Labels}}|{{.Config.Env}}", tag(image),
    ).stdout  # fmt: skip
    user, entrypoint, labels, environment = shown.split("|")
    assert user == "10001:10001"
    assert entrypoint in ("[wattscan]", "[locust]")
    for label in (f"image.version:{VERSION}", "image.licenses:Apache-2.0", "image.revision:"):
        assert label in labels
    assert "/opt/pypi" not in environment
    assert "PIP_" not in environment


def test_the_root_is_not_writable_and_the_user_is_nobodys(start):
    box = start("cpu")
    program = (
        "import os, pathlib\n"
        "print(os.getuid(), os.getgid(), os.getgroups())\n"
        "for folder in ('/', '/opt/wattscan', '/models', '/usr', '/var/cache'):\n"
        "    try:\n"
        "        (pathlib.Path(folder) / 'x').touch()\n"
        "        print('writable:', folder)\n"
        "    except OSError: pass\n"
        "print(open('/proc/1/cmdline').read().split(chr(0))[1:3])\n"
    )
    printed = box.run("python3", "-c", program)
    assert "10001 10001 " in printed
    assert "writable" not in printed
    # The service is process 1: signals reach it, with no shell between.
    assert "wattscan" in printed
