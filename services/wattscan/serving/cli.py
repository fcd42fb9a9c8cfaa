"""`wattscan serve`'s options, and `wattscan health`."""

from __future__ import annotations

import argparse
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from wattscan.artifacts import default_models
from wattscan.contracts import WattscanError


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a service."""
    add_target_arguments(parser)
    add = parser.add_argument
    add("--address", default="127.0.0.1", help="to listen on (default 127.0.0.1)")
    add("--grpc-port", type=_port, default=8001, help="0: a free one (default 8001)")
    add("--metrics-port", type=_port, default=8002, help="0: a free one (default 8002)")
    add("--grace", type=float, default=30.0, help="seconds to finish requests in (default 30)")


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Which target, which models, which sysfs: what a service has to know of its machine."""
    add = parser.add_argument
    add("--target", default="cpu", help="a target's name, or a path ending in .toml (default cpu)")
    add("--models", type=Path, metavar="DIR", default=default_models(), help="the model folder")
    add(
        "--sysfs",
        type=Path,
        default=Path("/sys"),
        metavar="DIR",
        help="sysfs, if mounted elsewhere",
    )


def add_health_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a probe."""
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds (default 5)")


def run_health(args: argparse.Namespace) -> int:
    """Print the service's health; returns 0 if it is serving. Raises: WattscanError."""
    with grpc.insecure_channel(args.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=args.timeout)
        except grpc.RpcError as error:
            raise WattscanError(f"{args.address} does not answer: {error.code().name}") from None
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError(f"{port} is not a port (0 to 65535)")
    return port
