"""TLS and mutual TLS, of gRPC and of the metrics page, with certificates that the test makes."""

import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tls_files import HOST, Files, health, page, serial, trusting

from commands import WATTSCAN
from waiting import wait_until

TINY = Path(__file__).parents[1] / "data" / "tiny"
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "tls"
    folder.mkdir()
    return Files(folder)


@pytest.fixture
def start(tmp_path, start_service):
    shutil.copytree(TINY, tmp_path / "models" / "tiny")
    return lambda *flags: start_service("--models", str(tmp_path / "models"), *flags)


def test_tls(files, start):
    service = start(*files.flags())
    assert health(service, grpc.ssl_channel_credentials(files.read("ca.pem"))) == SERVING
    assert health(service) is grpc.StatusCode.UNAVAILABLE  # plaintext
    other = trustme.CA().cert_pem.bytes()
    assert health(service, grpc.ssl_channel_credentials(other)) is grpc.StatusCode.UNAVAILABLE

    assert service.ready["metrics"].startswith("https://")
    assert "wattscan_model_info" in page(service, trusting(files))
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        page(service, ssl.create_default_context())
    plain = service.ready["metrics"].replace("https://", "http://")
    with pytest.raises(OSError):
        urllib.request.urlopen(plain, timeout=5)


def test_mutual_tls(files, start):
    service = start(*files.flags(mutual=True))
    pair = files.read("client.key"), files.read("client.pem")
    root = files.read("ca.pem")
    assert health(service, grpc.ssl_channel_credentials(root, *pair)) == SERVING
    assert health(service, grpc.ssl_channel_credentials(root)) is grpc.StatusCode.UNAVAILABLE
    files.issue("stranger", trustme.CA())
    strange = files.read("stranger.key"), files.read("stranger.pem")
    refused = health(service, grpc.ssl_channel_credentials(root, *strange))
    assert refused is grpc.StatusCode.UNAVAILABLE

    assert "wattscan_model_info" in page(service, trusting(files, "client"))
    for client in (None, "stranger"):
        with pytest.raises(OSError):
            page(service, trusting(files, client))


def test_a_renewed_certificate_is_taken_without_a_restart(files, start):
    service = start(*files.flags())
    before = serial(service, "grpc")
    with grpc.secure_channel(
        service.ready["grpc"], grpc.ssl_channel_credentials(files.read("ca.pem"))
    ) as kept:
        stub = health_pb2_grpc.HealthStub(kept)
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status == SERVING
        files.issue("server")
        assert serial(service, "grpc") != before
        # Who is connected stays so.
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status == SERVING
    assert health(service, grpc.ssl_channel_credentials(files.read("ca.pem"))) == SERVING
    assert "the certificate was renewed" in service.log.read_text()


def test_a_renewal_that_is_broken_leaves_the_old_certificate(files, start):
    service = start(*files.flags())
    before = serial(service, "grpc")
    key = files.read("server.key")
    files.issue("server")
    (files.folder / "server.key").write_bytes(key)  # of the old certificate
    for _ in range(3):
        assert serial(service, "grpc") == before
    (files.folder / "server.pem").unlink()
    assert serial(service, "grpc") == before
    log = service.log.read_text()
    assert log.count("is not the private key of") == 1
    assert "cannot be read: No such file" in log
    files.issue("server")
    assert serial(service, "grpc") != before


def test_the_metrics_page_takes_a_renewed_certificate(files, start):
    service = start(*files.flags())
    before = serial(service, "metrics")
    files.issue("server")
    wait_until(lambda: serial(service, "metrics") != before)


def test_a_connection_that_says_nothing_stops_neither_the_page_nor_the_server(files, start):
    service = start(*files.flags())
    port = int(service.ready["metrics"].rpartition(":")[2].partition("/")[0])
    with socket.create_connection((HOST, port)):
        time.sleep(0.2)
        try:
            assert "wattscan_model_info" in page(service, trusting(files))
            service.process.terminate()
            assert service.process.wait(10) == 0
        finally:
            service.process.kill()


def probe(service, *flags):
    command = [*WATTSCAN, "health", service.ready["grpc"], *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_a_probe_over_tls(files, start):
    service = start(*files.flags(mutual=True))
    ca = ["--tls-ca", str(files.ca)]
    own = [f"--tls-cert={files.folder}/client.pem", f"--tls-key={files.folder}/client.key"]
    assert probe(service, *ca, *own) == (0, "SERVING", "")
    for flags in (ca, []):
        code, out, error = probe(service, *flags, "--timeout", "2")
        assert (code, out) == (2, "")
        assert error.startswith("wattscan: ")
        assert "UNAVAILABLE" in error or "DEADLINE_EXCEEDED" in error
    # Half a pair must not be taken for none, nor a certificate without --tls-ca for plaintext.
    for flags in ([*ca, own[0]], [*ca, own[1]], own):
        code, out, error = probe(service, *flags)
        assert (code, out, len(error.splitlines())) == (2, "", 1), error
        assert "--tls-" in error
    code, out, error = probe(service, "--tls-ca", f"{files.folder}/none")
    assert (code, out, len(error.splitlines())) == (2, "", 1)


def test_a_probe_beside_the_service_needs_its_environment_alone(files, start):
    """As in a container, whose health check is `wattscan health`."""
    service = start(*files.flags(mutual=True))
    own = {
        "WATTSCAN_GRPC_PORT": service.ready["grpc"].rpartition(":")[2],
        "WATTSCAN_TLS_CA": str(files.ca),
        "WATTSCAN_TLS_CERT": f"{files.folder}/client.pem",
        "WATTSCAN_TLS_KEY": f"{files.folder}/client.key",
    }
    for environment, code in ((own, 0), (own | {"WATTSCAN_TLS_CA": ""}, 2)):
        done = subprocess.run(
            [*WATTSCAN, "health"], env={**os.environ, **environment}, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        assert (done.stdout == "SERVING\n") == (code == 0)


def refused_start(*flags):
    command = [*WATTSCAN, "serve", "--grpc-port", "0", "--metrics-port", "0", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1), done.stderr
    assert lines[0].startswith("wattscan: ")
    return lines[0]


def test_files_that_do_not_go_together_end_the_start_with_one_line(files, tmp_path):
    shutil.copytree(TINY, tmp_path / "models" / "tiny")
    models = ["--models", str(tmp_path / "models")]
    cert, key = f"{files.folder}/server.pem", f"{files.folder}/server.key"
    both = "both --tls-cert and --tls-key"
    assert both in refused_start(*models, "--tls-key", key)
    assert both in refused_start(*models, "--tls-client-ca", str(files.ca))
    pair = ["--tls-cert", cert, "--tls-key"]
    assert "No such file" in refused_start(*models, *pair, f"{key}.none")
    assert "is not a PEM file" in refused_start(*models, *pair, str(TINY / "model.toml"))
    other = f"{files.folder}/client.key"
    line = refused_start(*models, *pair, other)
    assert "is not the private key of" in line
    assert "-----" not in line
