"""A client's channel: address, TLS, token, retries."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import HTTPSHandler

import grpc

from wattscan.addresses import LOOPBACK, grpc_options, grpc_target, host_of
from wattscan.contracts import WattscanError

# The service's own statuses for "later", and what a call gets that meets a service as it stops.
_TRY_AGAIN = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED")
_BACKOFF = {"initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2}
# gRPC's own limit, and a message is kept to be sent again only up to its buffer's size.
_MOST_ATTEMPTS, _BUFFER_BYTES = 5, 1 << 30


@dataclass(frozen=True)
class Tls:
    """`ca` is the certificate (PEM) that the service's is signed by, None for the system's own;
    `cert` and `key` are the client's, where the service asks for one."""

    ca: str | Path | None = None
    cert: str | Path | None = None
    key: str | Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Raises: WattscanError: a file is not there, is no PEM, or one of the pair is missing."""
        if (self.cert is None) != (self.key is None):
            raise WattscanError("a client's certificate and its key belong together: give both")
        return grpc.ssl_channel_credentials(_read(self.ca), _read(self.key), _read(self.cert))

    def opener(self) -> HTTPSHandler:
        """For a page that is served with the same certificate. Raises: WattscanError."""
        for path in (self.ca, self.key, self.cert):
            _read(path)
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except (ssl.SSLError, OSError) as error:
            raise WattscanError(f"the TLS files cannot be used: {error}") from None
        return HTTPSHandler(context=context)


def options(address: str, attempts: int) -> list[tuple[str, Any]]:
    """Of the channel. `attempts`: how often a call is sent at most."""
    policy = {**_BACKOFF, "maxAttempts": min(attempts, _MOST_ATTEMPTS)}
    policy["retryableStatusCodes"] = _TRY_AGAIN
    config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]} if attempts > 1 else {}
    return [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.service_config", json.dumps(config)),
        ("grpc.enable_retries", int(attempts > 1)),
        ("grpc.per_rpc_retry_buffer_size", _BUFFER_BYTES),
        *grpc_options(address),
    ]


def target(address: str) -> str:
    """What gRPC takes. Raises: WattscanError: it is no address."""
    if not address.strip():
        raise WattscanError("the address is empty: give HOST:PORT of the service's gRPC port")
    return grpc_target(address)


def metadata(address: str, token: str | None, tls: Tls | None) -> tuple[tuple[str, str], ...]:
    """Of each call. Raises: WattscanError: the token is none, or would go out in the clear."""
    if token and not (token.isascii() and token.isprintable()):
        raise WattscanError("the token has a character that no token has: a newline at its end?")
    if token and tls is None and host_of(address) != LOOPBACK:
        raise WattscanError(
            f"the token for {address} would go over the network in the clear: ask over TLS, by "
            "--ca or --tls, from Python by tls=wattscan.Tls(ca=...)"
        )
    return (("authorization", f"Bearer {token}"),) if token else ()


def _read(path: str | Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise WattscanError(f"{path} cannot be read: {error.strerror}") from None
    if b"-----BEGIN " not in content:
        raise WattscanError(f"{path} is no PEM file")
    return content
