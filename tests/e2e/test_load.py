"""Every scenario over every protocol, against the real service."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from load import SHORT
from rig import TINY

pytestmark = pytest.mark.slow

NERVE = "nerve-ultrasound"
CLIENT, IMAGES = "wattscan_client_requests_total", "wattscan_client_images_total"
ONE_VARIANT = ("--task", NERVE, "--variants", "int8", "--reference", "int8")


def requests(service, protocol):
    """What the service says that it answered over a protocol."""
    with urllib.request.urlopen(service.ready["metrics"], timeout=5) as page:
        text = page.read().decode()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("wattscan_requests_total{")
        and f'protocol="{protocol}"' in line and 'code="OK"' in line and NERVE in line
    )  # fmt: skip


@pytest.mark.parametrize("scenario", ["SingleStream", "MultiStream", "Server", "Offline"])
@pytest.mark.parametrize(
    ("protocol", "label", "batch"),
    [
        ("wattscan.v1", "wattscan.v1", 1),
        ("oip", "oip", 2),
        ("oip-shm", "oip", 1),
        ("tfs", "tfs", 1),
    ],
)
def test_a_scenario_over_a_protocol(service, load, scenario, protocol, label, batch):
    before = requests(service, label)
    run = load(
        *("--host", service.ready["grpc"], scenario, *ONE_VARIANT, "--protocol", protocol),
        *("--batch", batch, "--rate", 30, "--in-flight", 4, "--users", 3),
    )
    assert run.end() == 0, run.said
    answered, images = run.total(CLIENT, outcome="ok"), run.total(IMAGES)
    assert answered > 2 and not run.total(CLIENT, outcome="error"), run.said
    each = 8 if scenario == "MultiStream" else batch
    assert images == each * answered
    per_query = 8 if (scenario, protocol) == ("MultiStream", "wattscan.v1") else 1
    # The warm-up's are served too, and not counted.
    assert requests(service, label) - before > per_query * answered
    ((labels, _),) = run.samples("wattscan_run_workload_info")
    assert (labels["protocol"], labels["batch"]) == (protocol, str(batch))
    if scenario == "SingleStream":
        # Three users, and still one stream: a query at a time.
        seconds = run.total("wattscan_client_latency_seconds_sum")
        loads = [e for e in run.events if e["event"] == "begin" and e["phase"] == "load"]
        # Loads of a second each, which three streams would fill three times.
        assert seconds <= 2 * len(loads)
    if scenario == "Server":
        assert answered + run.total(CLIENT, outcome="dropped") == pytest.approx(60, abs=40)


@pytest.mark.parametrize("protocol", ["oip", "oip-shm", "tfs"])
@pytest.mark.parametrize("source", ["drawn", "npy"])
def test_any_model_of_plain_tensors(start, load, tmp_path, protocol, source):
    service = start()
    images = source
    if source == "npy":
        meta = service.oip.ModelMetadata(_metadata(), timeout=10)
        (tmp_path / "images" / TINY).mkdir(parents=True)
        shape = [max(1, size) for size in meta.inputs[0].shape[1:]]
        np.save(tmp_path / "images" / TINY / "a.npy", np.ones(shape, np.float32))
        images = tmp_path / "images"
    run = load(
        *("--host", service.ready["grpc"], "Offline", "--model", TINY, "--protocol", protocol),
        *("--images", images, "--in-flight", 3),
    )
    assert run.end() == 0, run.said
    assert run.total(CLIENT, outcome="ok", task=TINY) > 2 and not run.total(CLIENT, outcome="error")


def _metadata():
    from wattscan.wire import open_inference_pb2 as oip

    return oip.ModelMetadataRequest(name=TINY)


def test_a_workloads_file_is_all_that_is_needed(service, load, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'''
title = "A test"
scenario = "Server"
tasks = ["{NERVE}"]
variants = ["int8"]
reference = "int8"
rate = 25
clients = 3
latency_bound = 5.0
min_queries = 40
seed = 7
''')
    run = load("--host", service.ready["grpc"], "--workload", path)
    assert run.end() == 0, run.said
    ((labels, _),) = run.samples("wattscan_run_workload_info")
    assert labels["name"] == "mine" and labels["clients"] == "3"
    assert labels["latency_bound"] == "5"
    ((info, _),) = run.samples("wattscan_run_info")
    assert (info["scenario"], info["seed"]) == ("Server", "7")
    for repeat in "12":
        # 25 queries a second for a second are too few: the load goes on.
        assert run.total(CLIENT, repeat=repeat) >= 40
    assert run.total("wattscan_client_latency_seconds_bucket", le="5") >= 80
    assert run.total("wattscan_run_queries_per_second") == 25


def test_the_highest_rate_is_found_and_sent_at(service, load):
    run = load(
        *("--host", service.ready["grpc"], "Server", *ONE_VARIANT, "--find-rate"),
        *("--latency-bound", 0.25, "--latency-percentile", 80, "--rate", 40),
    )
    assert run.end(240) == 0, run.said
    trials = [event for event in run.events if event["event"] == "trial"]
    kept = [trial["rate"] for trial in trials if trial["kept"]]
    assert kept and len(kept) < len(trials)
    found = run.total("wattscan_run_highest_queries_per_second")
    assert found == pytest.approx(max(kept), rel=1e-3)
    assert run.total("wattscan_run_queries_per_second") == pytest.approx(found)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "no scenario is chosen: name one of SingleStream, MultiStream, Server, Offline"),
        (("Server", "Offline"), "2 scenarios are chosen"),
        (("Server", "--task", "toe-xray"), "does not serve toe-xray; it serves: brain-mri, "),
        (("Server", "--variants", "fp64"), "the server has no fp64 model of 'brain-mri'; it has: "),
        (("Server", "--workload", "nope"), "there is no workload called 'nope'; there is: "),
        (("Server", "--images", "nowhere"), "there is no image in nowhere/"),
        (("Server", "--model", "m"), "models are asked for over a tensor protocol"),
        (("Server", "--protocol", "oip", "--model", "m"), "does not serve m; it serves: "),
        (("Server", "--rate", "0"), "rate must be from one query a day"),
        (("Server", "--schedule", "nowhere"), "the schedule nowhere cannot be read"),
        (("Server", "--token-file", "nowhere"), "the token file nowhere cannot be read"),
        (("Server", "--ca", "nowhere"), "nowhere cannot be read"),
    ],
)
def test_what_cannot_begin_is_one_line(service, load, arguments, told):
    run = load("--host", service.ready["grpc"], *arguments)
    assert run.end() == 2, run.said
    (line,) = [line for line in run.said.splitlines() if line.startswith("wattscan load: ")]
    assert told in line and "Traceback" not in run.said


def test_a_metrics_port_that_is_taken_is_one_line(service):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(SHORT), "--headless", "Server", "--host",
             service.ready["grpc"], "--metrics-port", port],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"the metrics page cannot be served at 127.0.0.1:{port}: " in done.stderr


def test_a_run_that_is_ended_early_is_no_success(service, load):
    run = load("--host", service.ready["grpc"], "SingleStream", *ONE_VARIANT)
    run.wait_for("begin", phase="load", repeat=1)
    run.process.send_signal(signal.SIGTERM)
    assert run.end(60) == 1, run.said
    assert "the run ended early: it was stopped" in run.said


def test_a_service_that_refuses_everything_ends_the_run_with_its_sentence(service, load, tmp_path):
    (tmp_path / NERVE).mkdir()
    (tmp_path / NERVE / "a.dcm").write_bytes(b"no image at all")
    run = load("--host", service.ready["grpc"], "SingleStream", *ONE_VARIANT, "--images", tmp_path)
    assert run.end() == 1, run.said
    assert (
        "the service refused 20 queries in a row: INVALID_ARGUMENT: the bytes are not" in run.said
    )


def test_a_service_that_is_gone_for_a_while_is_waited_for(start_service, load):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    service = start_service("--grpc-port", port)
    run = load("--host", service.ready["grpc"], "SingleStream", *ONE_VARIANT,
               "--min-seconds", 15, "--exit-code-on-error", 0)  # fmt: skip
    run.wait_for("begin", phase="load", repeat=1)
    time.sleep(0.5)
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    time.sleep(1.5)
    start_service("--grpc-port", port)
    assert run.end(300) == 0, run.said
    assert run.total("wattscan_run_incidents_total", repeat="1", kind="server_lost") >= 1
    assert not run.samples("wattscan_run_incidents_total", repeat="2")
    # Of 2,300 a second, as it was, a few are left; and it went on when the service was back.
    assert 0 < run.total(CLIENT, repeat="1", outcome="error") < 40
    assert run.total(CLIENT, repeat="2", outcome="ok") > 5
