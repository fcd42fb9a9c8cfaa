"""Servers that are stopped and started again behind a proxy."""

import threading
import time

import grpc
import pytest
from peer_messages import picture

from conftest import PROXIES, Server, opened, running, wait_until_served
from wattscan.wire import wattscan_v1_pb2_grpc as rpc

CALLS = 500


@pytest.fixture(params=PROXIES)
def behind(request, tmp_path):
    """A proxy of its own before two servers of its own."""
    pair = [Server(tmp_path) for _ in range(2)]
    try:
        with running(request.param, pair, tmp_path) as address:
            yield pair, address
    finally:
        for server in pair:
            server.close()


def test_after_an_outage_calls_are_answered_again(behind):
    pair, address = behind
    with opened(address) as channel:
        stub = rpc.ImagingServiceStub(channel)
        stub.Segment(picture(32), timeout=20)
        for server in pair:
            server.stop()
        since = time.monotonic()
        with pytest.raises(grpc.RpcError) as refused:
            stub.Segment(picture(32), timeout=10)
        assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL)
        assert time.monotonic() - since < 9  # it is told; it does not wait for its deadline
        for server in pair:
            server.start()
        wait_until_served(address)
        for _ in range(20):
            stub.Segment(picture(32), timeout=20)


@pytest.mark.parametrize("clients", [1, 8])
def test_a_rolling_update_loses_no_call(behind, clients):
    """Without a retry policy."""
    pair, address = behind
    lost, sent, updated = [], [0] * clients, threading.Event()

    def steady(number):
        with opened(address) as channel:
            stub = rpc.ImagingServiceStub(channel)
            while sent[number] < CALLS or not updated.is_set():
                try:
                    stub.Segment(picture(32), timeout=20)
                except grpc.RpcError as error:
                    lost.append(f"{error.code().name}: {error.details()}")
                sent[number] += 1
                time.sleep(0.002)

    threads = [threading.Thread(target=steady, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for server in pair:
            time.sleep(1)
            server.stop()
            server.start()
            # As long as a readiness probe takes before the next one goes.
            time.sleep(3)
    finally:
        updated.set()
        for thread in threads:
            thread.join()
    assert lost == [], f"{len(lost)} of {sum(sent)}"
