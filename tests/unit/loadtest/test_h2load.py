"""The serving benchmark's clients: what h2load says, and what it does."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from concurrent import futures

import grpc
import psutil
import pytest

from loadtest.serving import __main__ as cli
from loadtest.serving import calls, client, h2load
from loadtest.serving.connection import TensorConnection
from loadtest.serving.networks import BenchmarkError
from loadtest.serving.servers import ROOT
from waiting import wait_until

# h2load 1.52, three requests, each answered with 1,000 bytes.
SAID = """\
starting benchmark...
spawning thread #0: 1 total client(s). 3 total requests
Application protocol: h2c
progress: 33% done
progress: 66% done
progress: 100% done

finished in 10.90ms, 275.22 req/s, 297.16KB/s
requests: 3 total, 3 started, 3 done, 3 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 3 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.24KB (3317) total, 93B (93) headers (space savings 67.93%), 2.94KB (3015) data
                     min         max         mean         sd        +/- sd
time for request:      320us      5.25ms       806us      1.40ms    91.67%
time for connect:      731us       731us       731us         0us   100.00%
time to 1st byte:     6.04ms      6.04ms      6.04ms         0us   100.00%
req/s           :     282.54      282.54      282.54        0.00   100.00%
"""
REFUSED = """\
starting benchmark...
spawning thread #0: 1 total client(s). 3 total requests

finished in 219us, 0.00 req/s, 0B/s
requests: 3 total, 0 started, 0 done, 0 succeeded, 3 failed, 3 errored, 0 timeout
status codes: 0 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 0B (0) total, 0B (0) headers (space savings 0.00%), 0B (0) data
"""
LOG = "1795432355610039\t200\t5250\n1795432355615329\t200\t384\n1795432355615722\t200\t598\n"
ANSWER = b"x" * 1000


@pytest.fixture
def installed(need_program):
    need_program("h2load", "nghttp2-client")


@contextlib.contextmanager
def serving(fails):
    """A gRPC server's address; `fails` is asked with each request's number."""
    numbers = itertools.count()

    def answer(_request, context):
        if fails(next(numbers)):
            context.abort(grpc.StatusCode.INTERNAL, "no")
        return ANSWER

    class Handler(grpc.GenericRpcHandler):
        def service(self, _details):
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def load(address, folder):
    """Two clients, for a tenth of a second."""
    call = calls.RepeatedCall("/a.B/C", bytes(50_000), lambda _answer: None)
    job = client.LoadJob("oip", address, "light", (2,), 0.1, os.getpid(), "", str(folder))
    with contextlib.closing(TensorConnection(address, call)) as connection:
        return client.load(job, connection, 2)


@pytest.fixture
def silent(tmp_path):
    """A request to a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.B/C"
        yield h2load.request(tmp_path, url, b"", 0)


def test_a_summary():
    assert h2load.body_bytes(SAID, 3) == 3015


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (REFUSED, "under load: requests: 3 total, 0 started"),
        (SAID.replace("3 succeeded, 0 failed", "2 succeeded, 1 failed"), "2 succeeded, 1 failed"),
        (SAID.replace("3 total, 3 started, 3 done, 3", "4 total, 4 started, 4 done, 4"), "4 total"),
        ("-d: Could not open file x\n", "under load: -d: Could not open file x"),
        ("", "h2load said nothing"),
    ],
)
def test_what_did_not_succeed_is_an_error(said, message):
    with pytest.raises(BenchmarkError, match=message):
        h2load.body_bytes(said, 3)


def test_a_missing_answer_is_an_error():
    h2load.check(3015, 3, 1005)
    h2load.check(3015, 3, 1001)
    for size in (2010, 4020, 2512):
        with pytest.raises(BenchmarkError, match=f"3 answers have {size} bytes, not 3015"):
            h2load.check(size, 3, 1005)


def test_a_log():
    spans = h2load.logged(LOG, 3)
    assert spans[0] == (1795432355610039, 1795432355615289)
    assert [end - start for start, end in spans] == [5250, 384, 598]
    assert h2load.logged(LOG.replace("\n", "\tanother column\n"), 3) == spans
    with pytest.raises(BenchmarkError, match="logged 3 requests of 4"):
        h2load.logged(LOG, 4)


def test_a_body_is_framed_as_grpc_does(tmp_path):
    made = h2load.request(tmp_path, "http://127.0.0.1:1/a.B/C", b"message", 1000)
    assert made.body.read_bytes() == b"\0\0\0\0\7message"
    assert made.answer == 1005


def test_a_missing_program_is_told_before_any_server_starts(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["--servers", "wattscan"]) == 2
    assert capsys.readouterr().err == (
        "loadtest.serving: h2load is not installed: apt-get install nghttp2-client\n"
    )


@pytest.mark.usefixtures("installed")
def test_good_answers_are_a_window(tmp_path):
    with serving(lambda _number: False) as address:
        found = load(address, tmp_path)
    assert found.clients == 2
    assert found.inferences >= 2
    assert found.inferences % 2 == 0
    assert 0 < found.p50 < found.wall
    assert 0 < found.client_cpu < 5
    assert found.server_cpu >= 0


@pytest.mark.usefixtures("installed")
# One is checked; the warm-up has 24.
@pytest.mark.parametrize("first", [1, 25])
def test_answers_with_an_error_status_are_noticed(first, tmp_path):
    with (
        serving(lambda number: number >= first and number % 2) as address,
        pytest.raises(BenchmarkError, match="answers have"),
    ):
        load(address, tmp_path)


@pytest.mark.usefixtures("installed")
def test_a_request_that_hangs_is_an_error_and_nothing_is_left(silent):
    before = psutil.Process().children()
    with pytest.raises(BenchmarkError, match="hang: not done within 0 s"):
        h2load.run(silent, 2, 1, 0.2)
    assert psutil.Process().children() == before


@pytest.mark.usefixtures("installed")
def test_it_ends_with_the_benchmark(silent):
    code = (
        "import sys; from pathlib import Path; from loadtest.serving.h2load import Request, run; "
    )
    code += "url, body, log = sys.argv[1:]; run(Request(url, Path(body), Path(log), 0), 1, 1, 60)"
    arguments = [silent.url, str(silent.body), str(silent.log)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT) as benchmark:
        wait_until(silent.log.exists)  # h2load itself makes it
        (child,) = psutil.Process(benchmark.pid).children()
        assert child.name() == "h2load"
        benchmark.send_signal(signal.SIGKILL)
        assert not psutil.wait_procs([child], timeout=10)[1]
