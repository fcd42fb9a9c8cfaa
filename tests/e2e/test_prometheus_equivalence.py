"""The same samples, from a recording and from a real Prometheus, give the same tables to the last
digit."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from synthetic import MODELLED, Spec, changed, recording, valued, without

from wattscan.collector.report import collect, write
from wattscan.contracts import WattscanError

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="needs the Debian package `prometheus`",
)
# Months apart, and none of them young; one crosses an edge of the reader's hourly chunks.
RUNS = {
    "oldest": Spec(run="oldest", profile="quick", start=1_700_000_000.123, interval=1.0),
    "modelled": Spec(
        run="modelled",
        profile="quick",
        start=1_716_000_000.077,
        interval=1.0,
        source=MODELLED,
        tasks=("nerve-ultrasound", "chest-xray"),
        task_factor={"nerve-ultrasound": 0.3},
        edits=(without("wattscan_temperature_celsius"),),
    ),
    "newest": Spec(
        run="newest",
        start=1_732_286_400.249,
        tasks=("brain-mri", "chest-xray", "nerve-ultrasound"),
        wobble=(1.0, 1.013, 0.99, 1.003, 0.991, 1.007),
        edits=(
            changed(
                "wattscan_energy_joules_total",
                lambda sample: sample._replace(value=sample.value - 500.25),
                1_732_287_000.0,
            ),
            valued("wattscan_sensor_up", 0.0, 1_732_287_500.0, 1_732_287_560.0),
        ),
    ),
}


NAMES = (*RUNS, "measured")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, quick_run):
    """A recording of each made-up run, and the one of a run that took place."""
    folder = tmp_path_factory.mktemp("recordings")
    shutil.copy(quick_run[0] / "recording.om", folder / "measured.om")
    for name, spec in RUNS.items():
        (folder / f"{name}.om").write_text(recording(spec), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def prometheus(recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    data = folder / "data"
    for name in NAMES:
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
        subprocess.run(
            [*command, str(recordings / f"{name}.om"), str(data)], check=True, capture_output=True
        )
    (folder / "prometheus.yml").write_text("scrape_configs: []\n", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    server = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        _wait_until_ready(server, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=60)


def _wait_until_ready(server, address):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, server.stderr.read().decode()
        try:
            urllib.request.urlopen(f"{address}/-/ready", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail("prometheus did not come up within a minute")


def documents(source, run, out):
    write(collect(source, run), out)
    document = json.loads((out / "tables.json").read_text("utf-8"))
    document.pop("source")
    names = ("tables.md", "energy.csv", "paper.csv", "quality.csv", "cells.om", "report.html")
    return document, {name: (out / name).read_text("utf-8") for name in names}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_tables_to_the_last_digit(name, recordings, prometheus, tmp_path):
    told, files = documents(str(recordings / f"{name}.om"), None, tmp_path / "recording")
    asked, served = documents(prometheus, told["run"]["run"], tmp_path / "prometheus")
    assert asked == told
    assert served == files
    assert told["cells"][0]["joules_per_image"]["gross"]["mean"] is not None


def test_the_newest_run_is_the_default(prometheus, quick_run):
    assert collect(prometheus).measured.run.name == quick_run[0].name


def test_an_unknown_run_names_the_known_ones(prometheus):
    with pytest.raises(WattscanError, match=r"there is: .*modelled, newest, oldest"):
        collect(prometheus, "none-such")


def test_prometheus_takes_the_cells_in(recordings, tmp_path):
    write(collect(str(recordings / "modelled.om")), tmp_path)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    result = subprocess.run(
        [*command, str(tmp_path / "cells.om"), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
