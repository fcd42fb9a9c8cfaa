"""The options of `wattscan serve` for connections and calls: see `connections.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from wattscan.contracts import Target
from wattscan.serving import arguments
from wattscan.serving.connections import Connections
from wattscan.units import Seconds


def add_connections(add: Callable[..., None]) -> None:
    """Those that `connections` reads."""
    standard = Connections()
    _add_calls(add, standard)
    _add_pings(add, standard)
    _add_ages(add, standard)
    add(
        "--max-metadata-bytes",
        type=arguments.headers,
        default=standard.metadata_bytes,
        metavar="N",
        help="the largest size of a call's headers in bytes, counting 32 more for each header; "
        "calls over twice this size are always refused, those between are refused by chance",
    )


def _add_calls(add: Callable[..., None], standard: Connections) -> None:
    add(
        "--max-streams",
        type=arguments.calls,
        metavar="N",
        help="how many calls one connection may have open (default: twice the target's "
        "queue_limit, at least 16)",
    )
    add(
        "--max-client-calls",
        type=arguments.calls,
        metavar="N",
        help="how many calls one client may have open; clients are told apart by their tokens, "
        "otherwise by their addresses (default: as --max-streams)",
    )
    add(
        "--message-seconds",
        type=arguments.duration,
        default=standard.message_seconds,
        metavar="SECONDS",
        help="how long a request's message may take to arrive, in seconds",
    )


def _add_pings(add: Callable[..., None], standard: Connections) -> None:
    add(
        "--keepalive-seconds",
        type=arguments.seconds,
        default=standard.keepalive,
        metavar="SECONDS",
        help="after how many seconds of silence to ping a client, so that a lost client is noticed "
        "and firewalls keep its connection; 0 never pings",
    )
    add(
        "--keepalive-timeout-seconds",
        type=arguments.duration,
        default=standard.keepalive_timeout,
        metavar="SECONDS",
        help="how long a client may take to answer a ping, in seconds",
    )
    add(
        "--least-ping-seconds",
        type=arguments.duration,
        default=standard.least_ping_interval,
        metavar="SECONDS",
        help="the least time between a client's own pings, in seconds; a client that pings more "
        "often is disconnected",
    )


def _add_ages(add: Callable[..., None], standard: Connections) -> None:
    add(
        "--max-connection-seconds",
        type=arguments.seconds,
        default=standard.most_age,
        metavar="SECONDS",
        help="after how many seconds to ask clients to connect again, so that they find new "
        "servers; this also ends the connection's open streams; 0 never asks",
    )
    add(
        "--connection-grace-seconds",
        type=arguments.duration,
        default=standard.age_grace,
        metavar="SECONDS",
        help="how long calls may take to finish on a connection that is too old, in seconds",
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
