"""What one connection and one client may have, told to a real service."""

import threading
import time

import grpc
import pytest
from rig import code_of, oip_request

from waiting import wait_until

CODE = grpc.StatusCode


def test_a_connection_that_is_too_old_is_replaced_and_loses_no_call(start_rig):
    rig = start_rig("--max-connection-seconds", "0.5", typed=False)
    peers, end = set(), time.monotonic() + 3
    while time.monotonic() < end:
        call = rig.oip.ModelInfer.with_call(oip_request(1), timeout=10)[1]
        assert call.code() is CODE.OK
        peers.update(
            connection.raddr.port
            for connection in rig.stats.net_connections()
            if connection.status == "ESTABLISHED"
        )
    assert len(peers) > 2


def test_one_client_has_so_many_calls_and_another_has_its_own(start_rig):
    rig = start_rig("--max-client-calls", "4", typed=False)
    over = threading.Event()

    def nothing():
        over.wait(30)
        yield from ()

    send = rig.channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
    calls = []

    def no_place_is_left():
        # One more each time: a silent call may come while the call that asks has the last place.
        calls.append(send.future(nothing()))
        return code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=5)) != "OK"

    try:
        wait_until(no_place_is_left)
        with pytest.raises(grpc.RpcError) as refused:
            rig.oip.ModelInfer(oip_request(), timeout=5)
        assert refused.value.code() is CODE.RESOURCE_EXHAUSTED
        assert "4 of this client's calls are open already" in refused.value.details()
    finally:
        over.set()
        for call in calls:
            call.cancel()
    wait_until(lambda: code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=5)) == "OK")


def test_a_message_that_does_not_come_is_given_up(start_rig):
    rig = start_rig("--message-seconds", "0.5", typed=False)
    over = threading.Event()

    def nothing():
        over.wait(30)
        yield b""

    send = rig.channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
    call = send.future(nothing())
    try:
        assert call.exception(10).code() is CODE.CANCELLED
    finally:
        over.set()
    assert code_of(lambda: rig.oip.ModelInfer(oip_request(), timeout=5)) == "OK"
