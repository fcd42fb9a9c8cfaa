"""MLPerf's LoadGen against a gRPC service, scenario Server; needs mlcommons-loadgen and grpcio.

    loadgen_sut.py ADDRESS METHOD FOLDER RATE SECONDS OUT

FOLDER has the requests' bytes, a file each. OUT gets, as JSON, LoadGen's percentiles (s) and when
each query was issued (s from the first).
"""

import json
import re
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import grpc
import mlperf_loadgen as lg

PERCENTILES = ("50.00", "90.00", "99.00")


class Service:
    """The system under test: a call for each sample."""

    def __init__(self, address, method, messages):
        options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel(address, options=options)
        self.call = self.channel.unary_unary(method, None, None)
        self.messages = messages
        self.issued = []
        self.lock = threading.Lock()

    def issue(self, samples):
        self.issued.append(time.perf_counter())
        for sample in samples:
            message = self.messages[sample.index % len(self.messages)]
            future = self.call.future(message, timeout=30)
            future.add_done_callback(partial(self.complete, sample=sample))

    def complete(self, done, sample):
        done.result()
        with self.lock:
            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0)])


def main():
    address, method, folder, rate, seconds, out = sys.argv[1:]
    messages = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    service = Service(address, method, messages)
    grpc.channel_ready_future(service.channel).result(10)
    for message in messages:  # a warm-up, as ours has one
        service.call(message, timeout=30)
    settings = lg.TestSettings()
    settings.scenario, settings.mode = lg.TestScenario.Server, lg.TestMode.PerformanceOnly
    settings.server_target_qps = float(rate)
    settings.server_target_latency_ns = 10**9
    settings.min_duration_ms = int(1000 * float(seconds))
    settings.min_query_count = 1
    # The same arrivals each time.
    settings.schedule_rng_seed, settings.sample_index_rng_seed, settings.qsl_rng_seed = 7, 8, 9
    with tempfile.TemporaryDirectory() as logs:
        log = lg.LogSettings()
        log.log_output.outdir = logs
        log.log_output.copy_summary_to_stdout = False
        sut = lg.ConstructSUT(service.issue, lambda: None)
        count = len(messages)
        library = lg.ConstructQSL(count, count, lambda _: None, lambda _: None)
        lg.StartTestWithLogSettings(sut, library, settings, log)
        lg.DestroyQSL(library)
        lg.DestroySUT(sut)
        summary = (Path(logs) / "mlperf_log_summary.txt").read_text()
    told = dict(re.findall(r"^(\S+) percentile latency \(ns\)\s*: (\d+)", summary, re.MULTILINE))
    first = service.issued[0]
    found = {
        "percentiles": [int(told[name]) / 1e9 for name in PERCENTILES],
        "due": [at - first for at in service.issued],
    }
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
