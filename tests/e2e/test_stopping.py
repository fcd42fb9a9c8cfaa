"""It stops cleanly: the service, and the whole run."""

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydicom.data import get_testdata_file

from commands import WATTSCAN, heed_hangup
from waiting import wait_until
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

REQUEST = pb.SegmentRequest(
    task="nerve-ultrasound",
    precision=pb.PRECISION_FP32,
    image=pb.Image(encoded=Path(get_testdata_file("examples_rgb_color.dcm")).read_bytes()),
)
STATUS = health_pb2.HealthCheckResponse


class Clients:
    """Threads that send one request after another and note how each ended, and what health says to
    one that was refused."""

    def __init__(self, service, count=6):
        self.stub = service.stub
        self.health = health_pb2_grpc.HealthStub(service.channel)
        self.ended = []
        self.health_after = []
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while True:
            try:
                self.stub.Segment(REQUEST, timeout=20)
                self.ended.append("OK")
            except grpc.RpcError as error:
                self.ended.append(error.code().name)
                self.health_after.append(self._health())
                return

    def _health(self):
        with suppress(grpc.RpcError):
            return self.health.Check(health_pb2.HealthCheckRequest(), timeout=20).status
        return None

    def join(self):
        for thread in self.threads:
            thread.join(30)
        return self.ended


def test_sigterm_under_load_loses_no_accepted_request(start_service, nerve_only):
    service = start_service("--models", nerve_only)
    seen = []

    def watch():
        stub = health_pb2_grpc.HealthStub(service.channel)
        try:
            for answer in stub.Watch(health_pb2.HealthCheckRequest(service="")):
                seen.append(answer.status)
        except grpc.RpcError:
            pass

    watcher = threading.Thread(target=watch)
    watcher.start()
    clients = Clients(service)
    wait_until(lambda: len(clients.ended) >= 50, 60)
    service.process.send_signal(signal.SIGTERM)
    codes = clients.join()
    assert service.process.wait(30) == 0
    watcher.join(30)
    assert codes.count("OK") >= 50
    # Every client ends with the one refusal that tells it to go elsewhere.
    assert sorted(set(codes)) == ["OK", "UNAVAILABLE"]
    assert seen == [STATUS.SERVING, STATUS.NOT_SERVING]
    # Health said so before the first was refused: none is refused by a service that says it serves.
    assert STATUS.SERVING not in clients.health_after
    assert "stopped" in service.log.read_text()


@pytest.mark.parametrize("numbers", [(15, 2), (2, 15), (15, 15, 2, 2)])
def test_several_signals_at_once_stop_it_too(start_service, nerve_only, numbers):
    service = start_service("--models", nerve_only)
    for number in numbers:
        service.process.send_signal(number)
    assert service.process.wait(15) == 0
    assert "stopped" in service.log.read_text()


@pytest.mark.parametrize("numbers", [(2,), (15,), (15, 15, 2)])
def test_a_signal_before_it_is_ready_ends_it(tmp_path, numbers):
    """Here while it waits for a sensor's file, a pipe that never says anything."""
    pipe = tmp_path / "class" / "powercap" / "intel-rapl:0" / "name"
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [*WATTSCAN, "serve", "--sysfs", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    writer = opened_by_a_reader(pipe)
    for number in numbers:
        process.send_signal(number)
    _, told = process.communicate(timeout=30)
    os.close(writer)
    assert process.returncode == 130
    assert told.endswith("wattscan: interrupted before it was ready\n")
    assert "Traceback" not in told


def opened_by_a_reader(pipe):
    def opened():
        with suppress(OSError):  # nobody reads yet
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)

    return wait_until(opened, 60)


def test_a_probe_sees_it_serve_and_then_not(start_service, nerve_only):
    service = start_service("--models", nerve_only)
    probe = [*WATTSCAN, "health", service.ready["grpc"]]
    assert subprocess.run(probe, capture_output=True, text=True).stdout == "SERVING\n"
    service.stop()
    gone = subprocess.run(probe, capture_output=True, text=True)
    assert gone.returncode == 2
    assert gone.stderr.startswith("wattscan: ")
    assert gone.stderr.count("\n") == 1


@contextmanager
def bench_under_load(folder):
    """A run in its first load phase, and its children: the service and the generator."""
    bench = subprocess.Popen(
        [*WATTSCAN, "bench", "--out", str(folder)],
        stderr=subprocess.PIPE, text=True, preexec_fn=heed_hangup,  # noqa: PLW1509
    )  # fmt: skip
    try:
        for line in bench.stderr:
            if ": load" in line:
                break
        time.sleep(2)
        children = psutil.Process(bench.pid).children(recursive=True)
        named = {kind: c for c in children for kind in ("serve", "locust") if kind in c.cmdline()}
        assert set(named) == {"serve", "locust"}
        yield bench, named
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        bench.kill()
        bench.wait()
        bench.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize(("killed", "name"), [("serve", "the service"), ("locust", "the load gen")])
def test_a_part_that_is_killed_ends_the_run_at_once_and_says_so(tmp_path, killed, name):
    with bench_under_load(tmp_path) as (bench, children):
        children[killed].kill()
        rest = bench.stderr.read()
        assert bench.wait(20) == 2
        assert f"wattscan: {name}" in rest
        assert "was ended by SIGKILL" in rest
        assert "Traceback" not in rest


@pytest.mark.slow
def test_a_killed_run_takes_its_parts_with_it(tmp_path):
    with bench_under_load(tmp_path) as (bench, _):
        bench.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_but_an_incomplete_recording(tmp_path, number):
    with bench_under_load(tmp_path) as (bench, _):
        bench.send_signal(number)
        rest = bench.stderr.read()
        assert bench.wait(30) == 130
        assert "interrupted" in rest
        assert "Traceback" not in rest
    (folder,) = tmp_path.iterdir()
    recording = folder / "recording.om"
    assert "# EOF" not in recording.read_text()
    reduced = subprocess.run(
        [*WATTSCAN, "collect", "--source", str(recording)],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert reduced.returncode == 0, reduced.stderr
    assert "incomplete_run" in reduced.stdout
    assert "invalid" in reduced.stdout


def test_a_service_that_has_dropped_a_model_drains_too(start_service):
    """OpenVINO's plug-in takes the main thread's stack for signals with it, if it is unloaded."""
    service = start_service()
    unload = service.channel.unary_unary("/inference.GRPCInferenceService/RepositoryModelUnload")
    for name in service.ready["models"]:
        unload(oip.RepositoryModelUnloadRequest(model_name=name).SerializeToString())
    assert service.stop() == 0
    assert "stopped" in service.log.read_text()
