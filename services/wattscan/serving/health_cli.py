"""`wattscan health`: whether a service answers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from wattscan.addresses import grpc_options, grpc_proxy_told, grpc_target
from wattscan.contracts import WattscanError
from wattscan.serving import arguments
from wattscan.serving.cli import DEFAULT_GRPC_PORT


def add_health_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a probe. The service's own environment is enough for one beside it."""
    port = os.environ.get("WATTSCAN_GRPC_PORT") or DEFAULT_GRPC_PORT
    parser.add_argument(
        "address",
        metavar="HOST:PORT",
        nargs="?",
        default=f"127.0.0.1:{port}",
        help="the service's gRPC address; it may begin with http:// or grpc:// (default 127.0.0.1:"
        f"{DEFAULT_GRPC_PORT}, or the port in WATTSCAN_GRPC_PORT)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        help="how many seconds to wait for an answer (default 5)",
    )
    add = arguments.adder(parser)
    add(
        "--tls-ca",
        type=Path,
        metavar="FILE",
        help="use TLS and trust these authorities (WATTSCAN_TLS_CA)",
    )
    add("--tls-cert", type=Path, metavar="FILE", help="the certificate to show (WATTSCAN_TLS_CERT)")
    add("--tls-key", type=Path, metavar="FILE", help="the key of --tls-cert (WATTSCAN_TLS_KEY)")


def run_health(args: argparse.Namespace) -> int:
    """Print the service's health; returns 0 if it is serving. Raises: WattscanError."""
    with _channel(args) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=args.timeout)
        except grpc.RpcError as error:
            raise WattscanError(
                f"{args.address} does not answer{grpc_proxy_told(args.address)} "
                f"({error.code().name}): is that HOST:PORT of its gRPC port, and, where it has "
                "TLS, --tls-ca given?"
            ) from None
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _channel(args: argparse.Namespace) -> grpc.Channel:
    if (args.tls_cert is None) != (args.tls_key is None) or (args.tls_cert and not args.tls_ca):
        raise WattscanError("mutual TLS needs --tls-ca, --tls-cert and --tls-key")
    target, options = grpc_target(args.address), grpc_options(args.address)
    if args.tls_ca is None:
        return grpc.insecure_channel(target, options=options)
    own = [p.read_bytes() if p is not None else None for p in (args.tls_key, args.tls_cert)]
    credentials = grpc.ssl_channel_credentials(args.tls_ca.read_bytes(), *own)
    return grpc.secure_channel(target, credentials, options=options)
