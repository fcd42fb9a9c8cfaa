"""Clients that die, pause, cancel, or wait no longer."""

import random
import signal
import subprocess
import sys
import time

import grpc
import numpy as np
import pytest
from rig import code_of, oip_request, typed_request

from waiting import wait_until

pytestmark = pytest.mark.slow

# Sends one request after another, typed and over OIP in turn, until it is killed.
_CLIENT = """
import sys, grpc, numpy as np
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/.."]
from rig import NERVE, oip_request
from wattscan.wire import open_inference_pb2_grpc as oip_rpc
from wattscan.wire import wattscan_v1_pb2 as pb, wattscan_v1_pb2_grpc as rpc
channel = grpc.insecure_channel(sys.argv[1], [("grpc.max_send_message_length", -1)])
typed, oip = rpc.ImagingServiceStub(channel), oip_rpc.GRPCInferenceServiceStub(channel)
raw = pb.RawTensor(data_type=pb.DATA_TYPE_FP32, shape=[2000, 2000], data=bytes(16_000_000))
image = pb.Image(raw=raw)
large = pb.SegmentRequest(task="nerve-ultrasound", precision=pb.PRECISION_FP32, image=image)
many = oip_request(2.0, rows=1000)
many.parameters["padding"].string_param = "x" * 200_000
print("ready", flush=True)
while True:
    sent = [typed.Segment.future(large), oip.ModelInfer.future(many), typed.Segment.future(large)]
    for call in sent:
        call.exception()
"""


def queue_is_empty(rig):
    return rig.value("wattscan_queue_depth") == 0


def test_clients_that_are_killed_at_any_moment_leave_nothing_behind(start_rig, request):
    rig = start_rig()
    rig.tell("slow", "0.03")
    rig.ask()
    files, chance = rig.stats.num_fds(), random.Random(5)
    command = [sys.executable, "-c", _CLIENT, rig.ready["grpc"], str(request.path.parent)]
    for _ in range(12):
        # In the middle of a body, of a computation, or of an answer: wherever it is by then.
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert client.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.15))
        client.kill()
        client.wait()
        client.stdout.close()
    rig.stop_telling("slow")
    rig.assert_well(files)
    wait_until(lambda: queue_is_empty(rig))
    assert rig.value("wattscan_requests_total", 'code="INTERNAL"') == 0


def cancel_before_they_are_sent(rig, numbers):
    for number in numbers:
        rig.oip.ModelInfer.future(oip_request(number)).cancel()


@pytest.mark.parametrize("max_batch_size", [1, 4])
def test_a_thousand_cancelled_requests_and_none_that_waited_is_computed(start_rig, max_batch_size):
    rig = start_rig(typed=False, max_batch_size=max_batch_size, queue_delay=0.005)
    rig.ask()
    cancelled, kept = set(), set()
    for batch in range(25):
        rig.tell("hang")
        first = 1000 * (batch + 1)
        running = rig.oip.ModelInfer.future(oip_request(first))
        wait_until(lambda first=first: first in rig.computed())
        numbers = range(first + 1, first + 41)
        waiting = {n: rig.oip.ModelInfer.future(oip_request(n)) for n in numbers}
        if batch % 2:  # in the queue; else wherever they are on their way to it
            wait_until(lambda: rig.value("wattscan_queue_depth") == 40)
        for number, call in waiting.items():
            (cancelled if number % 10 else kept).add(number)
            if number % 10:
                call.cancel()
        if batch % 3 == 0:
            running.cancel()  # while it is computed
        # Four may be there for a moment while the others are still coming.
        wait_until(lambda: rig.value("wattscan_queue_depth") == 4)
        time.sleep(0.2)
        wait_until(lambda: rig.value("wattscan_queue_depth") == 4)
        rig.stop_telling("hang")
        for number in kept & waiting.keys():
            assert waiting[number].result(60).id == f"{number:g}"
        if batch % 3:
            assert running.result(60).id == f"{first:g}"
    assert len(cancelled) == 900
    cancel_before_they_are_sent(rig, range(90_000, 90_100))
    rig.assert_well()
    assert not cancelled & set(rig.computed())
    assert kept <= set(rig.computed())
    wait_until(lambda: queue_is_empty(rig))
    count = rig.value("wattscan_requests_total", 'code="OK"')
    # Two good ones of our own, and of the hundred whichever were too late.
    late = sum(number >= 90_000 for number in rig.computed())
    # One cancelled in its engine's last moment may have been answered.
    assert count <= 2 + len(kept) + 25 + late
    assert rig.value("wattscan_requests_total", 'code="INTERNAL"') == 0


def test_what_expires_in_the_queue_is_never_computed(start_rig):
    rig = start_rig(max_batch_size=4, queue_delay=0.005)
    rig.tell("hang")
    running = rig.oip.ModelInfer.future(oip_request(1))
    wait_until(lambda: 1 in rig.computed())
    shorts = [rig.oip.ModelInfer.future(oip_request(n), timeout=0.3) for n in range(100, 130)]
    asked = [oip_request(n) for n in range(200, 210)]
    for message in asked:
        message.parameters["timeout"].int64_param = 300_000
    own = [rig.oip.ModelInfer.future(message) for message in asked]
    assert {call.code().name for call in (*shorts, *own)} == {"DEADLINE_EXCEEDED"}
    rig.stop_telling("hang")
    assert running.result(60).id == "1"
    rig.assert_well()
    assert set(rig.computed()) == {1}
    assert code_of(lambda: rig.typed.Segment(typed_request(), timeout=1e-4)) == "DEADLINE_EXCEEDED"


def test_a_client_that_is_paused_holds_up_nobody(start_rig, request):
    rig = start_rig()
    command = [sys.executable, "-c", _CLIENT, rig.ready["grpc"], str(request.path.parent)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert client.stdout.readline() == "ready\n"
        time.sleep(0.1)
        client.send_signal(signal.SIGSTOP)
        rig.ask(timeout=10)
        rig.assert_well()
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
    rig.assert_well()


def test_a_stream_that_is_cancelled_half_way_computes_no_more(start_rig):
    rig = start_rig(typed=False)
    rig.tell("slow", "0.05")
    for first in range(100, 600, 100):
        stream = rig.oip.ModelStreamInfer(iter([oip_request(first + n) for n in range(50)]))
        assert next(stream).infer_response.id == f"{first}"
        stream.cancel()
        with pytest.raises(grpc.RpcError):
            next(stream)
    time.sleep(0.3)
    computed = np.array(rig.computed())
    # The one that was answered, the one that was being computed, and the next.
    assert all(np.sum((computed >= n) & (computed < n + 100)) <= 3 for n in range(100, 600, 100))
    rig.assert_well()
