"""Addresses, and what a listener outlives."""

import errno
import socket

import pytest
from http2_rig import HOST, Rig, soon

from wattscan.serving.http2.listening import Listener, _peer
from wattscan.serving.server import _bound


@pytest.mark.parametrize(
    ("family", "address", "peer"),
    [
        (socket.AF_INET, ("10.0.0.1", 5), "ipv4:10.0.0.1:5"),
        (socket.AF_INET6, ("::1", 5, 0, 0), "ipv6:[::1]:5"),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 5, 0, 0), "ipv4:10.0.0.1:5"),
    ],
)
def test_peers_are_written_as_grpc_does(family, address, peer):
    assert _peer(family, address) == peer


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
@pytest.mark.parametrize(("address", "both"), [("::", True), ("::1", False)])
def test_the_address_of_all_is_of_both_kinds(address, both):
    try:
        sock = _bound(address, 0)
    except OSError:
        pytest.skip("no IPv6 address here")
    with sock:
        port = sock.getsockname()[1]
        socket.create_connection(("::1", port), timeout=5).close()
        if both:
            socket.create_connection((HOST, port), timeout=5).close()
        else:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((HOST, port), timeout=5)


class Failing:
    """A socket whose accept fails a few times."""

    def __init__(self, sock, errors):
        self._sock, self._errors = sock, errors

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def accept(self):
        if self._errors:
            raise OSError(self._errors.pop(), "no")
        return self._sock.accept()


def test_no_error_of_accept_ends_it():
    served = []
    sock = socket.create_server((HOST, 0))
    errors = [errno.EMFILE, errno.ENETDOWN, errno.EPROTO]
    serve = lambda *both: served.append(both[1])  # noqa: E731
    listener = Listener(Failing(sock, errors), serve, 10)
    listener.start()
    with socket.create_connection(sock.getsockname(), timeout=5):
        assert soon(lambda: served)
    listener.stop()


def test_a_connection_that_fails_is_told_by_its_type(caplog):
    def fail(sock, peer):
        raise ValueError("Jane Doe")

    sock = socket.create_server((HOST, 0))
    listener = Listener(sock, fail, 10)
    listener.start()
    with socket.create_connection(sock.getsockname(), timeout=5) as one:
        assert one.recv(1) == b""
    assert "ValueError" in caplog.text
    assert "Jane" not in caplog.text
    listener.stop()


def test_a_server_that_never_started_stops():
    rig = Rig()
    rig.close()
    rig.server.stop(0)


def test_where_all_are_used_another_one_is_refused(start, caplog):
    rig = start(most_connections=2)
    calls = [rig.channel().unary_unary("/t.S/Hold").future(b"", timeout=10) for _ in range(2)]
    assert all(rig.methods.entered.acquire(timeout=5) for _ in calls)
    for _ in range(3):
        with rig.connect() as refused:
            assert refused.recv(1) == b""
    assert [record.message for record in caplog.records] == [
        "2 connections are open: another one is refused"
    ]
    rig.methods.go_on.set()
    assert [call.result(5) for call in calls] == [b"held"] * 2
