"""Devices that this machine lacks, as stand-ins that are mounted and never copied in."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from build_images import ROOT, tag
from podman_engine import podman
from pydicom.data import get_testdata_file
from test_delegate import SOURCE as DELEGATE

import wattscan
from fake_rapl import FakeRapl
from waiting import wait_until

NVML = ROOT / "tests/unit/sensors/mock_nvml.c"
FRAME = str(get_testdata_file("examples_ybr_color.dcm"))


def compiled(source, library):
    """A shared library of our own; skips where no compiler is."""
    if shutil.which("gcc") is None:
        pytest.skip("the Debian package gcc is not installed")
    library.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture
def rapl(tmp_path):
    """A host's /sys with a RAPL counter of 40 W."""
    (tmp_path / "sys").mkdir()
    fake = FakeRapl(tmp_path / "sys")
    yield tmp_path / "sys"
    fake.end()


def test_rapl_of_the_host_is_read_through_the_mount(start, rapl):
    box = start("cpu-litert", f"--volume={rapl}:/host/sys:ro", "--env=WATTSCAN_SYSFS=/host/sys")

    def is_measured():
        return 'sensor="rapl"' in box.page()

    wait_until(is_measured, 30)
    assert 'method="counter"' in box.page()
    with wattscan.Client(box.grpc, timeout=60) as client:
        receipt = client.segment(FRAME, task="nerve-ultrasound", variant="int8").receipt
    # Of a request that has just ended: of the counter's intervals, and not of a model.
    assert (receipt.method, receipt.scope) == ("estimated", "chip")
    assert receipt.joules > 0


def test_the_delegate_that_is_mounted_computes_integers(start, tmp_path):
    (tmp_path / "delegate.c").write_text(DELEGATE)
    library = compiled(tmp_path / "delegate.c", tmp_path / "mounted/libedgetpu.so.1")
    box = start(
        "edge-tpu",
        f"--volume={library.parent}:/opt/edge-tpu:ro",
        "--env=DELEGATE_LOG=/tmp/prepared",
    )
    assert box.run("cat", "/tmp/prepared").count("prepared") == 3  # the INT8 models
    page = box.page()
    assert 'provider="EdgeTPU"' in page
    # It runs integers only: FP32 is its host's processor, and says so.
    for line in page.splitlines():
        if line.startswith("wattscan_model_info"):
            assert ('precision="int8"' in line) == ('provider="EdgeTPU"' in line), line


def test_without_a_delegate_the_edge_tpu_says_what_to_do(images):
    done = podman("run", "--rm", "--read-only", "--tmpfs=/tmp", tag("edge-tpu"), check=False)
    assert done.returncode == 2
    assert "libedgetpu.so.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_nvml_that_is_mounted_is_read(images, tmp_path):
    library = compiled(NVML, tmp_path / "libnvidia-ml.so.1")
    done = podman(
        "run", "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=all",
        f"--volume={library}:/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1:ro",
        "--env=NVML_COUNT=1", "--env=NVML_WATTS_0=80", "--env=NVML_DEGREES_0=41",
        tag("nvidia"), "sensors", "--target", "nvidia",
    )  # fmt: skip
    assert re.search(r"^nvml .*gpu0", done.stdout, re.MULTILINE)
    assert "41" in done.stdout
    # The GPU that computes is not there, and nothing computes in its place.
    served = podman(
        "run", "--rm", "--read-only", "--tmpfs=/tmp",
        f"--volume={library}:/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1:ro",
        "--env=NVML_COUNT=1", "--env=NVML_WATTS_0=80", tag("nvidia"), check=False,
    )  # fmt: skip
    assert served.returncode == 2
    assert "CUDAExecutionProvider" in served.stderr
    assert "Traceback" not in served.stderr


def test_a_real_prometheus_scrapes_it(start, need_program, tmp_path, free_port):
    prometheus = need_program("prometheus", "prometheus")
    box = start("cpu-litert")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: wattscan\n  static_configs:\n"
        f"  - targets: ['{box.metrics_address()}']\n"
    )
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
         f"--web.listen-address={address}", "--log.level=error"],
    )  # fmt: skip
    try:

        def value(query):
            url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    found = json.load(answer)["data"]["result"]
            except OSError:
                return None
            return float(found[0]["value"][1]) if found else None

        wait_until(lambda: value("up") == 1, 30)
        wait_until(lambda: value("count(wattscan_model_info)") == 6, 10)
        wait_until(lambda: value("rate(wattscan_energy_joules_total[10s])"), 30)
    finally:
        server.terminate()
        server.wait(20)


def test_the_delegate_is_checked_before_it_is_used(tmp_path):
    """The script that fetches it, with packages that are made here."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("the Debian package dpkg is not installed")
    script = tmp_path / "docker/edge-tpu-delegate"
    script.parent.mkdir()
    shutil.copy(ROOT / "docker/edge-tpu-delegate", script)
    folder = tmp_path / "mounted"

    def fetch(content):
        tree = tmp_path / "package"
        library = tree / "usr/lib/x86_64-linux-gnu/libedgetpu.so.1.0"
        library.parent.mkdir(parents=True, exist_ok=True)
        library.write_bytes(content)
        (tree / "DEBIAN").mkdir(exist_ok=True)
        (tree / "DEBIAN/control").write_text(
            "Package: libedgetpu1-std\nVersion: 16.0\nArchitecture: amd64\n"
            "Maintainer: nobody <nobody@localhost>\nDescription: a stand-in\n"
        )
        package = tmp_path / "stand-in.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, package], check=True)
        command = [script, "--folder", folder, "--machine", "amd64", "--deb", package]
        return subprocess.run(command, capture_output=True, text=True)

    first = fetch(b"the delegate")
    assert (first.returncode, (folder / "libedgetpu.so.1").read_bytes()) == (0, b"the delegate")
    pins = Path(script.parent / "edge-tpu.sha256").read_text()
    assert len(pins.split()[0]) == 64
    assert fetch(b"the delegate").returncode == 0
    other = fetch(b"another one")
    assert other.returncode == 1
    assert "it is not used" in other.stderr
    assert (folder / "libedgetpu.so.1").read_bytes() == b"the delegate"
