"""The base Deployment of k8s/, run by `podman kube play` with its probes."""

import subprocess
import time

import pytest
import yaml
from build_images import tag
from manifests import one
from podman_engine import podman
from pydicom.data import get_testdata_file

import wattscan
from commands import WATTSCAN
from waiting import wait_until

FRAME = str(get_testdata_file("examples_ybr_color.dcm"))


@pytest.fixture
def deployment(images, tmp_path, free_port):
    """The base, as it would be applied, on this machine: one replica, its ports on 127.0.0.1."""
    made = one("base", "Deployment")
    made["spec"]["replicas"] = 1
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    container["image"] = tag(container["image"].removeprefix("wattscan/").partition(":")[0])
    for port in container["ports"]:
        port |= {"hostIP": "127.0.0.1", "hostPort": free_port()}
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        # podman 4.3 knows no probe by gRPC: the same question, asked by a command.
        number = container[kind].pop("grpc")["port"]
        container[kind]["exec"] = {"command": ["wattscan", "health", f"127.0.0.1:{number}"]}
    path = tmp_path / "deployment.yaml"
    path.write_text(yaml.safe_dump(made))
    podman("kube", "play", path)
    yield container
    podman("kube", "down", path, check=False)


def test_it_serves_hardened_and_stops_in_time(deployment):
    ports = {port["name"]: f"127.0.0.1:{port['hostPort']}" for port in deployment["ports"]}

    def health():
        command = [*WATTSCAN, "health", ports["grpc"]]
        return subprocess.run(command, capture_output=True, text=True).stdout

    wait_until(lambda: health() == "SERVING\n", 60)
    (name,) = [
        name
        for name in podman("ps", "--format", "{{.Names}}").stdout.split()
        if name.endswith("-wattscan")
    ]
    assert podman("healthcheck", "run", name).returncode == 0
    shown = podman("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.EffectiveCaps}}", name)
    assert shown.stdout.strip() == "true []"
    with wattscan.Client(ports["grpc"], timeout=60) as client:
        answer = client.segment(FRAME, task="nerve-ultrasound", variant="int8")
    assert answer.mask.shape == (240, 320)
    began = time.monotonic()
    podman("stop", "--time", "45", name, timeout=100)
    assert podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"
    # Not killed at the end of its grace.
    assert time.monotonic() - began < 45
