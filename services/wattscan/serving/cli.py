"""`wattscan serve`'s options, and `wattscan health`."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from wattscan import plugins
from wattscan.addresses import grpc_options, grpc_proxy_told, grpc_target
from wattscan.artifacts import default_models
from wattscan.contracts import AUTO, Limits, Target, WattscanError
from wattscan.serving.connections import Connections
from wattscan.serving.security.tls import TlsFiles
from wattscan.targets import load_target
from wattscan.units import Seconds

# Providers of ONNX Runtime that compute on the processor, as the other engines do.
_PROCESSOR = (None, "", "cpu", "openvino")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a service. Each can be given as an environment variable too."""
    parser.epilog = (
        "Each option can be given as an environment variable too: --grpc-port as "
        "WATTSCAN_GRPC_PORT. docs/serving.md has the protocols, the statuses and the limits."
    )
    add_target_arguments(parser)
    add = _adder(parser.add_argument_group("where it listens"))
    add("--address", default="127.0.0.1", help="the address to listen on")
    add("--grpc-port", type=_port, default=8001, help="0: a free one")
    add("--metrics-port", type=_port, default=8002, help="0: a free one")
    add(
        "--grace",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="the time that requests have to finish when the server stops",
    )
    _add_models(_adder(parser.add_argument_group("models")))
    _add_security(_adder(parser.add_argument_group("who may call")))
    _add_limits(_adder(parser.add_argument_group("limits")))
    _add_connections(_adder(parser.add_argument_group("connections")))
    _add_logs(_adder(parser.add_argument_group("what it tells")))


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Which target, which models, which sysfs: what a service has to know of its machine."""
    add = _adder(parser)
    add("--target", default="cpu", help="a target's name, or a path ending in .toml")
    add(
        "--backend",
        metavar="ENGINE",
        help=f"the engine, instead of the target's: {', '.join(plugins.names('backends'))}, or "
        f"{AUTO}, the one that costs the least as `models tune` found",
    )
    add("--models", type=Path, metavar="DIR", default=default_models(), help="the model folder")
    add(
        "--sysfs",
        type=Path,
        default=Path("/sys"),
        metavar="DIR",
        help="sysfs, if mounted elsewhere",
    )


def chosen_target(name: str, backend: str | None) -> Target:
    """The target of that name, with another backend where one is given.

    Raises:
        WattscanError: there is no such target or backend, or the target's file is wrong.
    """
    target = load_target(name)
    if not backend or backend == target.backend:
        return target
    known = [AUTO, *plugins.names("backends")]
    if backend not in known:
        raise WattscanError(f"there is no engine called {backend!r}; there is: {', '.join(known)}")
    through = target.backend_settings.get("provider") or target.backend_settings.get("delegate")
    if through not in _PROCESSOR:
        raise WattscanError(
            f"the target {target.name} is for {target.backend} with {through}: in {backend} its "
            "figures would be another device's; name another target"
        )
    # What else its backend is told is of no use to another.
    settings = {k: v for k, v in target.backend_settings.items() if k == "threads"}
    return replace(target, backend=backend, backend_settings=settings)


def _add_models(add: Callable[..., None]) -> None:
    add(
        "--poll",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="look for new, changed and removed models so often; 0: never",
    )
    add(
        "--hang-seconds",
        type=_positive,
        default=60.0,
        metavar="SECONDS",
        help="an engine that computes for longer hangs: health says NOT_SERVING",
    )


def _add_security(add: Callable[..., None]) -> None:
    add("--tls-cert", type=Path, metavar="FILE", help="the server's certificate chain, PEM")
    add("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    add(
        "--tls-client-ca",
        type=Path,
        metavar="FILE",
        help="mutual TLS: a client must show a certificate signed by one of these",
    )
    add(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="bearer tokens, a line each: NAME infer|admin TOKEN; read again when it changes",
    )
    add(
        "--rate-limit",
        type=_positive,
        metavar="N",
        help="requests a second that one client may send",
    )
    add(
        "--shared-memory",
        choices=("auto", "on", "off"),
        default="auto",
        help="the shared-memory extension; auto: on where only this machine can call",
    )


def _add_limits(add: Callable[..., None]) -> None:
    for flag, what in (
        ("--max-bytes", "the size of one file or tensor"),
        ("--max-pixels", "the size of one decoded frame"),
    ):
        add(flag, type=_whole, metavar="N", help=f"{what} (default: the target's [limits])")


def _add_connections(add: Callable[..., None]) -> None:
    standard = Connections()
    add(
        "--max-streams",
        type=_calls,
        metavar="N",
        help="calls of one connection at a time (default: twice the target's queue_limit, 16 at "
        "least)",
    )
    add(
        "--max-client-calls",
        type=_calls,
        metavar="N",
        help="calls of one client at a time; clients are told apart by their tokens, else by their "
        "addresses (default: as --max-streams)",
    )
    add(
        "--message-seconds",
        type=_duration,
        default=standard.message_seconds,
        metavar="SECONDS",
        help="the time that a request's message may take to arrive",
    )
    add(
        "--keepalive-seconds",
        type=_seconds,
        default=standard.keepalive,
        metavar="SECONDS",
        help="ping a client that has been silent for that time, so that one that has gone is "
        "noticed and firewalls keep its connection; 0: never",
    )
    add(
        "--keepalive-timeout-seconds",
        type=_duration,
        default=standard.keepalive_timeout,
        metavar="SECONDS",
        help="the time that it has to answer the ping",
    )
    add(
        "--least-ping-seconds",
        type=_duration,
        default=standard.least_ping_interval,
        metavar="SECONDS",
        help="the least time between a client's own pings; one that pings more often is "
        "disconnected",
    )
    add(
        "--max-connection-seconds",
        type=_seconds,
        default=standard.most_age,
        metavar="SECONDS",
        help="ask clients to connect anew after that time, so that they find new servers; it ends "
        "the connection's open streams too; 0: never",
    )
    add(
        "--connection-grace-seconds",
        type=_duration,
        default=standard.age_grace,
        metavar="SECONDS",
        help="the time that calls have to finish on a connection that is too old",
    )
    add(
        "--max-metadata-bytes",
        type=_headers,
        default=standard.metadata_bytes,
        metavar="N",
        help="the size of a call's headers, with 32 bytes for each; calls over twice this size are "
        "always refused, those between by chance",
    )


def connections(options: argparse.Namespace, target: Target) -> Connections:
    """What the options say of connections and calls."""
    return Connections(
        queue_limit=target.batching.queue_limit,
        most_streams=options.max_streams,
        client_calls=options.max_client_calls,
        message_seconds=Seconds(options.message_seconds),
        keepalive=Seconds(options.keepalive_seconds),
        keepalive_timeout=Seconds(options.keepalive_timeout_seconds),
        least_ping_interval=Seconds(options.least_ping_seconds),
        most_age=Seconds(options.max_connection_seconds),
        age_grace=Seconds(options.connection_grace_seconds),
        metadata_bytes=options.max_metadata_bytes,
    )


def _add_logs(add: Callable[..., None]) -> None:
    add("--log-format", choices=("text", "json"), default="text", help="json: for programs")
    add("--log-requests", choices=("yes", "no"), default="no", help="a line for each request")
    add(
        "--otlp-endpoint",
        type=_url,
        metavar="URL",
        help="send OpenTelemetry spans there, such as http://127.0.0.1:4318/v1/traces (needs the "
        "extra otel)",
    )


def limits(options: argparse.Namespace, target: Target) -> Limits:
    """What an image may be: as the options say, else as the target does."""
    given = {"max_bytes": options.max_bytes, "max_pixels": options.max_pixels}
    return replace(target.limits, **{key: most for key, most in given.items() if most is not None})


def tls_files(options: argparse.Namespace) -> TlsFiles | None:
    """The TLS files that the options name. Raises: WattscanError, unless they go together."""
    if options.tls_cert is None and options.tls_key is None and options.tls_client_ca is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise WattscanError("TLS needs both --tls-cert and --tls-key")
    return TlsFiles(options.tls_cert, options.tls_key, options.tls_client_ca)


def is_loopback(address: str) -> bool:
    """Whether only this machine can call."""
    return address in _LOOPBACK


def shares_memory(options: argparse.Namespace) -> bool:
    """Whether the shared-memory extension is offered."""
    choice: str = options.shared_memory
    return choice == "on" or (choice == "auto" and is_loopback(options.address))


def add_health_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a probe."""
    parser.add_argument(
        "address", metavar="HOST:PORT", help="of its gRPC port; http:// or grpc:// may stand before"
    )
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds (default 5)")
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="trust these, and use TLS")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="for mutual TLS")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="for mutual TLS")


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


def _adder(group: Any) -> Callable[..., None]:
    """`add_argument`, whose default an environment variable may replace and the help tells."""

    def add(flag: str, **kinds: Any) -> None:
        default = kinds.get("default")
        if default is not None:
            shown = str(default).replace("%", "%%")
            kinds["help"] += (
                f" (default {'models/ of the checkout' if flag == '--models' else shown})"
            )
        given = os.environ.get(f"WATTSCAN_{flag.strip('-').replace('-', '_').upper()}")
        if given:  # an empty one is none
            kinds["default"] = given
            if "choices" in kinds:
                # argparse checks what it parses, and no default.
                kinds["type"] = _one_of(flag, kinds["choices"])
        group.add_argument(flag, **kinds)

    return add


def _one_of(flag: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(
                f"{flag} must be one of {', '.join(choices)}, on the command line or as an "
                "environment variable"
            )
        return text

    return check


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} is not a URL, http://... or https://...")
    return text


def _port(text: str) -> int:
    return int(_number(text, 0, 65535, "a port (0 to 65535)", whole=True))


def _seconds(text: str) -> float:
    return _number(text, 0, 1e6, "a number of seconds from 0 to 1000000")


def _positive(text: str) -> float:
    return _number(text, 1e-9, 1e9, "a number above 0")


def _duration(text: str) -> float:
    return _number(text, 0.001, 1e6, "a number of seconds from 0.001 to 1000000")


def _headers(text: str) -> int:
    return int(_number(text, 1024, 2**20, "a whole number from 1024 to 1048576", whole=True))


def _calls(text: str) -> int:
    return int(_number(text, 1, 10_000, "a whole number from 1 to 10000", whole=True))


def _whole(text: str) -> int:
    return int(_number(text, 1, 2**31 - 1, "a whole number above 0", whole=True))


def _number(text: str, lowest: float, highest: float, what: str, whole: bool = False) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = math.nan
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(f"{text} is not {what}")
    return number
