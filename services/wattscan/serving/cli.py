"""`wattscan serve`'s options, and `wattscan health`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wattscan import plugins
from wattscan.contracts import AUTO, Limits, Target, WattscanError
from wattscan.installation import models_folder
from wattscan.serving import arguments
from wattscan.serving.connection_options import add_connections
from wattscan.serving.security.tls import TlsFiles
from wattscan.targets import load_target

# Providers of ONNX Runtime that compute on the processor, as the other engines do.
_PROCESSOR = (None, "", "cpu", "openvino")
DEFAULT_GRPC_PORT = 8001
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a service. Each can be given as an environment variable too."""
    parser.epilog = (
        "Each option can be given as an environment variable too: --grpc-port as "
        "WATTSCAN_GRPC_PORT. docs/serving.md has the protocols, the statuses and the limits."
    )
    add_target_arguments(parser)
    add = arguments.adder(parser.add_argument_group("where it listens"))
    add("--address", default="127.0.0.1", help="the address to listen on")
    add(
        "--grpc-port",
        type=arguments.port,
        default=DEFAULT_GRPC_PORT,
        metavar="PORT",
        help="the port for gRPC; 0 picks a free one",
    )
    add(
        "--metrics-port",
        type=arguments.port,
        default=8002,
        metavar="PORT",
        help="the port of the metrics page; 0 picks a free one",
    )
    add(
        "--grace",
        type=arguments.seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long requests may take to finish when the server stops, in seconds",
    )
    _add_models(arguments.adder(parser.add_argument_group("models")))
    _add_security(arguments.adder(parser.add_argument_group("who may call")))
    _add_limits(arguments.adder(parser.add_argument_group("limits")))
    add_connections(arguments.adder(parser.add_argument_group("connections")))
    _add_logs(arguments.adder(parser.add_argument_group("what it tells")))


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Which target, which models, which sysfs: what a service has to know of its machine."""
    add = arguments.adder(parser)
    add(
        "--target", default="cpu", help="the hardware target: its name, or the path of a .toml file"
    )
    add(
        "--backend",
        metavar="ENGINE",
        help="the engine to use in place of the target's own: "
        f"{', '.join(plugins.names('backends'))}, or {AUTO}, which takes the one that costs the "
        "least according to `models tune`",
    )
    add(
        "--models",
        type=Path,
        metavar="DIR",
        default=models_folder(),
        help="the folder of models to serve",
    )
    add(
        "--sysfs",
        type=Path,
        default=Path("/sys"),
        metavar="DIR",
        help="where sysfs is mounted",
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
        type=arguments.seconds,
        default=5.0,
        metavar="SECONDS",
        help="how often to look for new, changed and removed models, in seconds; 0 never looks",
    )
    add(
        "--hang-seconds",
        type=arguments.positive,
        default=60.0,
        metavar="SECONDS",
        help="after how many seconds of one computation an engine counts as hanging, so that "
        "health says NOT_SERVING",
    )


def _add_security(add: Callable[..., None]) -> None:
    add(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="the server's certificate chain (PEM); without it there is no TLS",
    )
    add("--tls-key", type=Path, metavar="FILE", help="the private key of --tls-cert (PEM)")
    add(
        "--tls-client-ca",
        type=Path,
        metavar="FILE",
        help="require a certificate of each client, signed by one of these authorities (mutual "
        "TLS)",
    )
    add(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="a file of bearer tokens, one on each line: NAME infer|admin TOKEN; it is read again "
        "when it changes (default: no token is required)",
    )
    add(
        "--rate-limit",
        type=arguments.positive,
        metavar="N",
        help="how many requests a second one client may send (default: no limit)",
    )
    add(
        "--shared-memory",
        choices=("auto", "on", "off"),
        default="auto",
        help="whether to offer the shared-memory extension; auto offers it where only this "
        "machine can "
        "call",
    )


def _add_limits(add: Callable[..., None]) -> None:
    for flag, what in (
        ("--max-bytes", "the largest size of one file or tensor, in bytes"),
        ("--max-pixels", "the largest size of one decoded frame, in pixels"),
    ):
        add(
            flag, type=arguments.whole, metavar="N", help=f"{what} (default: the target's [limits])"
        )


def _add_logs(add: Callable[..., None]) -> None:
    add(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how log lines look; json is for programs",
    )
    add("--log-requests", choices=("yes", "no"), default="no", help="whether to log every request")
    add(
        "--otlp-endpoint",
        type=arguments.url,
        metavar="URL",
        help="where to send OpenTelemetry spans, such as http://127.0.0.1:4318/v1/traces; needs "
        "the "
        "extra otel (default: nowhere)",
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
