"""The same samples, from a recording, from a real Prometheus and from a real VictoriaMetrics, give
the same tables. VictoriaMetrics keeps numbers in decimal, so figures agree to the sixth digit."""

import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager

import pytest
from edits import changed, valued, without
from run_labels import MODELLED
from servers import free_port, prometheus, running
from synthetic import Spec, recording

from same_tables import assert_alike
from wattscan.collector.report import collect, write
from wattscan.contracts import WattscanError

pytestmark = pytest.mark.slow


def failed(sample):
    """Every third reading, and all at the very end."""
    gone = sample.at > 1_720_000_079 or int(sample.at) % 3 == 0
    return sample._replace(value=float("nan")) if gone else sample


SERVERS = ("prometheus", "victoria-metrics")
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
    # Readings that failed now and then, the last ones too.
    "failing": Spec(
        run="failing",
        profile="quick",
        start=1_720_000_000.031,
        interval=1.0,
        served=True,
        edits=tuple(
            changed(name, failed)
            for name in (
                "wattscan_energy_joules_total",
                "wattscan_sensor_up",
                "wattscan_client_images_total",
                "wattscan_client_requests_total",
                "wattscan_model_quality_ratio",
            )
        ),
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
def recordings(tmp_path_factory, one_task_run):
    """A recording of each made-up run, and the one of a run that took place."""
    folder = tmp_path_factory.mktemp("recordings")
    shutil.copy(one_task_run / "recording.om", folder / "measured.om")
    for name, spec in RUNS.items():
        (folder / f"{name}.om").write_text(recording(spec), encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=SERVERS)
def server(request, recordings, tmp_path_factory):
    """The address of a server that has every recording."""
    if not shutil.which(request.param):
        pytest.skip(f"needs the Debian package `{request.param}`")
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "prometheus":
        with prometheus([recordings / f"{name}.om" for name in NAMES], folder) as address:
            yield address
    else:
        with victoria_metrics(recordings, folder) as address:
            yield address


@contextmanager
def victoria_metrics(recordings, folder):
    port = free_port()
    command = [
        "victoria-metrics",
        f"-storageDataPath={folder / 'data'}",
        "-retentionPeriod=100y",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=1s",
        "-loggerLevel=ERROR",
    ]
    with running(command, f"http://127.0.0.1:{port}", "/health") as address:
        for name in NAMES:
            ask(f"{address}/api/v1/import/prometheus", in_milliseconds(recordings / f"{name}.om"))
        ask(f"{address}/internal/force_flush", b"")
        yield address


def in_milliseconds(path):
    """What VictoriaMetrics takes in: Prometheus's text, whose times are in milliseconds."""
    lines = (line.rpartition(" ") for line in path.read_text().splitlines() if line[0] != "#")
    return "".join(f"{head} {round(float(at) * 1000)}\n" for head, _, at in lines).encode()


def ask(address, body):
    urllib.request.urlopen(urllib.request.Request(address, body, method="POST"), timeout=60).close()


def documents(source, run, out):
    write(collect(source, run), out)
    document = json.loads((out / "tables.json").read_text("utf-8"))
    document.pop("source")
    return document, {"tables.md": (out / "tables.md").read_text("utf-8")}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_tables(name, recordings, server, tmp_path):
    told, files = documents(str(recordings / f"{name}.om"), None, tmp_path / "recording")
    asked, served = documents(server, told["run"]["run"], tmp_path / "server")
    assert_alike(asked, told)
    assert served["tables.md"] == files["tables.md"]
    assert told["cells"][0]["joules_per_image"]["gross"]["mean"] is not None


def test_the_newest_run_is_the_default(server, one_task_run):
    assert collect(server).measured.run.name == one_task_run.name


def test_an_unknown_run_names_the_known_ones(server):
    with pytest.raises(WattscanError, match=r"there is: .*modelled, newest, oldest"):
        collect(server, "none-such")


def test_prometheus_takes_the_cells_in(recordings, tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("needs the Debian package `prometheus`")
    write(collect(str(recordings / "modelled.om")), tmp_path)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    result = subprocess.run(
        [*command, str(tmp_path / "cells.om"), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
