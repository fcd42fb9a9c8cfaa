"""docker/compose.yaml, brought up with podman-compose, and a bench against it."""

import json
import os
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
from build_images import ROOT
from podman_engine import environment

from commands import WATTSCAN
from fake_rapl import FakeRapl
from waiting import wait_until

COMPOSE = ROOT / "build/clients/images/bin/podman-compose"
PORTS = ("GRPC", "METRICS", "PROMETHEUS", "GRAFANA", "LOCUST")
# Grafana's image is in none of the places that a build here can reach.
SERVICES = ("cpu", "prometheus", "loadtest")


class Site:
    """The compose file with its own ports, a host's /sys with a counter, and a folder for runs."""

    def __init__(self, folder, *files):
        self.files = files
        for name in ("runs", "sys"):
            (folder / name).mkdir()
        (folder / "runs").chmod(0o777)
        self.runs = folder / "runs"
        self.rapl = FakeRapl(folder / "sys")
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self.env = environment(
            WATTSCAN_RUNS=str(self.runs), WATTSCAN_HOST_SYS=str(folder / "sys"),
            **{f"PORT_{name}": str(port) for name, port in self.ports.items()},
        )  # fmt: skip

    def compose(self, *arguments, timeout=300, **more):
        """Run podman-compose; gives what it printed."""
        files = [word for file in self.files for word in ("-f", str(file))]
        command = [str(COMPOSE), "-p", "wattscan-test", "--no-ansi", *files, "--profile", "cpu"]
        if arguments[0] == "run":
            # Docker's compose takes the profile of a service that is named; this one does not.
            command += ["--profile", arguments[2]]
        path = f"{COMPOSE.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            [*command, *arguments], env={**self.env, **more, "PATH": path}, cwd=ROOT,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def query(self, text):
        """The value of a query of Prometheus; None where there is none."""
        url = f"http://127.0.0.1:{self.ports['PROMETHEUS']}/api/v1/query?"
        try:
            with urllib.request.urlopen(url + urllib.parse.urlencode({"query": text})) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return float(found[0]["value"][1]) if found else None

    def end(self):
        self.compose("down", "--volumes", "--timeout", "5")
        self.rapl.end()


def _free_ports(count):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in taken]
    finally:
        for one in taken:
            one.close()


@pytest.fixture
def up(images, need_program, tmp_path):
    need_program("prometheus", "prometheus")
    if not COMPOSE.exists():
        pytest.skip("podman-compose is not installed: make build/clients/images/.ready")
    sites = []

    def bring(*more, **variables):
        stand_ins = ROOT / "tests/containers/compose.stand-ins.yaml"
        site = Site(tmp_path, ROOT / "docker/compose.yaml", *more, stand_ins)
        site.env |= variables
        sites.append(site)
        site.compose("up", "-d", *SERVICES)
        return site

    yield bring
    for site in sites:
        site.end()


def health(site, *options):
    command = [*WATTSCAN, "health", f"127.0.0.1:{site.ports['GRPC']}", *options]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_a_bench_against_it_ends_in_a_table(up):
    site = up()
    wait_until(lambda: health(site) == "SERVING\n", 60)
    wait_until(lambda: site.query('up{job="wattscan-target"}') == 1, 60)
    page = f"http://127.0.0.1:{site.ports['LOCUST']}/"
    with urllib.request.urlopen(page, timeout=10) as answer:
        assert b"Locust" in answer.read()
    printed = site.compose(
        "run", "--rm", "bench", "bench", "--endpoint=server:8001",
        "--target-metrics=http://server:8002/metrics", "--task=nerve-ultrasound", "--out=/runs",
        timeout=500,
    )  # fmt: skip
    assert "nerve ultrasound" in printed
    (run,) = (
        path.parent for path in site.runs.glob("*/report.html") if not path.parent.is_symlink()
    )
    assert (run / "report.html").stat().st_size > 10000
    tables = json.loads((run / "tables.json").read_text())
    # The counter on the host's /sys, through the mount, into the table.
    assert tables["energy_source"]["method"] == "counter"
    assert len(tables["cells"]) == 2
    reasons = {each["code"] for cell in tables["cells"] for each in cell["reasons"]}
    # It runs at 40 W whatever the load is, and the verdict sees that.
    assert "idle_not_idle" in reasons
    assert all(cell["joules_per_image"]["gross"]["mean"] > 0 for cell in tables["cells"])
    assert site.query("count(wattscan_model_info)") == 6


def test_tls_and_tokens_from_files(up, tmp_path):
    secrets = tmp_path / "site"
    subprocess.run([ROOT / "docker/site-secrets", "--folder", secrets], check=True)
    site = up(ROOT / "docker/compose.secure.yaml", WATTSCAN_SECRETS=str(secrets))
    trusting = ("--tls-ca", str(secrets / "ca.pem"))
    wait_until(lambda: health(site, *trusting) == "SERVING\n", 60)
    assert health(site) == ""
    # Prometheus scrapes it over TLS, and the container's own check trusts it.
    wait_until(lambda: site.query('up{job="wattscan-target"}') == 1, 60)
    names = subprocess.run(
        ["podman", "ps", "--format", "{{.Names}}"], env=site.env, capture_output=True, text=True
    ).stdout.split()
    (server,) = [name for name in names if "cpu" in name]
    checked = subprocess.run(["podman", "healthcheck", "run", server], env=site.env)
    assert checked.returncode == 0
    token = (secrets / "loadtest.token").read_text()
    for name in names:
        log = subprocess.run(["podman", "logs", name], env=site.env, capture_output=True, text=True)
        assert token not in log.stdout + log.stderr
    shutil.rmtree(secrets)
