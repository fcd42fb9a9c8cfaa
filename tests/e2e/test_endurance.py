"""Ten thousand requests of every kind, a tenth of them malformed, from several clients at once."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from malformed import IN_STREAM, INFER, MALFORMED, PREDICT, SEGMENT, data_of, good_oip, good_tfs
from rig import code_of, typed_request

from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import tensorflow_serving_pb2 as tfs
from wattscan.wire import wattscan_v1_pb2 as pb

pytestmark = pytest.mark.slow

REQUESTS, WARM_UP, CLIENTS = 10_000, 2_000, 6
GROUP, WRONG = 20, 2  # requests that a client sends in a row, and how many of them are malformed
GROWTH = 1.05


def half(number):
    return np.full(16, number / 2, "<f4").tobytes()


class Client:
    """A connection; a group of requests at a time."""

    def __init__(self, rig):
        self.channel = rig.new_channel()

    def send(self, method, message):
        return self.channel.unary_unary(method)(data_of(message), timeout=30)

    def good(self, number):
        """One request, its answer checked."""
        kind = number % 6
        if kind == 0:
            typed = pb.SegmentResponse.FromString(self.send(SEGMENT, typed_request(value=9)))
            assert (typed.mask.height, len(typed.mask.pixels)) == (8, 64)
        elif kind % 2:
            answer = oip.ModelInferResponse.FromString(self.send(INFER, good_oip(number)))
            assert answer.id == f"{number:g}"
            assert answer.raw_output_contents[1] == half(number)
        else:
            predicted = tfs.PredictResponse.FromString(self.send(PREDICT, good_tfs(number)))
            assert predicted.outputs["mask"].tensor_content == half(number)

    def group(self, number):
        """Unary requests, the last ones malformed; every fourth group is a stream."""
        if number % 4 == 3:
            self.stream(number)
            return
        for each in range(GROUP - WRONG):
            self.good(number * GROUP + each)
        for each in range(WRONG):
            method, data, code = MALFORMED[(number * WRONG + each) % len(MALFORMED)]
            assert code_of(lambda method=method, data=data: self.send(method, data)) == code

    def stream(self, number):
        wrong = [IN_STREAM[(number * WRONG + each) % len(IN_STREAM)] for each in range(WRONG)]
        sent = [*(data_of(good_oip(number)) for _ in range(GROUP - WRONG)), *wrong]
        sent = sent[:: 1 if number % 8 == 3 else -1]
        stream = self.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        answers = [oip.ModelStreamInferResponse.FromString(a) for a in stream(iter(sent))]
        assert len(answers) == GROUP
        for data, answer in zip(sent, answers, strict=True):
            assert bool(answer.error_message) == (data in wrong), answer.error_message
            if data not in wrong:
                assert answer.infer_response.raw_output_contents[1] == half(number)


def run(clients, first, count):
    """So many requests, shared out among the clients' threads."""
    numbers = range(first // GROUP, (first + count) // GROUP)
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(lambda n: clients[n % len(clients)].group(n), numbers))


def settled_memory(rig):
    """The resident set, once it has not changed for a second."""
    sizes = [rig.stats.memory_info().rss]
    while len(sizes) < 3 or len(set(sizes[-3:])) > 1:
        assert len(sizes) < 60
        time.sleep(0.5)
        sizes.append(rig.stats.memory_info().rss)
    return sizes[-1]


def test_every_malformed_request_gets_its_status(start_rig):
    rig = start_rig(real=True)
    client = Client(rig)
    assert len(MALFORMED) >= 15
    for method, data, code in MALFORMED:
        with pytest.raises(grpc.RpcError) as caught:
            client.send(method, data)
        assert (method, caught.value.code().name) == (method, code)
        assert "SECRET" not in caught.value.details()
    rig.assert_well()
    log = rig.log.read_text()
    assert "ERROR" not in log
    assert "SECRET" not in log


def test_ten_thousand_mixed_requests_end_as_they_should_and_memory_does_not_grow(start_rig):
    rig = start_rig(real=True)
    clients = [Client(rig) for _ in range(CLIENTS)]
    run(clients, 0, WARM_UP)
    before, files, threads = settled_memory(rig), rig.stats.num_fds(), rig.stats.num_threads()
    run(clients, WARM_UP, REQUESTS - WARM_UP)
    after = settled_memory(rig)
    assert after <= before * GROWTH, f"{before} -> {after} bytes"
    assert rig.stats.num_fds() <= files
    assert rig.stats.num_threads() <= threads + CLIENTS
    good = REQUESTS * (GROUP - WRONG) // GROUP
    assert rig.value("wattscan_requests_total", 'code="OK"') == good
    assert rig.value("wattscan_requests_total", 'code="INTERNAL"') == 0
    assert rig.value("wattscan_queue_depth") == 0
    print(f"{before / 2**20:.1f} MiB -> {after / 2**20:.1f} MiB")
    for client in clients:
        client.channel.close()
    rig.assert_well()
    assert "ERROR" not in rig.log.read_text()
