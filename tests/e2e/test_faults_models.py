"""A backend that raises, hangs or ends its process, and model files that are corrupt."""

import signal
import subprocess
import sys
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rig import FAULTY, PLAIN, code_of, oip_request, typed_request, write_target

from waiting import wait_until
from wattscan.wire import open_inference_pb2 as oip

pytestmark = pytest.mark.slow

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(rig):
    stub = health_pb2_grpc.HealthStub(rig.channel)
    return stub.Check(health_pb2.HealthCheckRequest()).status


def model_ready(rig):
    return rig.oip.ModelReady(oip.ModelReadyRequest(name=PLAIN)).ready


def index_of(rig, version):
    models = rig.oip.RepositoryIndex(oip.RepositoryIndexRequest()).models
    return [(m.state, m.reason) for m in models if (m.name, m.version) == (PLAIN, str(version))]


def test_a_backend_that_raises_is_an_internal_error_without_its_words(start_rig):
    rig = start_rig()
    rig.ask()
    rig.tell("raise", "SECRET^PATIENT is in the tensor")
    for send in (
        lambda: rig.typed.Segment(typed_request(), timeout=60),
        lambda: rig.oip.ModelInfer(oip_request(), timeout=60),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            send()
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "SECRET" not in caught.value.details()
    rig.stop_telling("raise")
    rig.assert_well()
    assert rig.value("wattscan_requests_total", 'code="INTERNAL"') == 2
    wait_until(lambda: rig.value("wattscan_inference_energy_joules_total", 'outcome="failed"') > 0)
    log = rig.log.read_text()
    assert "SECRET" not in log
    assert log.count("RuntimeError at") == 2


def test_in_a_batch_that_raises_each_request_is_told(start_rig):
    rig = start_rig(typed=False, max_batch_size=4, queue_delay=0.2)
    rig.tell("raise", "no")
    sent = [rig.oip.ModelInfer.future(oip_request(n), timeout=60) for n in (1, 2, 3, 4)]
    assert [call.code().name for call in sent] == ["INTERNAL"] * 4
    rig.stop_telling("raise")
    rig.assert_well()


def test_a_backend_that_would_end_the_process_ends_a_request(start_rig):
    rig = start_rig(typed=False)
    rig.tell("exit")
    assert code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=60)) == "INTERNAL"
    rig.stop_telling("exit")
    rig.assert_well()
    assert rig.stop() == 0


def test_a_backend_that_hangs_is_noticed_and_taken_back_when_it_answers(start_rig):
    rig = start_rig("--hang-seconds", "1", typed=False)
    assert (health(rig), model_ready(rig)) == (SERVING, True)
    rig.tell("hang")
    running = rig.oip.ModelInfer.future(oip_request(1))
    wait_until(lambda: 1 in rig.computed())
    waiting = [rig.oip.ModelInfer.future(oip_request(n), timeout=30) for n in (2, 3, 4)]
    assert {call.code().name for call in waiting} == {"UNAVAILABLE"}
    wait_until(lambda: health(rig) == NOT_SERVING)
    assert not model_ready(rig)
    assert not rig.oip.ServerReady(oip.ServerReadyRequest()).ready
    assert rig.value("wattscan_queue_depth") == 0
    assert code_of(lambda: rig.oip.ModelInfer(oip_request(5), timeout=60)) == "UNAVAILABLE"

    rig.stop_telling("hang")
    assert running.result(60).id == "1"
    wait_until(lambda: health(rig) == SERVING)
    assert model_ready(rig)
    assert set(rig.computed()) == {1}
    rig.assert_well()


def test_sigterm_ends_it_within_the_grace_while_a_backend_hangs(start_rig):
    rig = start_rig("--hang-seconds", "1", "--grace", "2", typed=False)
    rig.tell("hang")
    call = rig.oip.ModelInfer.future(oip_request(1))
    wait_until(lambda: 1 in rig.computed())
    rig.process.send_signal(signal.SIGTERM)
    # Ten times the grace, and less than the usual one.
    assert rig.process.wait(20) == 1
    assert call.code().name in ("UNAVAILABLE", "CANCELLED")
    assert "Traceback" not in rig.log.read_text()


def test_sigterm_ends_it_within_the_grace_while_a_new_version_hangs_in_its_warm_up(start_rig):
    rig = start_rig("--poll", "0.1", "--grace", "2", typed=False)
    calls = rig.folder / "calls"
    before = calls.read_text()
    rig.tell("hang")
    put_version(rig, 2)
    wait_until(lambda: calls.read_text() != before)
    rig.process.send_signal(signal.SIGTERM)
    assert rig.process.wait(60) == 0


def put_version(rig, number, content=b"a good one"):
    """As a careful deployer does it: the folder is complete before it has its name."""
    folder = rig.folder / "models" / PLAIN
    (folder / "new").mkdir()
    (folder / "new" / "model.onnx").write_bytes(content)
    (folder / "new").rename(folder / str(number))


def served_version(rig):
    return int(rig.oip.ModelInfer(oip_request(), timeout=60).model_version)


def test_a_corrupt_model_at_the_start_is_one_line_and_exit_code_2(tmp_path):
    folder = tmp_path / "models" / PLAIN / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"corrupt")
    options = ["--target", str(write_target(tmp_path)), "--models", str(tmp_path / "models")]
    done = subprocess.run(
        [sys.executable, str(FAULTY), "serve", "--grpc-port", "0", *options],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert line.startswith("wattscan: the test cannot load ")


def test_a_corrupt_model_at_a_reload_leaves_the_old_one_until_it_is_mended(start_rig):
    rig = start_rig("--poll", "0.1")
    put_version(rig, 2, b"corrupt")
    wait_until(lambda: index_of(rig, 2))
    ((state, reason),) = index_of(rig, 2)
    assert state == "UNAVAILABLE"
    assert "cannot load" in reason
    assert str(rig.folder) not in reason
    assert served_version(rig) == 1
    assert code_of(
        lambda: rig.oip.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name=PLAIN))
    ) == "INVALID_ARGUMENT"  # fmt: skip
    rig.assert_well()
    assert rig.log.read_text().count("plain version 2 is refused") == 2  # by the poll, by the call

    (rig.folder / "models" / PLAIN / "2" / "model.onnx").write_bytes(b"mended, and longer")
    wait_until(lambda: served_version(rig) == 2)
    assert index_of(rig, 2) == [("READY", "")]
    rig.assert_well()


def test_a_version_that_becomes_corrupt_where_it_lies_goes_on_as_it_was(start_rig):
    rig = start_rig("--poll", "0.1", typed=False)
    path = rig.folder / "models" / PLAIN / "1" / "model.onnx"
    path.write_bytes(b"corrupt by now")
    wait_until(lambda: "UNAVAILABLE" in dict(index_of(rig, 1)))
    assert "READY" in dict(index_of(rig, 1))
    rig.assert_well()
    path.write_bytes(b"mended, and longer than it was")
    wait_until(lambda: index_of(rig, 1) == [("READY", "")])
    rig.assert_well()


@pytest.mark.parametrize("max_batch_size", [1, 4])
def test_no_request_is_lost_while_twenty_versions_come_and_go(start_rig, max_batch_size):
    rig = start_rig(
        "--poll", "0.05", typed=False, max_batch_size=max_batch_size, queue_delay=0.002
    )  # fmt: skip
    rig.tell("slow", "0.002")
    ended, seen, stopping = [], set(), threading.Event()

    def hammer(first):
        number = first
        while not stopping.is_set():
            number += 4
            try:
                answer = rig.oip.ModelInfer(oip_request(number), timeout=60)
                ended.append("OK" if answer.id == f"{number:g}" else "of another")
                seen.add(int(answer.model_version))
            except grpc.RpcError as error:
                ended.append(error.code().name)

    clients = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
    for client in clients:
        client.start()
    try:
        for version in range(2, 22):
            put_version(rig, version, b"corrupt" if version % 5 == 0 else b"a good one")
            if version % 5:
                wait_until(lambda version=version: version in seen)
            else:
                wait_until(lambda version=version: index_of(rig, version))
    finally:
        stopping.set()
        for client in clients:
            client.join(30)
    assert set(ended) == {"OK"}
    assert len(ended) > 100
    assert seen == {1, *(n for n in range(2, 22) if n % 5)}
    rig.assert_well()
