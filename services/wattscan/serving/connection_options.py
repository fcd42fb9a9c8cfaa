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
    add(
        "--max-streams",
        type=arguments.calls,
        metavar="N",
        help="calls of one connection at a time (default: twice the target's queue_limit, 16 at "
        "least)",
    )
    add(
        "--max-client-calls",
        type=arguments.calls,
        metavar="N",
        help="calls of one client at a time; clients are told apart by their tokens, else by their "
        "addresses (default: as --max-streams)",
    )
    add(
        "--message-seconds",
        type=arguments.duration,
        default=standard.message_seconds,
        metavar="SECONDS",
        help="the time that a request's message may take to arrive",
    )
    add(
        "--keepalive-seconds",
        type=arguments.seconds,
        default=standard.keepalive,
        metavar="SECONDS",
        help="ping a client that has been silent for that time, so that one that has gone is "
        "noticed and firewalls keep its connection; 0: never",
    )
    add(
        "--keepalive-timeout-seconds",
        type=arguments.duration,
        default=standard.keepalive_timeout,
        metavar="SECONDS",
        help="the time that it has to answer the ping",
    )
    add(
        "--least-ping-seconds",
        type=arguments.duration,
        default=standard.least_ping_interval,
        metavar="SECONDS",
        help="the least time between a client's own pings; one that pings more often is "
        "disconnected",
    )
    add(
        "--max-connection-seconds",
        type=arguments.seconds,
        default=standard.most_age,
        metavar="SECONDS",
        help="ask clients to connect anew after that time, so that they find new servers; it ends "
        "the connection's open streams too; 0: never",
    )
    add(
        "--connection-grace-seconds",
        type=arguments.duration,
        default=standard.age_grace,
        metavar="SECONDS",
        help="the time that calls have to finish on a connection that is too old",
    )
    add(
        "--max-metadata-bytes",
        type=arguments.headers,
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
