"""Limits, the address, and options that are wrong or come from the environment."""

import json
import logging
import shutil
import socket
import subprocess

import grpc
import numpy as np
import pytest

from commands import WATTSCAN
from odd_images import png_header
from wattscan import cli, serve
from wattscan.installation import models_folder
from wattscan.wire import open_inference_pb2 as oip
from wattscan.wire import wattscan_v1_pb2 as pb

READER = "r-0123456789abcdef"
STATUS = grpc.StatusCode


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"reader infer {READER}\n")
    path.chmod(0o600)
    return path


def infer():
    request = oip.ModelInferRequest(model_name="tiny")
    request.inputs.add(name="image", datatype="FP32", shape=[1, 4, 4, 1])
    request.raw_input_contents.append(np.zeros(16, np.float32).tobytes())
    return request


def outcome(method, request, token=None):
    """The code and the text of a call."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    call = method.future(request, metadata=metadata, timeout=20)
    return call.code(), call.details()


def test_sizes_are_limited(start, models):
    shutil.copytree(models_folder() / "nerve-ultrasound-int8", models / "nerve-ultrasound-int8")
    service = start("--max-bytes", 20_000, "--max-pixels", 10_000, "--shared-memory", "off")

    def segment(encoded):
        image = pb.Image(encoded=encoded)
        request = pb.SegmentRequest(
            task="nerve-ultrasound", precision=pb.PRECISION_INT8, image=image
        )
        return outcome(service.stub.Segment, request)

    large = segment(bytes(2**21))
    assert large[0] is STATUS.RESOURCE_EXHAUSTED  # gRPC itself, before it is read
    small = segment(bytes(20_001))
    assert (small[0], "20001 bytes; the limit is 20000" in small[1]) == (
        STATUS.INVALID_ARGUMENT,
        True,
    )
    wide = segment(png_header(101, 100))
    assert (wide[0], "the limit is 10000" in wide[1]) == (STATUS.INVALID_ARGUMENT, True)
    assert "truncated" in segment(png_header(100, 100))[1]

    key = oip.SystemSharedMemoryRegisterRequest(name="mine", key="/mine", byte_size=4)
    assert outcome(service.oip.SystemSharedMemoryRegister, key)[0] is STATUS.UNIMPLEMENTED
    status = oip.SystemSharedMemoryStatusRequest()
    assert outcome(service.oip.SystemSharedMemoryStatus, status)[0] is STATUS.UNIMPLEMENTED


def options_of(*flags):
    words = ["serve", *map(str, flags)]
    return cli._parser(words).parse_args(words)


def test_it_listens_on_this_machine_alone_unless_it_is_told(start, caplog):
    assert start().ready["grpc"].startswith("127.0.0.1:")
    caplog.set_level(logging.WARNING)
    for flags in ([], ["--address", "localhost"], ["--address", "::1"]):
        serve._warn_if_open(options_of(*flags))
    assert caplog.text == ""
    serve._warn_if_open(options_of("--address", "0.0.0.0"))
    assert "listening on 0.0.0.0 without TLS or a token" in caplog.text
    caplog.clear()
    serve._warn_if_open(options_of("--address", "0.0.0.0", "--tokens", "x"))
    assert "without TLS\n" in caplog.text
    caplog.clear()
    serve._warn_if_open(options_of("--address", "0.0.0.0", "--tokens", "x", "--tls-cert", "x"))
    assert caplog.text == ""


def test_it_listens_on_the_loopback_of_ipv6(start):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        return  # there is no IPv6 here
    service = start("--address", "::1")
    assert service.ready["grpc"].startswith("[::1]:")
    assert outcome(service.oip.ModelInfer, infer())[0] is STATUS.OK


def test_environment_variables_stand_for_options(start, tokens, monkeypatch):
    for name, value in (
        ("TOKENS", str(tokens)), ("LOG_FORMAT", "json"), ("LOG_REQUESTS", "yes"),
        ("MAX_BYTES", "1000"), ("GRPC_PORT", "1"),
    ):  # fmt: skip
        monkeypatch.setenv(f"WATTSCAN_{name}", value)
    service = start()  # whose --grpc-port 0 wins over the variable
    assert outcome(service.oip.ModelInfer, infer())[0] is STATUS.UNAUTHENTICATED
    assert outcome(service.oip.ModelInfer, infer(), READER)[0] is STATUS.OK
    service.stop()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert any(line.get("code") == "OK" for line in lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_FORMAT", "yaml"),
        ("SHARED_MEMORY", "Off"),
        ("LOG_REQUESTS", "true"),
        ("RATE_LIMIT", "0"),
        ("MAX_PIXELS", "many"),
    ],
)
def test_a_variable_is_checked_as_its_option_is(name, value, monkeypatch, capsys):
    monkeypatch.setenv(f"WATTSCAN_{name}", value)
    with pytest.raises(SystemExit) as end:
        options_of()
    assert end.value.code == 2
    assert f"--{name.lower().replace('_', '-')}" in capsys.readouterr().err


def test_a_token_file_that_is_wrong_ends_the_start_with_one_line(models, tokens):
    def told(*flags):
        ports = ("--grpc-port", "0", "--metrics-port", "0", "--models", str(models))
        done = subprocess.run(
            [*WATTSCAN, "serve", *ports, *flags], capture_output=True, text=True, timeout=60
        )
        lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
        assert (done.returncode, len(lines)) == (2, 1), done.stderr
        assert READER not in done.stderr
        return lines[0]

    assert "No such file" in told("--tokens", f"{tokens}.none")
    tokens.write_text(f"reader infer {READER}\nodd {READER}\n")
    assert "line 2 of the token file" in told("--tokens", str(tokens))
    tokens.chmod(0o644)
    assert "by others: chmod 600" in told("--tokens", str(tokens))
