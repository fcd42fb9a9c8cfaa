"""Masters and workers: one page of merged series, one conductor, workers that come and go."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from commands import WATTSCAN

pytestmark = pytest.mark.slow

NERVE = "nerve-ultrasound"
CLIENT = "wattscan_client_requests_total"
ONE_VARIANT = ("--task", NERVE, "--variants", "int8", "--reference", "int8")
SHORT_PROFILES = {"PYTHONPATH": str(Path(__file__).parent / "short_profiles")}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.parametrize("scenario", ["SingleStream", "Server", "Offline"])
def test_processes_send_together_what_one_would(service, load, scenario):
    host = ("--host", service.ready["grpc"])
    counts = {}
    for processes in ((), ("--processes", 2)):
        run = load(
            *(*host, scenario, *ONE_VARIANT, "--rate", 30, "--in-flight", 5, "--seed", 3),
            *processes,
        )
        assert run.end() == 0, run.said
        # One page, of one generator.
        assert len(run.samples("wattscan_run_info")) == 1
        counts[len(processes)] = run.total(CLIENT)
        sent = run.total("wattscan_run_senders")
        assert sent == (2 if processes and scenario != "SingleStream" else 1)
        answered = run.total(CLIENT, outcome="ok")
        assert run.total("wattscan_client_latency_seconds_count") == answered > 0
        assert run.total("wattscan_client_images_total") == answered
    if scenario == "Server":
        # The same arrivals, shared; the last ones may fall on either side of the load's end.
        assert counts[0] == pytest.approx(counts[2], abs=6)
    if scenario == "SingleStream":
        # Two loads of a second each; two streams would fill four.
        assert run.total("wattscan_client_latency_seconds_sum") < 3.5


def bench(out, *arguments):
    done = subprocess.run(
        [*WATTSCAN, "bench", *ONE_VARIANT, "--run-profile", "standard", "--scenario", "Server",
         "--rate", "25", "--out", str(out), *arguments],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **SHORT_PROFILES},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = out.iterdir()
    return json.loads((folder / "tables.json").read_text())


def test_two_workers_and_one_give_the_same_tables(tmp_path):
    one, two = bench(tmp_path / "one"), bench(tmp_path / "two", "--processes", "2")
    assert two["run"]["workload"]["senders"] == 2
    (a,), (b,) = ([*document["cells"]] for document in (one, two))
    # The same arrivals: 25 a second for 2 s in 6 windows.
    images = [sum(window["images"] for window in cell["windows"]) for cell in (a, b)]
    assert images[0] == pytest.approx(images[1], rel=0.15)
    mine, theirs = (cell["joules_per_image"]["gross"] for cell in (a, b))
    assert mine["low"] <= theirs["high"] and theirs["low"] <= mine["high"]
    # Two generators that each told all of it made it twice as much.
    assert 0.6 < mine["mean"] / theirs["mean"] < 1.6
    for document in (one, two):
        reasons = {reason["code"] for reason in document["cells"][0]["reasons"]}
        assert not reasons & {"several_generators", "load_interrupted", "second_run"}


def test_a_worker_that_dies_is_told_and_judged(service, load):
    run = load(
        *("--host", service.ready["grpc"], "Offline", *ONE_VARIANT, "--processes", 2),
        *("--min-seconds", 3, "--in-flight", 4),
    )
    run.wait_for("begin", phase="load", repeat=1)
    workers = psutil.Process(run.process.pid).children()
    assert len(workers) == 2
    workers[0].send_signal(signal.SIGKILL)
    assert run.end(120) == 0, run.said
    assert "is gone: what it sent in this window is not counted" in run.said
    assert run.total("wattscan_run_incidents_total", repeat="1", kind="worker_lost") == 1
    assert not run.samples("wattscan_run_incidents_total", repeat="2")
    assert run.total(CLIENT, repeat="2", outcome="ok") > 2
    assert run.total("wattscan_run_senders") == 1


def test_a_worker_that_comes_late_takes_part(service, load):
    port = free_port()
    master = load(
        *("--host", service.ready["grpc"], "Offline", *ONE_VARIANT, "--in-flight", 4),
        *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--expect-workers", 1, "--min-seconds", 6),
    )
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    load(*worker)
    master.wait_for("begin", phase="load", repeat=1)
    load(*worker)
    assert master.end(120) == 0, master.said
    assert re.search(r"the worker \S+ came late and takes part from this window on", master.said)
    assert master.total("wattscan_run_senders") == 2


def test_a_run_whose_workers_are_all_gone_ends(service, load):
    run = load(
        *("--host", service.ready["grpc"], "Offline", *ONE_VARIANT, "--processes", 1),
        *("--min-seconds", 30),
    )
    run.wait_for("begin", phase="load", repeat=1)
    begun = time.monotonic()
    for worker in psutil.Process(run.process.pid).children():
        worker.send_signal(signal.SIGKILL)
    assert run.end(120) == 1, run.said
    assert time.monotonic() - begun < 60
    assert "the run ended early: every worker is gone" in run.said


def test_a_worker_that_lacks_the_images_is_named(service, load, tmp_path):
    port = free_port()
    (tmp_path / NERVE).mkdir()
    master = load(
        *("--host", service.ready["grpc"], "Server", *ONE_VARIANT, "--images", tmp_path),
        *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("--expect-workers", 1),
    )
    load("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    assert master.end(120) == 2, master.said
    assert "the worker " in master.said and ": there is no image in " in master.said
