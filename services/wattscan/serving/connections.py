"""What gRPC's server is told of its connections and calls."""

from __future__ import annotations

from dataclasses import dataclass

from wattscan.units import Seconds

_LEAST_STREAMS = 16
_MINUTE, _TIMEOUT, _LEAST_PING, _NEVER = Seconds(60.0), Seconds(20.0), Seconds(10.0), Seconds(0.0)
_LARGEST = 2**31 - 1
_ROOMY = 2 * 1024**3
_HARD_LIMIT = 2
"""gRPC refuses metadata between its two limits by chance, and all above the second."""


@dataclass(frozen=True)
class Connections:
    """How many calls, how large, and how long a connection lasts; see `docs/serving.md`."""

    queue_limit: int = 64
    """Images that may wait for a model: whoever fills the queue needs as many calls."""

    most_streams: int | None = None
    """Calls of one connection at a time; None: twice the queue's limit, and 16 at least."""

    client_calls: int | None = None
    """Calls of one client at a time, over all of its connections; None: as many as one connection
    may have."""

    message_seconds: Seconds = _MINUTE
    """That a message may take to come."""

    keepalive: Seconds = _MINUTE
    """Without a sign of life, the client is pinged; 0: never."""

    keepalive_timeout: Seconds = _TIMEOUT
    """That it may take to answer."""

    least_ping_interval: Seconds = _LEAST_PING
    """A client that pings more often is told so (GOAWAY, "too_many_pings")."""

    most_age: Seconds = _NEVER
    """Of a connection, before its client is asked to make a new one; 0: none."""

    age_grace: Seconds = _MINUTE
    """That calls of a connection may take once it is too old."""

    metadata_bytes: int = 16 * 1024
    """Of a call's headers."""

    @property
    def streams(self) -> int:
        """Calls of one connection at a time."""
        return self.most_streams or max(_LEAST_STREAMS, 2 * self.queue_limit)

    @property
    def calls_of_a_client(self) -> int:
        """At a time."""
        return self.client_calls or self.streams

    @property
    def threads(self) -> int:
        """That answer calls: room for two clients that hold all that they may."""
        return 2 * self.calls_of_a_client

    @property
    def most_calls(self) -> int:
        """Open at a time, of all clients, those that wait for a thread among them."""
        return 4 * self.threads

    def options(self, largest: int, memory_left: int | None = None) -> list[tuple[str, int]]:
        """gRPC's channel arguments.

        Args:
            largest: bytes of a message that comes in, unpacked.
            memory_left: bytes; None where it is not known.
        """
        made = [
            ("grpc.max_receive_message_length", min(largest, _LARGEST)),
            # An answer is as large as its model makes it; what comes in is bounded.
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", self.streams),
            ("grpc.max_metadata_size", self.metadata_bytes),
            ("grpc.absolute_max_metadata_size", _HARD_LIMIT * self.metadata_bytes),
            # Two servers must not share a port unseen.
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", _ms(self.least_ping_interval)),
        ]
        if self.keepalive:
            made += [
                ("grpc.keepalive_time_ms", _ms(self.keepalive)),
                ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout)),
            ]
        if memory_left is not None and memory_left < _ROOMY:
            # Else gRPC takes in megabytes of each call before anybody asks for its message. It
            # costs up to 0.05 of CPU efficiency (`make benchmark-serving`, a light network).
            made.append(("grpc.http2.bdp_probe", 0))
        if self.most_age:
            made += [
                ("grpc.max_connection_age_ms", _ms(self.most_age)),
                ("grpc.max_connection_age_grace_ms", _ms(self.age_grace)),
            ]
        return made


def _ms(seconds: Seconds) -> int:
    return max(1, round(1000 * seconds))
