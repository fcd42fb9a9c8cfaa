"""The folders that `k8s/components/host-sensors` mounts are enough for the sensors, as Linux lays
them out: what a class folder holds leads to `devices`."""

import shutil
import subprocess
import threading
import time

import pytest
from manifests import container_of, one, pod_of, variables, wattscan

ZONE = "devices/virtual/powercap/intel-rapl/intel-rapl:0"
FILES = {
    f"{ZONE}/name": "package-0",
    f"{ZONE}/max_energy_range_uj": "262143328850",
    f"{ZONE}/energy_uj": "0",
    "devices/virtual/thermal/thermal_zone0/type": "x86_pkg_temp",
    "devices/virtual/thermal/thermal_zone0/temp": "41000",
    "devices/pci0000:00/0000:00:18.3/hwmon/hwmon0/name": "k10temp",
    "devices/pci0000:00/0000:00:18.3/hwmon/hwmon0/temp1_input": "42000",
}
LINKS = {
    "class/powercap/intel-rapl:0": f"../../{ZONE}",
    "class/thermal/thermal_zone0": "../../devices/virtual/thermal/thermal_zone0",
    "class/hwmon/hwmon0": "../../devices/pci0000:00/0000:00:18.3/hwmon/hwmon0",
}


@pytest.fixture
def mounted(tmp_path):
    """The sysfs that a server sees: what the manifest mounts of a host, and no more."""
    host = tmp_path / "sys"
    for name, content in FILES.items():
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).write_text(content)
    for name, leads_to in LINKS.items():
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).symlink_to(leads_to)
    server = one("targets/cpu", "Deployment")
    paths = {
        each["name"]: each["hostPath"]["path"]
        for each in pod_of(server)["volumes"]
        if "hostPath" in each
    }
    root = tmp_path / "container"
    for mount in container_of(server)["volumeMounts"]:
        if mount["name"] in paths:
            source = tmp_path / paths[mount["name"]].lstrip("/")
            shutil.copytree(source, root / mount["mountPath"].lstrip("/"), symlinks=True)
    return root / variables(container_of(server))["WATTSCAN_SYSFS"].lstrip("/")


@pytest.fixture
def counting(mounted):
    """The counter runs at 40 W."""
    ended, begun = threading.Event(), time.monotonic()
    counter = mounted / ZONE / "energy_uj"

    def count():
        while not ended.wait(0.005):
            fresh = counter.with_suffix(".new")
            fresh.write_text(str(round((time.monotonic() - begun) * 40e6)))
            fresh.replace(counter)

    thread = threading.Thread(target=count)
    thread.start()
    yield mounted
    ended.set()
    thread.join()


def test_all_three_kinds_are_read(counting):
    command = wattscan("sensors", "--target", "cpu", "--sysfs", counting)
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    for name in ("package-0", "x86_pkg_temp", "k10temp"):
        assert name in told.stdout, told.stdout


def test_without_the_devices_there_is_nothing(mounted):
    shutil.rmtree(mounted / "devices")
    command = wattscan("sensors", "--target", "cpu", "--sysfs", mounted)
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "no RAPL zone" in told.stdout + told.stderr
    assert "x86_pkg_temp" not in told.stdout
