"""A proxy of the environment is asked for nothing on this machine, and named where it is asked."""

import http.server
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from wattscan import addresses
from wattscan.cli import main

PROXIES = ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "GRPC_PROXY")
# A port on which nothing answers.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in (*PROXIES, "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def everywhere(monkeypatch):
    for name in PROXIES:
        monkeypatch.setenv(name, NOWHERE)


@pytest.fixture
def serving():
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture
def page():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("before", ["", "http://", "grpc://"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_health_asks_this_machine_itself(everywhere, serving, before, host, capsys):
    assert main(["health", f"{before}{host}:{serving}"]) == 0
    assert capsys.readouterr().out == "SERVING\n"


def test_a_page_of_this_machine_is_read_without_a_proxy(everywhere, page):
    assert addresses.http_opener(page).open(page, timeout=5).read() == b"here"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_elsewhere_the_proxy_is_asked_and_named(monkeypatch, name, page):
    monkeypatch.setenv(name, page.removesuffix("/metrics"))
    url = "http://prometheus.invalid:9090/api"
    assert addresses.http_opener(url).open(url, timeout=5).read() == b"here"
    assert addresses.http_proxy_told(url).endswith("the environment names in http_proxy")
    assert addresses.http_proxy_told(page) == ""


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy_is_heeded_in_either_case(monkeypatch, everywhere, name):
    monkeypatch.setenv(name, "clinic.invalid")
    assert addresses.grpc_options("server.clinic.invalid:8001") == [("grpc.enable_http_proxy", 0)]
    assert addresses.grpc_proxy_told("grpc://server.clinic.invalid:8001") == ""
    assert addresses.http_proxy_told("http://server.clinic.invalid:9090") == ""
    assert addresses.grpc_options("elsewhere.invalid:8001") == []


@pytest.mark.parametrize("name", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_an_error_of_a_peer_elsewhere_names_the_proxy(monkeypatch, name, capsys):
    monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    assert main(["health", "192.0.2.7:8001", "--timeout", "1"]) == 2
    told = capsys.readouterr().err
    assert f"by way of the proxy that the environment names in {name}" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("127.0.0.1:8001", "127.0.0.1:8001"),
        ("http://127.0.0.1:8001/", "127.0.0.1:8001"),
        ("GRPC://box:8001", "box:8001"),
        ("[::1]:8001", "[::1]:8001"),
        ("unix:/run/wattscan", "unix:/run/wattscan"),
        ("dns:///box:8001", "dns:///box:8001"),
    ],
)
def test_schemes_that_say_no_more_are_left_out(address, target):
    assert addresses.grpc_target(address) == target


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("dns:///remote:443", "remote"),
        ("dns://8.8.8.8/remote:443", "remote"),
        ("dns:localhost:8001", addresses.LOOPBACK),
        ("ipv4:127.0.0.1:8001", addresses.LOOPBACK),
        ("127.1:8001", addresses.LOOPBACK),
        ("http://user:secret@127.0.0.1:9090/x", addresses.LOOPBACK),
        ("http://user:secret@remote:9090/x@y", "remote"),
        ("[::1]:8001", addresses.LOOPBACK),
        ("1.2.3:8001", "1.2.0.3"),
    ],
)
def test_the_host_of_every_way_to_write_an_address(address, host):
    assert addresses.host_of(address) == host


def test_an_address_that_is_none_has_no_proxy_to_tell(everywhere):
    assert addresses.http_proxy_told("http://[::1") in ("", addresses.http_proxy_told("http://x"))
