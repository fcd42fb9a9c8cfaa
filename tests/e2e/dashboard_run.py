"""A run that the dashboards can show: a service with sensors that stand in for a device's, a load
generator, and a real Prometheus with the committed configuration and rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import psutil
import trustme
import yaml
from servers import free_port, running

from commands import WATTSCAN
from fake_rapl import FakeRapl
from service_process import ServiceProcess
from wattscan.wire import wattscan_v1_pb2 as pb
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docker" / "prometheus"
PROFILES = Path(__file__).parent / "dashboard_profiles"
RUN, TASK, HOST = "dashboard-run", "nerve-ultrasound", "127.0.0.1"
SCRAPE_SECONDS = 0.5
IDLE_WATTS, BUSY_WATTS = 20.0, 30.0
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TARGET = """
title = "A device that stands in for one"
sample_interval_seconds = 0.1
queue_limit = 2
[batching]
max_batch_size = 4
[backend]
name = "onnxruntime"
[[sensors]]
name = "rapl"
uncertainty_ratio = 0.05
[[sensors]]
name = "nvml"
[[sensors]]
name = "thermal_zone"
"""


class Machine(FakeRapl):
    """A package that takes more while the service computes, a thermal zone that follows it, and the
    level of the GPU."""

    def __init__(self, folder):
        self.zone_file = folder / "sys" / "class" / "thermal" / "thermal_zone0" / "temp"
        self.zone_file.parent.mkdir(parents=True)
        (self.zone_file.parent / "type").write_text("x86_pkg_temp")
        self.level = folder / "level"
        self.process = None
        self.energy, self.then, self.busy, self.looked = 0.0, time.monotonic(), 0.0, 0.0
        super().__init__(folder / "sys")

    def write(self):
        now = time.monotonic()
        self.energy += (now - self.then) * (IDLE_WATTS + BUSY_WATTS * self.busy)
        self.then = now
        _put(self.counter, str(round(self.energy * 1e6)))
        if now - self.looked > 0.2:
            self.looked = now
            used = self.process.cpu_percent() / 100 if self.process else 0.0
            self.busy = min(1.0, used)
            # No zone shows one figure to the thousandth for ever.
            _put(self.zone_file, str(round(45_000 + 8_000 * self.busy + now * 1e3 % 97)))
            _put(self.level, f"{self.busy:.3f}")


def _put(path, text):
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


class Tls:
    """A certificate of its own, in files."""

    def __init__(self, folder):
        authority = trustme.CA()
        made = authority.issue_cert(HOST)
        self.ca, self.cert, self.key = (folder / f"{name}.pem" for name in ("ca", "cert", "key"))
        self.ca.write_bytes(authority.cert_pem.bytes())
        self.cert.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        self.key.write_bytes(made.private_key_pem.bytes())


class Service(ServiceProcess):
    """`wattscan serve`, over TLS."""

    def __init__(self, folder, driver, machine, models):
        self.tls = Tls(folder)
        (folder / "clinic.toml").write_text(TARGET)
        arguments = [
            *("--target", folder / "clinic.toml", "--models", models, "--sysfs", folder / "sys"),
            *("--tls-cert", self.tls.cert, "--tls-key", self.tls.key),
        ]
        gpu = {"COUNT": "1", "WATTS_0": "60", "LEVEL": str(machine.level), "DEGREES_0": "51"}
        # 0x20: it limits its clock for heat (NVML API: ClocksEventReasonSwThermalSlowdown).
        gpu["CLOCKS_0"] = str(0x20)
        env = {"LD_LIBRARY_PATH": str(driver), **{f"NVML_{k}": v for k, v in gpu.items()}}
        env |= {"XDG_CACHE_HOME": str(folder / "cache")}
        super().__init__(folder / "serve.log", *arguments, environment=env)
        machine.process = psutil.Process(self.process.pid)
        self.page = urllib.parse.urlsplit(self.ready["metrics"]).netloc

    def burst(self, clients, seconds):
        """So many clients at once, each with a trace; and one that sends what is no image."""
        credentials = grpc.ssl_channel_credentials(self.tls.ca.read_bytes())
        pixels = np.full((420, 580), 90, np.uint8)
        raw = pb.RawTensor(data_type=pb.DATA_TYPE_UINT8, shape=pixels.shape, data=pixels.tobytes())
        traced = [("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")]

        def ask(number):
            precision = (pb.PRECISION_FP32, pb.PRECISION_INT8)[number % 2]
            image = pb.Image(raw=raw) if number else pb.Image(encoded=b"no image")
            request = pb.SegmentRequest(task=TASK, precision=precision, image=image)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                try:
                    stub.Segment(request, metadata=traced, timeout=30)
                except grpc.RpcError:
                    time.sleep(0.05)  # the queue is full, or it is no image

        with grpc.secure_channel(self.ready["grpc"], credentials) as channel:
            stub = rpc.ImagingServiceStub(channel)
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(ask, range(clients)))


class Prometheus:
    """The committed configuration, with the addresses and the pace of a test."""

    def __init__(self, folder, service, generator_port, cells_port):
        config = yaml.safe_load((COMMITTED / "prometheus.yml").read_text("utf-8"))
        pace = f"{round(1000 * SCRAPE_SECONDS)}ms"
        config["global"] = {"scrape_interval": pace, "evaluation_interval": "1s"}
        config["rule_files"] = [str(COMMITTED / name) for name in config["rule_files"]]
        target, generator = config["scrape_configs"]
        target |= {"scheme": "https", "tls_config": {"ca_file": str(service.tls.ca)}}
        for scraped, address in ((target, service.page), (generator, f"{HOST}:{generator_port}")):
            scraped["scrape_interval"] = scraped["scrape_timeout"] = pace
            scraped["static_configs"] = [{"targets": [address]}]
        # As docs/dashboards.md says that a run's cells are taken in.
        cells = {
            "job_name": "wattscan-cells", "scrape_interval": pace, "scrape_timeout": pace,
            "static_configs": [{"targets": [f"{HOST}:{cells_port}"]}],
        }  # fmt: skip
        config["scrape_configs"].append(cells)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.folder, self.port = folder, free_port()
        self.address = f"http://{HOST}:{self.port}"

    def run(self):
        command = [
            "prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}", "--log.level=error",
            f"--web.listen-address={HOST}:{self.port}", "--enable-feature=exemplar-storage",
        ]  # fmt: skip
        return running(command, self.address, "/-/ready")

    def ask(self, path, **parameters):
        url = f"{self.address}/api/v1/{path}"
        body = urllib.parse.urlencode(parameters, doseq=True).encode()
        with urllib.request.urlopen(url, body, timeout=60) as answer:
            return json.load(answer)["data"]


class Cells:
    """A web server with the cells of a run, once there are some."""

    def __init__(self, file):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                text = file.read_bytes() if file.exists() else b"# EOF\n"
                self.send_response(200)
                self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def generate(service, port, folder):
    """One whole run of the load generator; returns when it has ended."""
    command = [
        *(sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py")),
        *("--headless", "--only-summary", "--host", service.ready["grpc"], "SingleStream"),
        # Enough for a p99, however slow the machine is.
        *("--task", TASK, "--min-queries", "340", "--run-profile", "quick", "--run-id", RUN),
        *("--target", "clinic", "--target-instance", service.page, "--metrics-port", str(port)),
        *("--target-metrics", service.ready["metrics"], "--ca", str(service.tls.ca)),
    ]
    with (folder / "generator.log").open("w") as log:
        done = subprocess.run(
            command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(PROFILES)}
        )
    assert done.returncode == 0, (folder / "generator.log").read_text()


def collect(prometheus, folder):
    """The tables of the run, from Prometheus."""
    done = subprocess.run(
        [*WATTSCAN, "collect", "--source", prometheus.address, "--run", RUN, "--out", folder],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PROFILES)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "tables.json").read_text("utf-8"))


def pause(scrapes):
    """Long enough for so many scrapes of every page."""
    threading.Event().wait(scrapes * SCRAPE_SECONDS)
