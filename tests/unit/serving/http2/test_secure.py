"""Through TLS: what the handshake settles, and who never gets through it."""

import shutil
import socket
import ssl
import subprocess
import threading
import time

import grpc
import pytest
import trustme
from http2_rig import HOST, LARGEST, data_frames, message, read_until, soon
from test_malformed import BEGIN, OPEN, WHOLE, ending

from wattscan.serving.http2 import frames, secure

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
ROOT = AUTHORITY.cert_pem.bytes()


def server_side(mutual=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(HOST).configure_cert(context)
    context.set_alpn_protocols(["h2"])
    if mutual:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_side(version=ssl.TLSVersion.TLSv1_3, protocols=("h2",)):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(list(protocols))
    return context


def channel(rig, credentials):
    options = (
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    )
    return grpc.secure_channel(f"{HOST}:{rig.port}", credentials, options)


def own_credentials(authority):
    own = authority.issue_cert("client@example.org")
    return grpc.ssl_channel_credentials(
        ROOT, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes()
    )


@pytest.fixture
def rig(start):
    return start(tls=server_side())


def assert_well(rig):
    with channel(rig, grpc.ssl_channel_credentials(ROOT)) as fresh:
        assert fresh.unary_unary("/t.S/Echo")(b"well", timeout=10) == b"well"
    assert soon(lambda: rig.server.calls == rig.server.connections == 0)


def test_large_messages_both_ways_at_once(rig):
    wrong = []
    with channel(rig, grpc.ssl_channel_credentials(ROOT)) as shared:

        def ask(number):
            data = bytes((number,)) * (LARGEST - number)
            chat = shared.stream_stream("/t.S/Chat")
            if shared.unary_unary("/t.S/Echo")(data, timeout=30) != data:
                wrong.append(number)
            if list(chat(iter([data, b"", b"x"]), timeout=30)) != [data, b"", b"x"]:
                wrong.append(number)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert_well(rig)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_stop_says_that_nothing_is_cut_off(rig, version):
    with rig.connect() as sock:
        with client_side(version).wrap_socket(
            sock, server_hostname=HOST, suppress_ragged_eofs=False
        ) as tls:
            assert tls.selected_alpn_protocol() == "h2"
            tls.sendall(BEGIN + OPEN + WHOLE)
            got = b""
            while message(b"x") not in got:
                got += tls.recv(10_000)
            stopping = threading.Thread(target=rig.server.stop, args=(1,))
            stopping.start()
            while data := tls.recv(10_000):  # without a proper end, this raises
                got += data
            assert ending(got) == 0
        stopping.join()


def test_frames_in_records_of_one_byte(rig):
    with client_side().wrap_socket(rig.connect(), server_hostname=HOST) as tls:
        for byte in BEGIN + OPEN + WHOLE:
            tls.sendall(bytes((byte,)))
        assert soon(lambda: rig.methods.metadata)
    assert_well(rig)


def test_a_client_of_another_protocol(rig):
    with client_side(protocols=["http/1.1"]).wrap_socket(
        rig.connect(), server_hostname=HOST
    ) as tls:
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while tls.recv(1000):
            pass
    assert_well(rig)


def test_a_plain_client(rig):
    with rig.connect() as sock:
        sock.sendall(BEGIN + OPEN + WHOLE)
        sock.settimeout(5)
        while sock.recv(1000):
            pass
    assert_well(rig)


@pytest.mark.parametrize("trickle", [False, True])
def test_a_handshake_that_never_ends(start, monkeypatch, trickle):
    """Nor does one whose bytes come one by one, each in time."""
    monkeypatch.setattr(secure, "_HANDSHAKE_PATIENCE", 0.3)
    rig = start(tls=server_side())
    with rig.connect() as sock:
        began = time.monotonic()
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(500)
        sock.settimeout(0.05)
        while time.monotonic() - began < 3:
            try:
                if trickle:
                    sock.sendall(hello[:1])
                    hello = hello[1:]
                if not sock.recv(1000):
                    break
            except TimeoutError:
                pass
            except OSError:
                break
        assert time.monotonic() - began < 2
    assert_well(rig)


def test_who_connects_and_goes(rig):
    for _ in range(20):
        rig.connect().close()
    assert_well(rig)


def test_who_has_no_certificate_and_who_has_a_strangers(start):
    rig = start(tls=server_side(mutual=True))
    with channel(rig, own_credentials(AUTHORITY)) as right:
        assert right.unary_unary("/t.S/Echo")(b"x", timeout=10) == b"x"
    for credentials in (grpc.ssl_channel_credentials(ROOT), own_credentials(STRANGER)):
        with channel(rig, credentials) as wrong:
            with pytest.raises(grpc.RpcError) as raised:
                wrong.unary_unary("/t.S/Echo")(b"x", timeout=10)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(rig.methods.metadata) == 1
    # TLS 1.3's client learns it from an alert, after its own end of the handshake.
    with (
        client_side().wrap_socket(rig.connect(), server_hostname=HOST) as tls,
        pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"),
    ):
        tls.recv(1000)
    assert soon(lambda: rig.server.connections == 0)


def test_bytes_that_are_no_records(rig):
    with rig.connect() as sock:
        tls = client_side().wrap_socket(sock, server_hostname=HOST)
        tls.sendall(BEGIN)
        with socket.socket(fileno=tls.detach()) as raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            raw.settimeout(5)
            try:
                while raw.recv(1000):
                    pass
            except ConnectionResetError:
                pass
    assert_well(rig)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_new_keys_on_the_way(rig):
    """The client asks for them, and goes on with its own."""
    command = ["openssl", "s_client", "-connect", f"{HOST}:{rig.port}", "-alpn", "h2", "-tls1_3"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as peer:
        for data in (BEGIN, b"K\n", OPEN + WHOLE):
            time.sleep(0.3)
            peer.stdin.write(data)
            peer.stdin.flush()
        assert soon(lambda: rig.methods.metadata)
        assert soon(lambda: rig.server.calls == 0)
        peer.stdin.close()
        out = peer.stdout.read()
    assert message(b"x") in out
    assert_well(rig)


def test_a_large_message_in_small_frames(rig):
    body = bytes(n % 251 for n in range(300_000))
    data = message(body)
    sent = [OPEN, *data_frames(1, data, ended=True)]
    with client_side().wrap_socket(rig.connect(), server_hostname=HOST) as sock:
        sock.sendall(
            frames.PREFACE
            + frames.settings({frames.INITIAL_WINDOW_SIZE: 1 << 20})
            + frames.window_update(0, 1 << 20)
            + b"".join(sent)
        )
        answer = read_until(sock, b"grpc-status")
    # Its first frame is a header block's; each DATA frame has 16 KiB.
    assert data[:16_000] in answer
    assert data[-1000:] in answer
