"""A real run of the Jobs of `k8s/loadtest`, scraped by a real Prometheus that writes to a real
VictoriaMetrics as `docs/remote-write.md` says: both give the same tables."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
import yaml
from manifests import ROOT, container_of, objects, wattscan

from same_tables import assert_alike
from waiting import wait_until

PAGE = (ROOT / "docs" / "remote-write.md").read_text()
# Phases of seconds, two repeats.
QUICK = {"PYTHONPATH": str(ROOT / "tests" / "e2e" / "quick_profile")}
# A second of idle is not the same as the next on a machine that does other things too.
OF_THE_MACHINE = {"idle_not_idle"}
PORTS = (8001, 8002, 8003, 8428, 9090, 5557)


def block(language):
    """The page's first block of a language."""
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL).group(1)


@contextmanager
def process(command, folder, name, **options):
    with (folder / f"{name}.log").open("w") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **options)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.wait(60)


def wait_for(url, log):
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)


def answer(query):
    with urllib.request.urlopen(query, timeout=5) as answered:
        return json.load(answered)["data"]["result"]


def unscraped(config):
    """The same configuration without its targets."""
    return yaml.safe_dump(
        {k: v for k, v in yaml.safe_load(config).items() if k != "scrape_configs"}
    )


@pytest.fixture(scope="module")
def local():
    """The text with free ports on loopback in place of those that it names."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        free = dict(zip(PORTS, (each.getsockname()[1] for each in taken), strict=True))

    def change(text):
        for port, instead in free.items():
            text = re.sub(rf"\b{port}\b", f"@{instead}", text)
        return text.replace("@", "")

    return change


def generator(job, local, workload):
    """A Job's command, with its ConfigMap's values, here."""
    values = objects("loadtest/headless", "ConfigMap")[0]["data"] | {
        "HOST": local("127.0.0.1:8001"),
        "TARGET_METRICS": local("http://127.0.0.1:8002/metrics"),
        "TARGET_INSTANCE": local("127.0.0.1:8002"),
    }
    words = [
        local(re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], word))
        .replace("/etc/wattscan/workload.toml", str(workload))
        .replace("0.0.0.0", "127.0.0.1")
        .replace("loadtest-master", "127.0.0.1")
        for word in container_of(job)["args"]
    ]
    if "--master" in words:
        words += ["--master-bind-host=127.0.0.1", local("--master-bind-port=5557")]
    else:
        words += [local("--master-port=5557")]
    return [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest/locustfile.py"), *words]


@pytest.fixture(scope="module")
def servers(local, tmp_path_factory, need_program):
    """The addresses of a Prometheus and of the VictoriaMetrics that it wrote to, after a run."""
    prometheus = need_program("prometheus", "prometheus")
    victoria = need_program("victoria-metrics", "victoria-metrics")
    folder = tmp_path_factory.mktemp("remote-write")
    (folder / "prometheus.yml").write_text(local(block("yaml")))
    workload = folder / "workload.toml"
    text = objects("loadtest/headless", "ConfigMap")[0]["data"]["workload.toml"]
    workload.write_text(
        text.replace('"standard"', '"quick"').replace("chest-xray", "nerve-ultrasound")
    )
    program, *options = shlex.split(local(block("sh")))
    assert program == "victoria-metrics"
    addresses = {
        "prometheus": local("http://127.0.0.1:9090"),
        "victoria-metrics": local("http://127.0.0.1:8428"),
    }
    env = {**os.environ, **QUICK}
    with ExitStack() as stack:

        def start(command, name):
            return stack.enter_context(process(command, folder, name, env=env))

        start([victoria, *options], "victoria-metrics")
        wait_for(f"{addresses['victoria-metrics']}/health", folder / "victoria-metrics.log")
        serve = ("serve", "--grpc-port", local("8001"), "--metrics-port", local("8002"))
        start(wattscan(*serve), "serve")
        wait_for(local("http://127.0.0.1:8002/metrics"), folder / "serve.log")
        listen = local("--web.listen-address=127.0.0.1:9090")
        scraping = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", listen)
        scraper = start([prometheus, *scraping], "prometheus")
        wait_for(f"{addresses['prometheus']}/-/ready", folder / "prometheus.log")
        # Its first look at a target comes up to 5 s after it is ready.
        recent = "count_over_time(wattscan_sensor_up[3s])"
        asks = f"{addresses['prometheus']}/api/v1/query?query={recent}"
        wait_until(lambda: answer(asks))
        master, workers = objects("loadtest/headless", "Job")
        leading = start(generator(master, local, workload), "master")
        for number in range(workers["spec"]["parallelism"]):
            start(generator(workers, local, workload), f"worker-{number}")
        assert leading.wait(240) == 0, (folder / "master.log").read_text()
        # What comes after a run counts too: both must have the same of it.
        (folder / "prometheus.yml").write_text(unscraped(local(block("yaml"))))
        scraper.send_signal(signal.SIGHUP)
        wait_until(lambda: not answer(asks))
        time.sleep(5)  # what was scraped last is sent
        yield addresses


@pytest.fixture(scope="module")
def tables(servers, tmp_path_factory):
    made = {}
    for name, address in servers.items():
        out = tmp_path_factory.mktemp(name)
        done = subprocess.run(
            wattscan("collect", "--source", address, "--run", "run-1", "--out", out),
            capture_output=True, text=True, timeout=120, env={**os.environ, **QUICK},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made[name] = out
    return made


def test_a_remote_server_gives_the_tables_of_the_sites_own(tables):
    documents = {}
    for name, out in tables.items():
        documents[name] = json.loads((out / "tables.json").read_text())
        documents[name].pop("source")
    # A window of 4 s has two times of day.
    assert_alike(documents["prometheus"], documents["victoria-metrics"], rel=2e-5)
    pages = {(out / "tables.md").read_text() for out in tables.values()}
    assert len(pages) == 1


def test_the_run_of_the_jobs_is_measured(tables):
    document = json.loads((tables["victoria-metrics"] / "tables.json").read_text())
    assert document["run"]["run"] == "run-1"
    assert document["run"]["workload"]["senders"] == 2
    cells = document["cells"]
    assert {cell["precision"] for cell in cells} >= {"fp32", "int8"}
    for cell in cells:
        assert cell["joules_per_image"]["gross"]["mean"] > 0
        invalid = {each["code"] for each in cell["reasons"] if each["verdict"] == "invalid"}
        assert invalid <= OF_THE_MACHINE, cell["reasons"]
